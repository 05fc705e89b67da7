/**
 * The invariants of the core, compared with a naive model (model.ts) under random interleavings of all operations on a stream.
 * Small sizes cross every limit of a reader; large ones cross the boundaries of chunks and slabs as well.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LAG_POLICIES, type LagPolicy, type ReaderStart } from '../../src/core/index.ts';
import { type CursorReader, RingStream } from '../../src/core/internal.ts';
import { MAX_SLAB, MIN_SLAB } from '../../src/core/slab-memory.ts';
import { isStreamFSError } from '../../src/errors/index.ts';
import { codeOf, recordsNow, turn } from './helpers.ts';
import { type Expected, ModelReader, ModelStream } from './model.ts';

/** One operation on a stream. Numbers are reduced to existing objects: `who` to a reader, `at` to an offset. */
type Step =
  | { do: 'append'; size: number; seed: number }
  | { do: 'open'; start: 'earliest' | 'live' | 'offset' | 'skip' | 'bytes' | 'lines'; at: number; policy: number }
  | { do: 'read'; who: number; times: number }
  | { do: 'peek'; who: number; max: number | undefined; part: number; run: boolean }
  | { do: 'peek, append, advance'; who: number; size: number; seed: number }
  | { do: 'drain'; who: number }
  | { do: 'seek'; who: number; at: number }
  | { do: 'close'; who: number }
  | { do: 'turn' }
  | { do: 'end' };

/** `expect(…).toBe(…)`, called about a million times with success: each call of that takes some microseconds. */
function same(actual: unknown, expected: unknown): void {
  if (!Object.is(actual, expected)) expect(actual).toBe(expected);
}

interface Sizes {
  limit: fc.Arbitrary<number>;
  append: fc.Arbitrary<number>;
  steps: number;
}

const SMALL: Sizes = {
  limit: fc.integer({ min: 1, max: 200 }),
  append: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 30 }) }, fc.integer({ min: 0, max: 700 })),
  steps: 60,
};

/** Slabs are from 1 to 256 KiB: the limits and appends here are around these sizes, and around the largest chunk. */
const LARGE: Sizes = {
  limit: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1024, max: 200_000 })),
  append: fc.oneof(
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 60_000, max: 70_000 }),
    fc.integer({ min: 0, max: 400_000 }),
  ),
  steps: 40,
};

function stepArbitrary(sizes: Sizes): fc.Arbitrary<Step> {
  const who = fc.nat({ max: 7 });
  const at = fc.double({ min: 0, max: 1.1, noNaN: true });
  const seed = fc.nat({ max: 255 });
  const size = sizes.append;
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('append' as const), size, seed }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('open' as const),
        start: fc.constantFrom('earliest' as const, 'live', 'offset', 'skip', 'bytes', 'lines'),
        at,
        policy: fc.nat({ max: LAG_POLICIES.length }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('read' as const), who, times: fc.integer({ min: 1, max: 4 }) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('peek' as const),
        who,
        max: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
        part: fc.double({ min: 0.01, max: 1, noNaN: true }),
        run: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('peek, append, advance' as const), who, size, seed }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('drain' as const), who }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('seek' as const), who, at }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('close' as const), who }) },
    { weight: 3, arbitrary: fc.constant<Step>({ do: 'turn' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'end' }) },
  );
}

/** Bytes that differ by position, with newlines among them. */
function content(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const value = (i * 31 + (i >>> 7) * 17 + seed * 13) & 255;
    bytes[i] = value % 19 === 0 ? 10 : value;
  }
  return bytes;
}

/** A run as one record, to be compared like any other. */
function whole(run: ReturnType<CursorReader['borrowRun']>): ReturnType<CursorReader['peek']> {
  if (run?.type !== 'run') return run;
  const data = Buffer.concat(run.parts);
  expect(data.length).toBe(run.length);
  return { type: 'data', offset: run.offset, data };
}

/** A stream and its model, side by side. */
class Pair {
  readonly stream: RingStream;
  readonly model: ModelStream;
  readonly readers: { real: CursorReader; model: ModelReader }[] = [];
  private readonly slabSize: number;
  private widestKept: number;

