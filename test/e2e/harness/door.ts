/** A proxy between a client and a server whose connections a test can cut. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Door {
  readonly url: string;
  /** Cuts every current connection; new ones are accepted. */
  shut(): void;
  /** The same, and refuses new connections until it is opened. */
  lock(): void;
  open(): void;
}

export async function doorTo(port: number): Promise<Door> {
  const through = new Set<Socket>();
  const keep = (socket: Socket, other: Socket) => {
    through.add(socket);
    socket
      .on('error', () => undefined)
      .on('close', () => {
        through.delete(socket);
        other.destroy();
      });
  };
  let isLocked = false;
  const server = createServer((near) => {
    if (isLocked) {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    keep(near, far);
    keep(far, near);
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const shut = () => {
    for (const socket of through) socket.destroy();
  };
  onTestFinished(() => {
    shut();
    server.close();
  });
  const lock = () => {
    isLocked = true;
    shut();
  };
  const open = () => {
    isLocked = false;
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, shut, lock, open };
}
