/** A proxy that cuts one of its connections from time to time. */
import { type CuttingProxy, startProxy } from './proxy.ts';
import { pause, type Run } from './run.ts';

export async function startCutter(run: Run): Promise<CuttingProxy> {
  const proxy = await startProxy(() => run.port);
  void (async () => {
    while (!run.writing.signal.aborted) {
      await pause(run.between(20, 200), run.writing.signal);
      const all = [...proxy.open];
      const one = all[run.between(0, Math.max(0, all.length - 1))];
      if (one === undefined || run.writing.signal.aborted) continue;
      run.counts.cuts++;
      if (run.random() < 0.5) one.destroy();
      else one.resetAndDestroy();
    }
  })();
  return proxy;
}
