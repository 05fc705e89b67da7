import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/core/index.ts';
import { streamfsPlugin } from '../../../src/plugins/index.ts';
import { collectGarbage } from '../../core/helpers.ts';
import { recorder } from './setup.ts';

/** So many that what else the process allocates meanwhile does not count. */
const STREAMS = 32_768;

/** Bytes of V8's heap and of its array buffers, after a full collection. */
function memory(): { heap: number; buffers: number } {
  // Objects freed by one collection may free more in the next.
  for (let n = 0; n < 3; n++) collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers };
}

describe('streams that hold a message and have no reader', () => {
  it('contract 16: take less than 1 KiB of heap each, and of other memory what they are charged for it', async () => {
    const budget = new MemoryBudget(0);
    const { logger } = recorder();
    const context = { mountPath: '/streamfs', logger: { ...logger, debug: () => undefined }, memory: budget };
    const { fileSystem } = await streamfsPlugin.initialize({ max_streams: 0 }, context);
    const message = Buffer.alloc(100);
    for (let n = 0; n < 64; n++) await fileSystem.write(`/before/${n}`, message);
    const before = memory();
    const charged = budget.history;
    for (let n = 0; n < STREAMS; n++) await fileSystem.write(`/${n}`, message);
    const after = memory();
    expect((after.heap - before.heap) / STREAMS).toBeLessThan(1024);
    // A block that was begun before, or is not full yet.
    expect(Math.abs(after.buffers - before.buffers - (budget.history - charged))).toBeLessThan(16 * 1024);
  });
});
