import { describe, it } from 'vitest';
import { logContract } from '../../src/logs/contract/index.ts';
import { type Log, MemoryEngine, MemoryLog } from '../../src/logs/index.ts';

describe('the log in memory, which is the streams of one process', () => {
  const cases = logContract({
    open: async (nodes, limits) => {
      const engine = new MemoryEngine();
      const logs = Array.from({ length: nodes }, (_, n) => new MemoryLog({ engine, limits, node: `n${n}` }));
      return {
        logs,
        close: async () => {
          for (const log of logs) await log.close();
        },
      };
    },
    cut: (log: Log) => {
      const { wire } = log as MemoryLog;
      wire.cut();
      setImmediate(() => wire.restore());
    },
  });
  for (const { name, run } of cases) it(name, run);
});
