/** A start with less memory than the streams and producers on disk need. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBudget, MIN_BUDGET } from '../../src/core/index.ts';
import { PRODUCER_COST } from '../../src/core/internal.ts';
import { contentOfParts } from '../../src/fs/content.ts';
import { StreamFileSystem } from '../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../src/plugins/streamfs/settings.ts';
import { recorder } from '../app/recorder.ts';
import { FakeClock } from '../fs/fake-clock.ts';

let directory: string;
let clock: FakeClock;
let running: StreamFileSystem | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'streamfs-short-'));
  clock = new FakeClock();
});

afterEach(async () => {
  await running?.shutdown();
  running = undefined;
  await rm(directory, { recursive: true, force: true });
});

async function start(memory?: MemoryBudget, logger = recorder()): Promise<StreamFileSystem> {
  await running?.shutdown();
  running = undefined;
  const settings = parseSettings({ persist: directory, persist_sync: 'none', max_streams: 0, max_producers: 0 });
  running = await StreamFileSystem.open(settings, { logger, memory }, clock);
  return running;
}

async function append(fs: StreamFileSystem, path: string, id: string, seq: number): Promise<void> {
  const writer = await fs.openProducerWrite(path, { id, epoch: 0, seq }, {});
  await writer.write(Buffer.from(`${id} ${seq}\n`));
  await writer.close();
}

async function contentOf(fs: StreamFileSystem, path: string): Promise<string> {
  const { parts, content = contentOfParts([]) } = await fs.snapshot(path);
  const all = [...parts];
  for await (const piece of content) all.push(piece);
  return Buffer.concat(all).toString();
}

describe('contract 107: a start with little memory', () => {
  it('restores every stream, and forgets the producers that have been idle longest', async () => {
    let fs = await start();
    const paths = Array.from({ length: 60 }, (_, n) => `/s${n}`);
    const ids = Array.from({ length: 100 }, (_, n) => `p${n}`);
    for (const path of paths) {
      clock.standStill(1000);
      await Promise.all(ids.map((id) => append(fs, path, id, 0)));
    }
    clock.standStill(1000);
    // The oldest stream is written to again, by the first of its producers.
    await append(fs, '/s0', 'p0', 1);
    const before = await contentOf(fs, '/s0');
    const memory = new MemoryBudget(MIN_BUDGET);
    const logger = recorder();
    fs = await start(memory, logger);
    expect(memory.limit).toBe(MIN_BUDGET);
    // Connections still have room.
    expect(memory.fixed).toBeLessThanOrEqual(MIN_BUDGET / 2);
    const known = (memory.fixed - 60 * 4 * 1024) / PRODUCER_COST;
    expect(known).toBeGreaterThan(1000);
    expect((await fs.readDir('/')).length).toBe(1 + paths.length);
    expect(await contentOf(fs, '/s0')).toBe(before);
    expect(logger.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: expect.stringMatching(/^producers were forgotten at startup/),
      }),
    );
    // Remembered: a repetition is not applied again. Forgotten: the append is refused, not applied twice.
    await append(fs, '/s0', 'p0', 1);
    await append(fs, '/s59', 'p99', 0);
    await append(fs, '/s59', 'p99', 1);
    expect(await contentOf(fs, '/s0')).toBe(before);
    await expect(append(fs, '/s1', 'p0', 1)).rejects.toMatchObject({
      code: 'PRODUCER_GAP',
      details: { forgotten_to: expect.any(Number) },
    });
  });

  it('raises the limit if the streams alone need more, and says so', async () => {
    let fs = await start();
    const count = 600;
    for (let n = 0; n < count; n++) await fs.write(`/d${n % 7}/s${n}`, Buffer.from(`${n}`));
    const memory = new MemoryBudget(MIN_BUDGET);
    const logger = recorder();
    fs = await start(memory, logger);
    expect(memory.limit).toBeGreaterThan(MIN_BUDGET);
    expect(memory.used).toBeLessThanOrEqual(memory.limit);
    const line = logger.lines.find(({ message }) => message.includes('so the limit is raised'));
    expect(line).toMatchObject({ level: 'warn', facts: { streams: count, limit: memory.limit } });
    for (let n = 0; n < count; n += 50) {
      const path = `/d${n % 7}/s${n}`;
      await fs.write(path, Buffer.from('!'));
      expect(await contentOf(fs, path)).toBe(`${n}!`);
    }
    await fs.write('/new', Buffer.from('x'));
  });

  it('gives back the memory of streams that have expired meanwhile, and all of a mount that is shut down', async () => {
    const fs = await start();
    await fs.create('/gone', { settings: { ttl: 1000 } });
    await fs.write('/kept', Buffer.from('x'));
    clock.standStill(1000);
    const memory = new MemoryBudget(MIN_BUDGET);
    await start(memory);
    expect(memory.holderCount).toBe(1);
    await running!.shutdown();
    running = undefined;
    expect([memory.holderCount, memory.fixed]).toEqual([0, 0]);
  });
});
