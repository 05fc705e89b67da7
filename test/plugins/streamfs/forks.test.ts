/** Forks of large streams: how they are made, and concurrent operations (contract 105). */
import { cpSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { MAX_CHUNK, MemoryBudget } from '../../../src/core/index.ts';
import { internalOf } from '../../../src/core/internal.ts';
import type { CreatedStream, CreateStreamOptions } from '../../../src/fs/index.ts';
import { StreamFileSystem } from '../../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../../src/plugins/streamfs/settings.ts';
import { recorder } from '../../app/recorder.ts';
import { pattern } from '../../e2e/harness/pattern.ts';

const MB = 1024 * 1024;
const SIZE = 12 * MB;

let directory: string;
let open: StreamFileSystem[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'streamfs-forks-'));
});

afterEach(async () => {
  for (const fs of open) await fs.shutdown();
  open = [];
  await rm(directory, { recursive: true, force: true });
});

/** Streams whose fork takes many turns: bytes on disk, and bytes in memory that are scanned for join points. */
const KINDS = [
  { name: 'on disk', type: 'application/octet-stream', config: { ring_buffer_size: '1MB', persist: true } },
  { name: 'in memory', type: 'audio/mpeg', config: { ring_buffer_size: '64MB' } },
] as const;
type Kind = (typeof KINDS)[number];

async function start({ config }: Pick<Kind, 'config'>, memory?: MemoryBudget, at = directory) {
  const persist = 'persist' in config ? { persist: at } : {};
  const settings = parseSettings({ ...config, ...persist });
  const fs = await StreamFileSystem.open(settings, { logger: recorder(), memory });
  open.push(fs);
  return fs;
}

const options = ({ type }: Pick<Kind, 'type'>): CreateStreamOptions => ({
  data: new Uint8Array(0),
  end: false,
  settings: { type },
});
const forkOptions = (kind: Pick<Kind, 'type'>, source = '/source') => ({
  ...options(kind),
  fork: { source, beyond: 0 },
});

/** A stream at /source, whose bytes are a function of their offset. */
async function filled(fs: StreamFileSystem, kind: Kind, size = SIZE) {
  const { stream } = await fs.streams().create('/source', options(kind));
  for (let at = 0; at < size; at += MAX_CHUNK) await fs.write('/source', pattern(at, MAX_CHUNK));
  expect(stream.endOffset).toBe(size);
  return internalOf(stream);
}

async function contentOf({ stream }: Pick<CreatedStream, 'stream'>): Promise<Buffer> {
  const { endOffset, withHistory } = internalOf(stream);
  return Buffer.from(await withHistory.bytes(withHistory.startOffset, endOffset));
}

/** Whether it is the pattern from the first byte up to `size`. */
const isWhole = (content: Buffer, size = SIZE) => Buffer.compare(content, pattern(0, size)) === 0;

/** Counts turns of the event loop until the work is done, and runs `each` in each of them. */
async function inTurns<T>(work: Promise<T>, each: (turn: number) => Promise<void> | void) {
  let isDone = false;
  const result = work.then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  );
  void result.then(() => {
    isDone = true;
  });
  let turns = 0;
  for (; !isDone; turns++) {
    await each(turns);
    await nextTurn();
  }
  return { turns, ...(await result) };
}

