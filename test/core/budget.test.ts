import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LAG_POLICIES, MAX_CHUNK, MemoryBudget, MIN_BUDGET } from '../../src/core/index.ts';
import { type CursorReader, forkStream, RingStream } from '../../src/core/internal.ts';
import { STREAM_COST } from '../../src/core/stream-memory.ts';
import { isStreamFSError } from '../../src/errors/index.ts';
import { pattern } from '../e2e/harness/pattern.ts';
import { codeOf } from './helpers.ts';

const MB = 1024 * 1024;
/** The bound for everything that is not history, including the cost of each stream. */
const MAX_FIXED = (MIN_BUDGET * 5) / 8;

/** The memory of streams and their readers, computed from them instead of the budget. */
function heldBy(streams: Iterable<RingStream>): number {
  let sum = 0;
  for (const stream of streams) {
    sum += stream.stats().memory;
    for (const reader of stream.readers()) sum += reader.heldMemory;
  }
  return sum;
}

/** Reads everything available, and returns what was lost. The pattern identifies the offset of every byte. */
function drain(reader: CursorReader): { lost: number; read: number } {
  const seen = { lost: 0, read: 0 };
  let at = reader.cursor;
  for (let record = reader.peek(); record !== undefined; record = reader.peek()) {
    if (record.type === 'end') break;
    if (record.type === 'gap') {
      expect(record.from).toBe(at);
      at = record.to;
      seen.lost += record.to - record.from;
    } else if (record.type === 'data') {
      expect(record.offset).toBe(at);
      expect(Buffer.compare(record.data, bytesFrom(at, record.data.length))).toBe(0);
      at += record.data.length;
      seen.read += record.data.length;
      reader.advance(record.data.length);
    }
  }
  return seen;
}

/** The bytes of the pattern from any offset on. */
function bytesFrom(offset: number, length: number): Buffer {
  const from = offset - (offset % 8);
  return pattern(from, Math.ceil((offset - from + length) / 8) * 8).subarray(offset - from, offset - from + length);
}

type Step =
  | { do: 'append'; who: number; size: number }
  | { do: 'open'; who: number; policy: number }
  | { do: 'drain' | 'close' | 'remove'; who: number }
  | { do: 'fork'; who: number; part: number }
  | { do: 'fix' | 'free'; size: number };

const who = fc.nat({ max: 11 });
const size = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 600_000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('append' as const), who, size }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const), who, policy: fc.nat({ max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('drain' as const, 'close', 'remove'), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fork' as const), who, part: fc.nat({ max: 10 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fix' as const, 'free'), size }) },
);

