/**
 * More exactly-once writers than the server remembers, each silent for longer than it is remembered. Some stay silent
 * with an open append, which keeps them known; others are disconnected, which does not.
 */
import { StreamFSClient } from '../../src/client/index.ts';
import { acknowledgedFetch } from './acknowledged.ts';
import { line, linesOf } from './lines.ts';
import { startProxy } from './proxy.ts';
import { pause, type Run } from './run.ts';

const PATH = '/silent/all';
const WRITERS = 6;
/** Milliseconds; the mount's `producer_ttl` is 3000. */
const SILENCE = { least: 1000, most: 8000 };

export async function silentWriters(run: Run): Promise<void> {
  const writers = Array.from({ length: WRITERS }, () => (writer: number) => write(run, writer));
  await run.guard('silent writers', () =>
    linesOf(run, PATH, writers, (lines) => {
      run.counts.silentLines += lines;
    }),
  );
}

async function write(run: Run, writer: number): Promise<number> {
  const { signal } = run.writing;
  const proxy = await startProxy(() => run.port);
  let acknowledged = 0;
  let producers = 0;
  const fetch = acknowledgedFetch(({ seq }) => {
    if (seq > 0) acknowledged++;
    else if (++producers > 1) run.counts.forgotten++;
  });
  let count = 0;
  async function* source() {
    while (!signal.aborted) {
      const bytes = line(writer, count++);
      const middle = run.between(1, bytes.length - 1);
      const before = acknowledged;
      yield bytes.subarray(0, middle);
      await pause(run.between(0, 2000), signal);
      yield bytes.subarray(middle);
      // If it were disconnected earlier and then forgotten, the applied part of its append would be unknown.
      while (acknowledged === before && !signal.aborted) await pause(20, signal);
      if (signal.aborted) return;
      run.counts.silences++;
      const isCut = run.random() < 0.7;
      if (isCut) proxy.hold();
      await pause(run.between(SILENCE.least, SILENCE.most), signal);
      if (isCut) proxy.release();
    }
  }
  const client = new StreamFSClient({ url: `http://127.0.0.1:${proxy.port}`, fetch });
  await client.write(PATH, source(), {
    atomic: 'lines',
    reconnect: { initial: 20, max: 500 },
    retryFor: 300_000,
  });
  fetch.close();
  proxy.close();
  return count;
}
