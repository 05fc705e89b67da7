/** A proxy between a client and a server whose connections a test can cut, or freeze. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface CuttableProxy {
  readonly url: string;
  /** Cuts every current connection; new ones are accepted. */
  cutAll(): void;
  /**
   * Forwards nothing more over any current connection, not even its end, and leaves it open, as a lost network does;
   * new ones are accepted.
   */
  freezeAll(): void;
  /** Cuts every current connection, and refuses new connections until `accept`. */
  refuse(): void;
  accept(): void;
}

export async function cuttableProxyTo(port: number): Promise<CuttableProxy> {
  const through = new Set<Socket>();
  const frozen = new WeakSet<Socket>();
  const keep = (socket: Socket, other: Socket) => {
    through.add(socket);
    socket
      .on('error', () => undefined)
      .on('close', () => {
        through.delete(socket);
        if (!frozen.has(other)) other.destroy();
      });
  };
  let isRefusing = false;
  const server = createServer((near) => {
    if (isRefusing) {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    keep(near, far);
    keep(far, near);
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cutAll = () => {
    for (const socket of through) socket.destroy();
  };
  const freezeAll = () => {
    for (const socket of through) {
      frozen.add(socket);
      socket.unpipe();
      socket.pause();
    }
  };
  onTestFinished(() => {
    cutAll();
    server.close();
  });
  const refuse = () => {
    isRefusing = true;
    cutAll();
  };
  const accept = () => {
    isRefusing = false;
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cutAll, freezeAll, refuse, accept };
}
