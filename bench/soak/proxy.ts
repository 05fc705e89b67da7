/** A proxy whose connections can be cut, and held. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Both sockets of every connection. */
  readonly open: ReadonlySet<Socket>;
  /** Cuts all connections; new ones are accepted, but not forwarded. */
  hold(): void;
  /** Forwards the held connections. */
  release(): void;
  close(): void;
}

/** `target` is called for each connection, because the port may change. */
export async function startProxy(target: () => number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let held: Socket[] | undefined;
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
  };
  const pass = (near: Socket) => {
    if (near.destroyed) return;
    const far = connect({ host: '127.0.0.1', port: target() });
    keep(far);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  };
  const server = createServer((near) => {
    keep(near);
    if (held === undefined) pass(near);
    else held.push(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cutAll = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    open,
    hold() {
      held ??= [];
      cutAll();
    },
    release() {
      const waiting = held ?? [];
      held = undefined;
      for (const near of waiting) pass(near);
    },
    close() {
      cutAll();
      server.close();
    },
  };
}