  constructor(retention: number, maxLag: number, policy: number) {
    this.stream = new RingStream({ retention, maxLag, onLag: LAG_POLICIES[policy % LAG_POLICIES.length]! });
    this.model = new ModelStream({ retention, maxLag });
    const widest = Math.max(retention, maxLag);
    this.slabSize = Math.min(MAX_SLAB, Math.max(MIN_SLAB, widest / 4));
    this.widestKept = 0;
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        return this.append(step.size, step.seed);
      case 'open':
        return this.open(step.start, step.at, step.policy);
      case 'turn':
        await turn();
        for (const reader of [...this.model.readers]) reader.turn();
        return;
      case 'end':
        this.stream.end('ended');
        this.model.ended = 'ended';
        return;
    }
    if (this.readers.length === 0) return;
    const pair = this.readers[step.who % this.readers.length]!;
    switch (step.do) {
      case 'read':
        for (let i = 0; i < step.times; i++) await this.read(pair.real, pair.model);
        return;
      case 'peek':
        this.peek(pair.real, pair.model, step.max, step.run ? 1 : step.part, step.run);
        return;
      case 'drain':
        while (await this.read(pair.real, pair.model));
        return;
      case 'peek, append, advance': {
        // What `drop-newest` loses while bytes are in flight is not specified to the byte: see below.
        if (pair.model.policy === 'drop-newest') return;
        const length = this.peek(pair.real, pair.model, undefined, 1, false, () => this.append(step.size, step.seed));
        expect(length).toBeGreaterThanOrEqual(0);
        return;
      }
      case 'seek':
        return this.seek(pair.real, pair.model, Math.floor(step.at * (this.model.end + 10)));
      case 'close':
        pair.real.close();
        this.model.leave(pair.model);
        this.readers.splice(this.readers.indexOf(pair), 1);
        return;
    }
  }

  private append(size: number, seed: number): void {
    const bytes = content(size, seed);
    const before = this.stream.endOffset;
    if (this.model.ended !== undefined) {
      expect(() => this.stream.append(bytes)).toThrow('stream is closed');
      expect(this.stream.endOffset).toBe(before);
      return;
    }
    expect(this.stream.append(bytes)).toBe(before + size);
    this.model.append(bytes);
    bytes.fill(0);
  }

  private open(kind: (Step & { do: 'open' })['start'], at: number, policy: number): void {
    const offset = Math.floor(at * (this.model.end + 10));
    const start: ReaderStart = {
      earliest: { from: 'earliest' as const },
      live: { from: 'live' as const },
      offset: { offset },
      skip: { offset, onExpired: 'skip' as const },
      bytes: { lastBytes: offset },
      lines: { lastLines: Math.floor(at * 12) },
    }[kind];
    const onLag = LAG_POLICIES[policy];
    const options = onLag === undefined ? { start } : { start, onLag };
    if (kind === 'offset' && offset < this.model.start) {
      expect(() => this.stream.openReader(options)).toThrow(`the earliest is ${this.model.start}`);
      return;
    }
    if (this.model.ended !== undefined && this.model.startOf(start) > this.model.end) {
      expect(() => this.stream.openReader(options)).toThrow(`the stream has ended at ${this.model.end}`);
      return;
    }
    const real = this.stream.openReader(options);
    const model = new ModelReader(this.model, onLag ?? this.stream.onLag, this.model.startOf(start));
    expect(real.cursor).toBe(model.cursor);
    this.readers.push({ real, model });
  }

  /** Reads one chunk; returns true while there is more to come. */
  private async read(real: CursorReader, model: ModelReader): Promise<boolean> {
    const expected = model.next(true);
    let record: Awaited<ReturnType<CursorReader['read']>>;
    try {
      record = await real.read({ timeout: 0 });
    } catch (error) {
      if (expected === 'cut off') expect(isStreamFSError(error, 'READER_TOO_SLOW'), String(error)).toBe(true);
      else if (expected === undefined) expect(isStreamFSError(error, 'READ_TIMEOUT'), String(error)).toBe(true);
      else throw error;
      return false;
    }
    this.compare(record, expected, true);
    if (record.type === 'data') model.take(record.data.length);
    return record.type !== 'end';
  }

  private peek(
    real: CursorReader,
    model: ModelReader,
    max: number | undefined,
    part: number,
    run: boolean,
    meanwhile: () => void = () => {},
  ): number {
    const expected = model.next(false);
    if (expected === 'cut off') {
      expect(() => real.peek(max)).toThrow('bytes behind');
      return 0;
    }
    const borrowed = run ? real.borrowRun(max ?? Number.POSITIVE_INFINITY) : undefined;
    const pin = borrowed?.type === 'run' ? real.pin(borrowed) : undefined;
    const record = run ? whole(borrowed) : real.peek(max);
    this.compare(record, expected, false);
    if (record?.type !== 'data') return 0;
    expect(record.data.length).toBeLessThanOrEqual(max ?? Number.POSITIVE_INFINITY);
    const length = Math.max(1, Math.floor(record.data.length * part));
    const copy = Buffer.from(record.data);
    meanwhile();
    // Bytes in flight to a socket never change, whatever happens to the stream.
    expect(Buffer.compare(record.data, copy)).toBe(0);
    pin?.release();
    real.advance(length);
    model.take(length);
    return length;
  }

  private compare(record: ReturnType<CursorReader['peek']>, expected: Expected | 'cut off', exact: boolean): void {
    if (record?.type !== 'data' || expected === undefined || expected === 'cut off' || expected.type !== 'data') {
      expect(record).toEqual(expected);
      return;
    }
    const to = record.offset + record.data.length;
    expect(record.offset).toBe(expected.from);
    if (exact) expect(to).toBe(expected.to);
    expect(record.data.length).toBeGreaterThan(0);
    expect(to).toBeLessThanOrEqual(expected.to);
    expect(Buffer.compare(record.data, this.model.slice(record.offset, to)), 'the bytes of the history').toBe(0);
  }

  private seek(real: CursorReader, model: ModelReader, offset: number): void {
    if (model.failed) return;
    if (offset < this.model.start) {
      expect(() => real.seek(offset)).toThrow(`the earliest is ${this.model.start}`);
      return;
    }
    if (this.model.ended !== undefined && offset > this.model.end) {
      expect(() => real.seek(offset)).toThrow(`the stream has ended at ${this.model.end}`);
      return;
    }
    real.seek(offset);
    model.seek(offset);
  }

  /** Invariants at every moment. */
  check(): void {
    const { stream, model } = this;
    const stats = stream.stats();
    same(stats.startOffset, model.start);
    same(stats.endOffset, model.end);
    same(stats.totalWritten, model.end);
    same(stats.totalChunks, model.chunkEnds.length);
    same(stats.retained, Math.min(model.end, stream.retention));
    same(stats.ended, model.ended);
    same(stats.readers, model.readers.size);
    same(stats.skippedBytes, model.skippedBytes);
    same(stats.skippedChunks, model.skippedChunks);
    let maxLag = 0;
    for (const reader of this.readers) {
      same(reader.real.isClosed, reader.model.failed);
      same(reader.real.cursor, reader.model.cursor);
      same(reader.real.receivedBytes, reader.model.received);
      same(reader.real.skippedBytes, reader.model.skippedBytes);
      same(reader.real.skippedChunks, reader.model.skippedChunks);
      // Conservation: delivered and lost bytes add up to the appended ones.
      same(reader.real.receivedBytes + reader.real.skippedBytes, reader.real.cursor - reader.model.origin);
      same(reader.real.lag, reader.model.lag);
      if (!reader.model.failed) maxLag = Math.max(maxLag, reader.real.lag);
    }
    same(stats.maxReaderLag, maxLag);
    // Memory: retained bytes, a partly used slab at each end, and a bit per byte.
    if (model.readers.size === 0) this.widestKept = stream.retention;
    this.widestKept = Math.max(this.widestKept, model.kept);
    expect(stats.memory).toBeLessThanOrEqual((this.widestKept + 2 * this.slabSize) * (9 / 8));
  }
}

