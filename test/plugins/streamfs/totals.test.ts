import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/core/index.ts';
import { type CursorReader, internalOf, type RingStream } from '../../../src/core/internal.ts';
import { StreamFileSystem } from '../../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../../src/plugins/streamfs/settings.ts';
import { bytes, openReader, recorder } from './setup.ts';

const PATHS = ['/a', '/b', '/c/d', '/c/e'];

/** A mount, and every stream that ever existed in it, whose counters are read one by one. */
class Counted {
  readonly fs: StreamFileSystem;
  readonly readers: CursorReader[] = [];
  /** Peeked by a reader that has been closed since, and not advanced yet. */
  readonly late: { reader: CursorReader; length: number }[] = [];
  private readonly known = new Map<string, RingStream>();
  private readonly all = new Set<RingStream>();

  constructor(config: Record<string, unknown>, memory?: MemoryBudget) {
    this.fs = new StreamFileSystem(parseSettings(config), { logger: recorder().logger, memory });
  }

  async note(path: string): Promise<void> {
    const { stream } = await this.fs.streams().find(path);
    const inside = internalOf(stream);
    this.known.set(path, inside);
    this.all.add(inside);
  }

  /** The same totals, summed from scratch. */
  naive() {
    const sum = {
      ...{ streams: 0, readers: 0, writers: 0, retainedBytes: 0, maxLag: 0, receivedBytes: 0, receivedChunks: 0 },
      ...{ deliveredBytes: 0, deliveredChunks: 0, skippedBytes: 0, skippedChunks: 0 },
    };
    for (const stream of this.all) {
      const stats = stream.stats();
      if (!stream.isGone) sum.streams++;
      if (!stream.isGone || stats.readers > 0) sum.retainedBytes += stats.retained;
      sum.readers += stats.readers;
      sum.maxLag = Math.max(sum.maxLag, stats.maxReaderLag);
      sum.receivedBytes += stats.totalWritten;
      sum.receivedChunks += stats.totalChunks;
      sum.deliveredBytes += stats.deliveredBytes;
      sum.deliveredChunks += stats.deliveredChunks;
      sum.skippedBytes += stats.skippedBytes;
      sum.skippedChunks += stats.skippedChunks;
    }
    return sum;
  }
}

type Step = (mount: Counted) => Promise<void>;

const path = fc.constantFrom(...PATHS);
const which = fc.nat(100);

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(path, fc.integer({ min: 1, max: 3000 })).map(
    ([at, length]): Step =>
      async (mount) => {
        await mount.fs.write(at, new Uint8Array(length)).then(
          () => mount.note(at),
          () => undefined,
        );
      },
  ),
  fc.tuple(path, fc.constantFrom('drop-oldest', 'drop-newest', 'disconnect')).map(
    ([at, onLag]): Step =>
      async (mount) => {
        mount.readers.push(await openReader(mount.fs, at, { onLag }));
        await mount.note(at);
      },
  ),
  which.map(
    (n): Step =>
      async ({ readers }) => {
        const reader = readers[n % Math.max(1, readers.length)];
        if (reader === undefined || reader.isClosed) return;
        try {
          const record = reader.peek(700);
          if (record?.type === 'data') reader.advance(record.data.length);
        } catch {
          reader.close();
        }
      },
  ),
  which.map(
    (n): Step =>
      async ({ readers, late }) => {
        const [reader] = readers.splice(n % Math.max(1, readers.length), 1);
        if (reader === undefined || reader.isClosed) return;
        try {
          const record = reader.peek(300);
          if (record?.type === 'data') late.push({ reader, length: record.data.length });
        } catch {
          // It was too slow.
        }
        reader.close();
      },
  ),
  fc.constant<Step>(async ({ late }) => {
    const [first] = late.splice(0, 1);
    if (first !== undefined && !internalOf(first.reader.stream).isGone) first.reader.advance(first.length);
  }),
  path.map(
    (at): Step =>
      async ({ fs }) =>
        fs.remove(at).catch(() => undefined),
  ),
  path.map(
    (at): Step =>
      async ({ fs }) =>
        fs.end(at).catch(() => undefined),
  ),
  fc.constant<Step>(async () => new Promise((resolve) => void setImmediate(resolve))),
  fc.constant<Step>(async (mount) => expect(mount.fs.totals()).toEqual(mount.naive())),
);

describe('the totals of a mount', () => {
  it('are what its streams have come to, whatever happened to them and whenever they are asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const mount = new Counted({ ring_buffer_size: '2KB', channel_buffer_size: '1KB' });
        for (const next of steps) await next(mount);
        expect(mount.fs.totals()).toEqual(mount.naive());
        for (const reader of mount.readers) reader.close();
        expect(mount.fs.totals()).toEqual(mount.naive());
        await mount.fs.shutdown();
        expect(mount.fs.totals()).toEqual(mount.naive());
      }),
      { numRuns: 300 },
    );
  });

  it('count what a reader had peeked before it was closed, when it takes it', async () => {
    const { fs } = new Counted({});
    await fs.write('/a', bytes('abc'));
    const reader = await openReader(fs, '/a');
    reader.peek();
    reader.close();
    expect(fs.totals()).toMatchObject({ deliveredBytes: 0, readers: 0 });
    reader.advance(3);
    expect(fs.totals()).toMatchObject({ deliveredBytes: 3, receivedBytes: 3 });
  });

  it('are right where memory is short and streams that are not written to give way', async () => {
    const mount = new Counted(
      { ring_buffer_size: '1MB', channel_buffer_size: '64KB' },
      new MemoryBudget(2 * 1024 * 1024),
    );
    for (let n = 0; n < 40; n++) {
      await mount.fs.write(`/${n % 8}`, new Uint8Array(60_000));
      await mount.note(`/${n % 8}`);
      if (n % 5 === 0) expect(mount.fs.totals()).toEqual(mount.naive());
    }
    const { receivedBytes, retainedBytes } = mount.fs.totals();
    expect(receivedBytes).toBe(40 * 60_000);
    expect(retainedBytes).toBeLessThan(2 * 1024 * 1024);
    expect(mount.fs.totals()).toEqual(mount.naive());
  });

  it('read no idle stream, and recently used ones once', async () => {
    const mount = new Counted({ max_streams: 5000 });
    let looks = 0;
    for (let n = 0; n < 3000; n++) {
      await mount.fs.write(`/${n}`, bytes('abc'));
      const { stream } = await mount.fs.streams().find(`/${n}`);
      const { stats } = stream;
      stream.stats = () => {
        looks++;
        return stats.call(stream);
      };
    }
    const reader = await openReader(mount.fs, '/7');
    mount.fs.totals();
    looks = 0;
    expect(mount.fs.totals()).toMatchObject({ streams: 3000, readers: 1, receivedBytes: 9000, retainedBytes: 9000 });
    expect(looks).toBe(1);
    await mount.fs.write('/8', bytes('def'));
    looks = 0;
    expect(mount.fs.totals()).toMatchObject({ receivedBytes: 9003 });
    expect(looks).toBe(2);
    reader.close();
  });
});
