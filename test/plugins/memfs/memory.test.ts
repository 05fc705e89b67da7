import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { MemoryBudget } from '../../../src/core/index.ts';
import { isStreamFSError } from '../../../src/errors/index.ts';
import type { FileHandle, FileSystem } from '../../../src/fs/index.ts';
import { memfsPlugin } from '../../../src/plugins/index.ts';

const KB = 1024;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

async function mounted(memory: MemoryBudget): Promise<{ fs: FileSystem; shutdown: () => Promise<void> }> {
  const instance = await memfsPlugin.initialize({}, { mountPath: '/m', logger: SILENT, memory });
  return { fs: instance.fileSystem, shutdown: () => instance.shutdown() };
}

/** Whether the action succeeded, or there was no room for it; rethrows anything else. */
async function fits(action: Promise<unknown>): Promise<boolean> {
  try {
    await action;
    return true;
  } catch (error) {
    if (isStreamFSError(error, 'STORAGE_FULL')) return false;
    throw error;
  }
}

describe('memfs within a budget', () => {
  it('refuses a write without room, and leaves the file unchanged', async () => {
    const { fs } = await mounted(new MemoryBudget(2 * KB * KB));
    expect(await fits(fs.write('/a', new Uint8Array(KB * KB)))).toBe(true);
    expect(await fits(fs.write('/b', new Uint8Array(KB * KB)))).toBe(false);
    expect(await fits(fs.write('/a', new Uint8Array(500 * KB)))).toBe(false);
    expect(await fits(fs.truncate('/a', 2 * KB * KB))).toBe(false);
    expect((await fs.stat('/a')).size).toBe(KB * KB);
    expect((await fs.readDir('/')).map(({ name }) => name)).toEqual(['a']);
    await fs.remove('/a');
    expect(await fits(fs.write('/b', new Uint8Array(KB * KB)))).toBe(true);
  });

  it('contract 95: many small appends cost few copies, also when memory runs short', async () => {
    const { fs } = await mounted(new MemoryBudget(2 * KB * KB));
    const handle = await fs.openHandle('/a', { flags: 1 | 16, mode: 0o644 });
    const piece = new Uint8Array(64);
    const set = Uint8Array.prototype.set;
    let copied = 0;
    const spy = vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, source, at) {
      copied += source.length;
      set.call(this, source, at);
    });
    try {
      while (await fits(handle.write(piece)));
    } finally {
      spy.mockRestore();
    }
    const { size } = await fs.stat('/a');
    expect(size).toBeGreaterThan(512 * KB);
    expect(copied).toBeLessThan(20 * size);
    await handle.close();
  });

  it('gives back all of a write at an offset if there is no room for the file itself', async () => {
    const memory = new MemoryBudget(2 * KB * KB);
    const { fs } = await mounted(memory);
    const before = memory.fixed;
    // A fifth of the budget for the body, another for the body after the zeros, and less than a file for the rest.
    const body = 256 * KB;
    const other = memory.limit * (5 / 8) - 2 * body - 100;
    expect(memory.tryTake(other)).toBe(true);
    expect(await fits(fs.write('/a', new Uint8Array(body - 1), { offset: 1 }))).toBe(false);
    memory.give(other);
    expect(memory.fixed).toBe(before);
  });

  it('gives a removed file back when the last handle on it closes', async () => {
    const memory = new MemoryBudget(0);
    const { fs } = await mounted(memory);
    await fs.write('/a', new Uint8Array(100 * KB));
    const handle = await fs.openHandle('/a', { flags: 2, mode: 0o644 });
    await fs.remove('/a');
    await handle.write(new Uint8Array(10), 200 * KB);
    expect(memory.fixed).toBeGreaterThan(200 * KB);
    await handle.close();
    await handle.close();
    expect(memory.fixed).toBe(0);
  });

  it('any interleaving gives back all it took', async () => {
    const path = fc.constantFrom('/a', '/b', '/d/a', '/d/b');
    const size = fc.integer({ min: 0, max: 400 * KB });
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom('write' as const, 'append', 'at', 'body', 'break off', 'truncate'), path, size }),
      fc.record({ do: fc.constantFrom('remove' as const, 'open', 'removeAll', 'rename'), path, size }),
      fc.record({ do: fc.constantFrom('use' as const, 'close'), path, size }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const memory = new MemoryBudget(2 * KB * KB);
        const { fs, shutdown } = await mounted(memory);
        await fs.mkdir('/d', 0o755);
        const handles: FileHandle[] = [];
        const act: Record<(typeof steps)[number]['do'], (path: string, size: number) => Promise<unknown>> = {
          write: (at, length) => fs.write(at, new Uint8Array(length)),
          append: (at, length) => fs.write(at, new Uint8Array(length), { append: true }),
          at: (at, length) => fs.write(at, new Uint8Array(10), { offset: length }),
          body: async (at, length) => {
            const writer = await fs.openWrite(at, { offset: length % 2 === 0 ? -1 : 100 });
            try {
              await writer.write(new Uint8Array(length));
            } catch (error) {
              await writer.abort();
              throw error;
            }
            await writer.close();
          },
          'break off': async (at, length) => {
            const writer = await fs.openWrite(at);
            await Promise.resolve(length)
              .then(() => writer.write(new Uint8Array(length)))
              .finally(() => writer.abort());
          },
          truncate: (at, length) => fs.truncate(at, length),
          remove: (at) => fs.remove(at),
          removeAll: () => fs.removeAll('/'),
          rename: (at) => fs.rename(at, '/d/c'),
          open: async (at) => handles.push(await fs.openHandle(at, { flags: 2, mode: 0o644 })),
          use: async (_, length) => handles[0]?.write(new Uint8Array(length), 0),
          close: async () => handles.shift()?.close(),
        };
        for (const one of steps) {
          try {
            await act[one.do](one.path, one.size);
          } catch (error) {
            if (!isStreamFSError(error)) throw error;
          }
          expect(memory.used).toBeLessThanOrEqual(memory.limit);
          expect(memory.fixed).toBeGreaterThanOrEqual(0);
        }
        await shutdown();
        for (const handle of handles) await handle.close();
        expect(memory.fixed).toBe(0);
      }),
      { numRuns: 200, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
    );
  }, 90_000);
});