async function hold(sizes: Sizes, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      sizes.limit,
      sizes.limit,
      fc.nat({ max: 3 }),
      fc.array(stepArbitrary(sizes), { maxLength: sizes.steps, size: 'max' }),
      async (retention, maxLag, policy, steps) => {
        const pair = new Pair(retention, maxLag, policy);
        for (const step of steps) {
          await pair.run(step);
          pair.check();
        }
      },
    ),
    { numRuns, interruptAfterTimeLimit: 40_000 },
  );
}

describe('any interleaving of appends, readers, stalls, seeks, closes and the end', () => {
  it('contract 4, 8, 10, 11, 12, 17, 18, 20, 23, 25, 30: small streams do what the model does, byte for byte', async () => {
    await hold(SMALL, 500);
  }, 90_000);

  it('contract 12, 13, 16, 21: so do streams that cross chunks and slabs, within their memory', async () => {
    await hold(LARGE, 500);
  }, 90_000);
});

describe('drop-newest, with bytes on their way while others arrive', () => {
  it('contract 8, 20: loses no more than it has to, and says exactly what', async () => {
    const size = fc.integer({ min: 0, max: 5000 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8000 }),
        fc.integer({ min: 1, max: 8000 }),
        fc.array(fc.tuple(size, size, fc.nat({ max: 255 }), fc.boolean()), { maxLength: 60, size: 'max' }),
        async (retention, maxLag, rounds) => {
          const stream = new RingStream({ retention, maxLag, onLag: 'drop-newest' });
          const model = new ModelStream({ retention, maxLag });
          const reader = stream.openReader();
          let at = 0;
          const append = (length: number, seed: number) => {
            stream.append(content(length, seed));
            model.append(content(length, seed));
          };
          const follow = (record: ReturnType<CursorReader['peek']>) => {
            if (record?.type === 'gap') {
              expect(record.from).toBe(at);
              expect(record.chunks).toBe(model.chunksIn(record.from, record.to));
              at = record.to;
            } else if (record?.type === 'data') {
              expect(record.offset).toBe(at);
              at += record.data.length;
              expect(Buffer.compare(record.data, model.slice(record.offset, at))).toBe(0);
            }
          };
          for (const [before, within, seed, takes] of rounds) {
            append(before, seed);
            const record = takes ? reader.peek() : undefined;
            append(within, seed + 1);
            follow(record);
            if (record?.type === 'data') reader.advance(record.data.length);
            expect(reader.heldMemory).toBeLessThanOrEqual(
              (2 * Math.max(retention, maxLag) + 2 * MIN_SLAB) * (9 / 8) + 1024,
            );
          }
          const rest = await recordsNow(reader);
          for (const record of rest) follow(record);
          expect(at).toBe(stream.endOffset);
          expect(reader.receivedBytes + reader.skippedBytes).toBe(stream.totalWritten);
          // With unlimited time it would have received at least this much.
          expect(reader.receivedBytes).toBeGreaterThanOrEqual(Math.min(stream.totalWritten, maxLag));
        },
      ),
      { numRuns: 300, interruptAfterTimeLimit: 40_000 },
    );
  }, 90_000);
});