describe('one budget for many streams', () => {
  it('holds exactly under any interleaving; every append succeeds; what readers get and lose is all there was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const budget = new MemoryBudget(MIN_BUDGET);
        const streams: RingStream[] = [];
        const gone = new Set<RingStream>();
        const readers = new Map<CursorReader, { start: number; lost: number; read: number }>();
        let fixed = 0;
        const check = () => {
          for (const stream of gone) if (stream.readerCount === 0) gone.delete(stream);
          expect(budget.history).toBe(heldBy([...streams, ...gone]));
          expect(budget.fixed).toBe(fixed + (streams.length + gone.size) * STREAM_COST);
          expect(budget.used).toBeLessThanOrEqual(budget.limit);
        };
        for (const one of steps) {
          if ('who' in one && streams.length <= one.who && one.do === 'append' && streams.length < 12) {
            const create = () => new RingStream({ retention: MB, maxLag: MB / 2, budget });
            if (budget.fixed + STREAM_COST <= MAX_FIXED) streams.push(create());
            else expect(await codeOf(async () => void create())).toBe('MEMORY_LIMIT');
          }
          const stream = 'who' in one ? streams[one.who % Math.max(1, streams.length)] : undefined;
          const chosen = 'who' in one ? [...readers.keys()][one.who] : undefined;
          if (one.do === 'append' && stream !== undefined) {
            const before = stream.endOffset;
            expect(stream.append(bytesFrom(before, one.size))).toBe(before + one.size);
            // The newest bytes are retained, whatever other stream wanted the memory.
            if (one.size > 0) expect(stream.startOffset).toBeLessThan(stream.endOffset);
          } else if (one.do === 'fork' && stream !== undefined && streams.length < 12) {
            const { startOffset, endOffset, rules } = stream;
            const to = startOffset + Math.floor(((endOffset - startOffset) * one.part) / 10);
            const { givenUp } = budget;
            try {
              const fork = forkStream(stream, { to }, {}, rules);
              expect([fork.startOffset, fork.endOffset]).toEqual([startOffset, to]);
              streams.push(fork);
            } catch (error) {
              expect([isStreamFSError(error, 'MEMORY_LIMIT'), budget.givenUp]).toEqual([true, givenUp]);
            }
          } else if (one.do === 'open' && stream !== undefined) {
            const reader = stream.openReader({ onLag: LAG_POLICIES[one.policy]! });
            readers.set(reader, { start: reader.cursor, lost: 0, read: 0 });
          } else if (one.do === 'drain' && chosen !== undefined) {
            const sum = readers.get(chosen)!;
            const code = await codeOf(async () => {
              const { lost, read } = drain(chosen);
              sum.lost += lost;
              sum.read += read;
              expect(sum.start + sum.lost + sum.read).toBe(chosen.stream.endOffset);
            });
            // A reader that asked to be disconnected rather than lose data is disconnected.
            if (code !== 'no error') {
              expect(code).toMatch(/READER_TOO_SLOW|READER_CLOSED/);
              expect(['disconnect', 'block']).toContain(chosen.policy);
              readers.delete(chosen);
            }
          } else if (one.do === 'close' && chosen !== undefined) {
            chosen.close();
            readers.delete(chosen);
          } else if (one.do === 'remove' && stream !== undefined) {
            stream.end('removed');
            streams.splice(streams.indexOf(stream), 1);
            gone.add(stream);
          } else if (one.do === 'fix') {
            if (budget.tryTake(one.size)) fixed += one.size;
          } else if (one.do === 'free') {
            budget.give(fixed);
            fixed = 0;
          }
          check();
        }
        for (const reader of readers.keys()) reader.close();
        for (const stream of streams) stream.end('removed');
        budget.give(fixed);
        expect(budget).toMatchObject({ history: 0, fixed: 0, used: 0, holderCount: 0 });
      }),
      { numRuns: 300, interruptAfterTimeLimit: 40_000 },
    );
  }, 90_000);

  it('takes from those that hold most: a small stream keeps its history while large ones fill the rest', () => {
    const budget = new MemoryBudget(8 * MB);
    const small = new RingStream({ retention: MB, maxLag: MB, budget });
    small.append(Buffer.alloc(100_000));
    const large = Array.from({ length: 4 }, () => new RingStream({ retention: 6 * MB, maxLag: 6 * MB, budget }));
    for (let n = 0; n < 200; n++) for (const stream of large) stream.append(Buffer.alloc(MAX_CHUNK));
    expect(small.stats().retained).toBe(100_000);
    const retained = large.map((stream) => stream.stats().retained);
    expect(Math.min(...retained)).toBeGreaterThan(Math.max(...retained) / 2);
    expect(retained.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(5 * MB);
    expect(budget.givenUp).toBeGreaterThan(0);
  });

  it('takes what has been read before what a reader is still to read', () => {
    const budget = new MemoryBudget(4 * MB);
    const make = () => new RingStream({ retention: 2 * MB, maxLag: 2 * MB, budget });
    const [wanted, read, third] = [make(), make(), make()];
    const reader = wanted.openReader();
    for (const stream of [wanted, read]) stream.append(Buffer.alloc(1.5 * MB));
    third.append(Buffer.alloc(1.2 * MB));
    expect(reader.peek()).toMatchObject({ type: 'data', offset: 0 });
    expect(read.startOffset).toBeGreaterThan(0);
  });

  it('a reader that was still to get what gave way gets a gap with its exact bounds, counted', () => {
    const budget = new MemoryBudget(MIN_BUDGET);
    const stream = new RingStream({ retention: 8 * MB, maxLag: 8 * MB, budget });
    const reader = stream.openReader();
    for (let at = 0; at < 6 * MB; at += MAX_CHUNK) stream.append(bytesFrom(at, MAX_CHUNK));
    const { startOffset } = stream;
    expect(startOffset).toBeGreaterThan(4 * MB);
    expect(reader.peek()).toEqual({
      type: 'gap',
      from: 0,
      to: startOffset,
      chunks: Math.ceil(startOffset / MAX_CHUNK),
    });
    expect(drain(reader)).toEqual({ lost: 0, read: 6 * MB - startOffset });
    expect(stream.stats()).toMatchObject({ skippedBytes: startOffset });
  });

  it('refuses one more stream where there would be no slab for it, and takes it when another has gone', () => {
    const budget = new MemoryBudget(MIN_BUDGET);
    const streams: RingStream[] = [];
    const make = () => streams.push(new RingStream({ retention: MB, maxLag: MB, budget }));
    let error: unknown;
    for (let n = 0; n < 10_000 && error === undefined; n++) {
      try {
        make();
      } catch (caught) {
        error = caught;
      }
    }
    expect(isStreamFSError(error, 'MEMORY_LIMIT') && error.details).toEqual({ limit: 'memory', max: MIN_BUDGET });
    expect(streams.length).toBe(Math.floor((MIN_BUDGET * 5) / 8 / STREAM_COST));
    for (const stream of streams) {
      stream.append(Buffer.from('x'));
      expect(stream.stats().retained).toBe(1);
    }
    // All of them exist at once, each with its one byte.
    expect(streams.every((stream) => stream.stats().retained === 1)).toBe(true);
    streams[0]!.end('removed');
    make();
    expect(budget.used).toBeLessThanOrEqual(budget.limit);
  });

  it('gets all of a stream back that was ended long before it is removed, once its last reader has gone', () => {
    const budget = new MemoryBudget(MIN_BUDGET);
    const stream = new RingStream({ retention: MB, maxLag: MB, budget });
    stream.append(pattern(0, MB));
    const reader = stream.openReader();
    stream.end();
    expect(budget.used).toBeGreaterThan(MB);
    stream.end('removed');
    expect(budget.holderCount).toBe(1);
    reader.close();
    expect([budget.holderCount, budget.used, stream.endReason]).toEqual([0, 0, 'ended']);
  });

  it('without a limit counts all the same', () => {
    const budget = new MemoryBudget(0);
    const stream = new RingStream({ retention: MB, maxLag: MB, budget });
    stream.append(Buffer.alloc(MB));
    expect(budget.history).toBe(stream.stats().memory);
    expect(budget.givenUp).toBe(0);
  });

  it('below its least is refused when it is made', () => {
    expect(() => new MemoryBudget(MIN_BUDGET - 1)).toThrow('at least 2097152');
  });
});
