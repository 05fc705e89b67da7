/** A proxy that cuts the connections through it, one every now and then. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pause, type Run } from './run.ts';

export interface Cutter {
  readonly port: number;
  close(): void;
}

export async function startCutter(run: Run): Promise<Cutter> {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: run.port });
    for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
      open.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(socket);
          other.destroy();
        });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  void (async () => {
    while (!run.writing.signal.aborted) {
      await pause(run.between(20, 200), run.writing.signal);
      const all = [...open];
      const one = all[run.between(0, Math.max(0, all.length - 1))];
      if (one === undefined || run.writing.signal.aborted) continue;
      run.counts.cuts++;
      if (run.random() < 0.5) one.destroy();
      else one.resetAndDestroy();
    }
  })();
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