describe.each(KINDS)('a fork of a stream that is long, $name', (kind) => {
  it('contract 105: is made a slice at a time: it is not there before it is whole, and has what was there when it was asked for', async () => {
    const fs = await start(kind);
    const source = await filled(fs, kind);
    const store = fs.streams();
    let unseen = 0;
    const { value } = await inTurns(store.create('/fork', forkOptions(kind)), async (turn) => {
      const isListed = (await fs.readDir('/')).some(({ name }) => name === 'fork');
      const found = await store.find('/fork').catch(() => undefined);
      // Not before it is complete.
      if (isListed || found !== undefined) expect(found?.stream.endOffset).toBe(SIZE);
      else unseen++;
      if (turn < 4) await fs.write('/source', pattern(SIZE + turn * MAX_CHUNK, MAX_CHUNK));
    });
    // At most 2 MiB in a turn.

    expect(unseen).toBeGreaterThan(SIZE / MB / 2 - 2);
    expect(source.endOffset).toBe(SIZE + 4 * MAX_CHUNK);
    expect(value).toMatchObject({ isNew: true });
    expect(isWhole(await contentOf(value!))).toBe(true);
    expect(internalOf(value!.stream).stats().totalChunks).toBe(SIZE / MAX_CHUNK);
    expect((await store.find('/fork')).stream).toBe(value!.stream);
    await fs.write('/fork', Buffer.from('its own'));
    expect(isWhole((await contentOf(value!)).subarray(0, SIZE))).toBe(true);
    expect(source.endOffset).toBe(SIZE + 4 * MAX_CHUNK);
  });

  it('contract 105: is not created if its source is removed meanwhile, and leaves nothing behind', async () => {
    const memory = new MemoryBudget(200 * MB);
    const fs = await start(kind, memory);
    await filled(fs, kind);
    const { turns, error } = await inTurns(fs.streams().create('/fork', forkOptions(kind)), async (turn) => {
      if (turn === 2) await fs.remove('/source');
    });
    expect(turns).toBeGreaterThan(2);
    expect(error).toMatchObject({ code: 'STREAM_NOT_FOUND' });
    expect((await fs.readDir('/')).map(({ name }) => name)).toEqual(['README']);
    expect(memory).toMatchObject({ history: 0, holderCount: 0 });
    // The name of the source is free as well.
    await fs.streams().create('/source', options(kind));
  });

  it('contract 105: is not created if the server stops meanwhile', async () => {
    const memory = new MemoryBudget(200 * MB);
    const fs = await start(kind, memory);
    await filled(fs, kind);
    let stopping: Promise<void> | undefined;
    const { error } = await inTurns(fs.streams().create('/fork', forkOptions(kind)), (turn) => {
      if (turn === 2) stopping = fs.shutdown();
    });
    expect(error).toMatchObject({ code: 'SHUTTING_DOWN' });
    await stopping;
    expect(memory.history).toBe(0);
    const again = await start(kind);
    await expect(again.streams().find('/fork')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it('contract 105: of two at the same path one is made, and the other is that or is refused', async () => {
    const memory = new MemoryBudget(200 * MB);
    const fs = await start(kind, memory);
    await filled(fs, kind);
    const store = fs.streams();
    const [one, same, other] = await Promise.all([
      store.create('/fork', forkOptions(kind)),
      store.create('/fork', forkOptions(kind)),
      store.create('/fork', { ...forkOptions(kind), end: true }).catch((error: unknown) => error),
    ]);
    expect([one.isNew, same.isNew].sort()).toEqual([false, true]);
    expect(one.stream).toBe(same.stream);
    expect(other).toMatchObject({ code: 'STREAM_SETTINGS_DIFFER' });
    expect(isWhole(await contentOf(one))).toBe(true);
    await fs.remove('/fork');
    await fs.remove('/source');
    expect(memory.history).toBe(0);
  });

  it('contract 105: gives way to a stream that comes to its path meanwhile', async () => {
    const fs = await start(kind);
    await filled(fs, kind);
    const { error } = await inTurns(fs.streams().create('/fork', forkOptions(kind)), async (turn) => {
      if (turn === 1) await fs.write('/fork', Buffer.from('another'));
    });
    expect(error).toMatchObject({ code: 'STREAM_SETTINGS_DIFFER' });
    expect(Buffer.concat((await fs.snapshot('/fork')).parts).toString()).toBe('another');
  });
});

describe('a fork of a stream in memory', () => {
  const kind = KINDS[1];

  it('contract 105: has what its source had, though all of that leaves its source meanwhile', async () => {
    const config = { ring_buffer_size: SIZE };
    const fs = await start({ config: config as unknown as Kind['config'] });
    await filled(fs, kind);
    const { value } = await inTurns(fs.streams().create('/fork', forkOptions(kind)), async (turn) => {
      if (turn === 1) for (let n = 0; n < SIZE; n += MAX_CHUNK) await fs.write('/source', new Uint8Array(MAX_CHUNK));
    });
    expect(isWhole(await contentOf(value!))).toBe(true);
    const { parts } = await fs.snapshot('/source');
    expect(Buffer.concat(parts).every((byte) => byte === 0)).toBe(true);
  });

  it('contract 105: is made immediately if there is nothing to search in it', async () => {
    const plain = { ...kind, type: 'application/octet-stream' } as const;
    const fs = await start(plain);
    await filled(fs, plain as unknown as Kind);
    const { turns, value } = await inTurns(fs.streams().create('/fork', forkOptions(plain)), () => undefined);
    expect(turns).toBeLessThanOrEqual(1);
    expect(isWhole(await contentOf(value!))).toBe(true);
  });

  it('contract 95, 105: is refused where it is more than half of the memory for streams, and no stream loses anything', async () => {
    const memory = new MemoryBudget(20 * MB);
    const fs = await start(kind, memory);
    const source = await filled(fs, kind);
    const { history, holderCount, givenUp } = memory;
    const refused = fs.streams().create('/fork', forkOptions(kind));
    await expect(refused).rejects.toMatchObject({ code: 'MEMORY_LIMIT' });
    expect(memory).toMatchObject({ history, holderCount, givenUp });
    expect(isWhole(await contentOf({ stream: source }))).toBe(true);
    // A part of it may exist.
    const fork = { source: '/source', beyond: 1, offset: async () => 4 * MB - 1 };
    const { stream } = await fs.streams().create('/part', { ...options(kind), fork });
    expect(isWhole(await contentOf({ stream }), 4 * MB)).toBe(true);
    expect(memory.used).toBeLessThanOrEqual(memory.limit);
  });
});

describe('a fork of a stream on disk', () => {
  const kind = KINDS[0];

  it('contract 105, 107: that is not whole when the process dies never was', async () => {
    const fs = await start(kind);
    await filled(fs, kind);
    const later = await mkdtemp(join(tmpdir(), 'streamfs-forks-later-'));
    onTestFinished(() => rm(later, { recursive: true, force: true }));
    await inTurns(fs.streams().create('/fork', forkOptions(kind)), async (turn) => {
      if (turn === 3) cpSync(directory, later, { recursive: true, filter: (from) => !from.endsWith('LOCK') });
    });
    const again = await start(kind, undefined, later);
    expect((await again.readDir('/')).map(({ name }) => name)).toEqual(['README', 'source']);
  });

  it('contract 105, 107: is refused with the earliest offset, if its beginning is removed from disk meanwhile', async () => {
    const short = { ...kind, config: { ...kind.config, persist_retention: '12MB' } };
    const fs = await start(short);
    await filled(fs, kind);
    const { error } = await inTurns(fs.streams().create('/fork', forkOptions(kind)), async (turn) => {
      if (turn === 0) for (let n = 0; n < 12 * SIZE; n += MB) await fs.write('/source', new Uint8Array(MB));
    });
    expect(error).toMatchObject({ code: 'OFFSET_GONE' });
    await expect(fs.streams().find('/fork')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });
});