describe('writers that wait, and readers of every policy, at their own pace', () => {
  const writerArbitrary = fc.array(fc.tuple(fc.integer({ min: 0, max: 400_000 }), fc.nat({ max: 2 })), {
    maxLength: 5,
  });
  const readerArbitrary = fc.record({
    policy: fc.constantFrom<LagPolicy>(...LAG_POLICIES),
    /** Turns between two reads. */
    pace: fc.nat({ max: 3 }),
    /** Turns before it joins, and reads after which it leaves. */
    comes: fc.nat({ max: 5 }),
    leaves: fc.option(fc.nat({ max: 30 })),
  });

  it('contract 8, 10, 11, 20, 23: each write is one piece; all see one history; received + skipped = appended since the join', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200_000 }),
        fc.integer({ min: 1, max: 200_000 }),
        fc.array(writerArbitrary, { minLength: 1, maxLength: 4 }),
        fc.array(readerArbitrary, { maxLength: 6 }),
        async (retention, maxLag, writers, readers) => {
          const stream = new RingStream({ retention, maxLag });
          const history: Buffer[] = [];
          const append = stream.append.bind(stream);
          stream.append = (bytes) => {
            const end = append(bytes);
            history.push(Buffer.from(bytes));
            return end;
          };
          const pieces: Buffer[] = [];
          const writing = writers.map(async (sizes) => {
            for (const [size, pause] of sizes) {
              const piece = Buffer.alloc(size, pieces.length + 1);
              pieces.push(piece);
              await stream.write(piece);
              for (let i = 0; i < pause; i++) await turn();
            }
          });
          const reading = readers.map(async ({ policy, pace, comes, leaves }) => {
            for (let i = 0; i < comes; i++) await turn();
            const reader = stream.openReader({ onLag: policy });
            const start = reader.cursor;
            const got: { offset: number; data: Uint8Array }[] = [];
            let at = start;
            const code = await codeOf(async () => {
              for (let reads = 0; reads !== leaves; reads++) {
                const record = await reader.read();
                if (record.type === 'end') return;
                if (record.type === 'gap') {
                  expect(record.from).toBe(at);
                  at = record.to;
                } else if (record.type === 'data') {
                  expect(record.offset).toBe(at);
                  at += record.data.length;
                  got.push(record);
                }
                for (let i = 0; i < pace; i++) await turn();
              }
            });
            // Only readers with `disconnect` are disconnected; a reader with `block` that reads on never is.
            if (policy !== 'disconnect') expect(code).toBe('no error');
            else if (code !== 'no error') expect(code).toBe('READER_TOO_SLOW');
            if (policy === 'disconnect' || policy === 'block') expect(reader.skippedBytes).toBe(0);
            if (code === 'no error' && leaves === null) expect(at).toBe(stream.endOffset);
            expect(reader.cursor).toBe(at);
            expect(reader.receivedBytes + reader.skippedBytes).toBe(at - start);
            reader.close();
            return got;
          });
          await Promise.all(writing);
          stream.end();
          const all = await Promise.all(reading);
          const bytes = Buffer.concat(history);
          expect(bytes.length).toBe(stream.totalWritten);
          expect(bytes.length).toBe(pieces.reduce((sum, piece) => sum + piece.length, 0));
          for (const got of all) {
            for (const { offset, data } of got) {
              expect(Buffer.compare(data, bytes.subarray(offset, offset + data.length))).toBe(0);
            }
          }
          // Each piece is contiguous and complete.
          for (const piece of pieces) {
            if (piece.length === 0) continue;
            const from = bytes.indexOf(piece[0]!);
            expect(Buffer.compare(bytes.subarray(from, from + piece.length), piece)).toBe(0);
          }
          expect(stream.readerCount).toBe(0);
        },
      ),
      { numRuns: 150, interruptAfterTimeLimit: 40_000 },
    );
  }, 90_000);
});
