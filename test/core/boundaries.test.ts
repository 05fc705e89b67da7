/** Chunk and line boundaries, and forks, which preserve them: compared with a plain list of the appends. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_CHUNK, MemoryBudget } from '../../src/core/index.ts';
import { forkStream, RingStream, StreamRules } from '../../src/core/internal.ts';

const rules = (retention: number, budget?: MemoryBudget) =>
  new StreamRules({ retention, maxLag: retention, ...(budget === undefined ? {} : { budget }) });

/** Appends pieces, and returns every offset at which a chunk begins or ends. */
function filled(stream: RingStream, pieces: readonly Uint8Array[]): number[] {
  const ends = [stream.endOffset];
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += MAX_CHUNK)
      ends.push(stream.endOffset + Math.min(at + MAX_CHUNK, piece.length));
    stream.append(piece);
  }
  return ends;
}

const sizes = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 200, max: 3000 }),
  fc.integer({ min: MAX_CHUNK - 2, max: 2 * MAX_CHUNK + 2 }),
);
const pieces = fc.array(
  sizes.map((size) => new Uint8Array(size).fill(120)),
  { minLength: 1, maxLength: 30 },
);

const keeps = fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1_000_000, max: 2_000_000 }));

describe('chunks of a stream', () => {
  it('an offset inside a chunk leads to its beginning and its end, whatever has left the ring', () => {
    fc.assert(
      fc.property(
        pieces,
        fc.integer({ min: 1, max: 200_000 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (list, keep, at) => {
          const stream = new RingStream({}, rules(keep));
          const ends = filled(stream, list);
          const { startOffset, endOffset } = stream;
          for (const n of [startOffset, endOffset, ...ends, ...at.map((one) => one % (endOffset + 1))]) {
            if (n < startOffset) {
              expect(() => stream.chunkStart(n)).toThrow(/no longer retained/);
              continue;
            }
            const begin = ends.filter((end) => end <= n).at(-1)!;
            expect(stream.chunkStart(n)).toBe(Math.max(startOffset, begin));
            expect(stream.chunkEnd(n)).toBe(n === endOffset ? endOffset : ends.find((end) => end > n));
          }
        },
      ),
    );
  });
});

describe('lines of a stream', () => {
  it('an offset inside a line leads to its beginning, or to nothing where that has left the ring', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', '\n'), minLength: 1, maxLength: 300 }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 1500 }), (list, keep) => {
        const stream = new RingStream({}, rules(keep));
        for (const text of list) stream.append(Buffer.from(text));
        const all = list.join('');
        const { startOffset, endOffset } = stream;
        const first = stream.firstLineStart();
        // One retained line may be omitted, if nothing indicates any more that its first byte begins a line.
        const known = [startOffset, endOffset, startOffset + all.slice(startOffset).indexOf('\n') + 1];
        expect(known).toContain(first);
        // There is none: the line that continues at the end begins too early.
        if (first === endOffset && !all.endsWith('\n')) return;
        for (let n = first; n <= endOffset; n++) {
          expect(stream.lineStart(n)).toBe(all.slice(0, n).lastIndexOf('\n') + 1);
          const end = all.indexOf('\n', n);
          expect(stream.lineEnd(n)).toBe(end < 0 ? endOffset : end + 1);
        }
        for (let n = startOffset; n < first; n++) expect(stream.lineStart(n)).toBeUndefined();
      }),
    );
  });
});

describe('a fork', () => {
  it('begins with the bytes and chunks of its source, whatever either of them appends and loses from then on', () => {
    fc.assert(
      fc.property(pieces, pieces, pieces, keeps, fc.nat(), (before, ofSource, ofFork, keep, at) => {
        const source = new RingStream({ generation: 'aa' }, rules(keep));
        const ends = filled(source, before);
        const { startOffset, endOffset } = source;
        const to = startOffset + (at % (endOffset - startOffset + 1));
        const inherited = Buffer.from(source.snapshot().data.subarray(0, to - startOffset));
        const fork = forkStream(source, { to }, {}, rules(keep));
        expect(fork).toMatchObject({ startOffset, endOffset: to, origin: { generation: 'aa', to, origin: undefined } });
        const forkEnds = [...ends.filter((end) => end < to), ...filled(fork, ofFork)];
        filled(source, ofSource);
        // The memory of slabs that have left is reused by others.
        filled(new RingStream({}, rules(keep)), [new Uint8Array(keep).fill(121), new Uint8Array(keep).fill(122)]);
        const own = Buffer.concat(ofFork);
        const all = Buffer.concat([inherited, own]).subarray(-keep);
        expect(Buffer.compare(fork.snapshot().data, all)).toBe(0);
        for (const n of [fork.startOffset, ...forkEnds.filter((end) => end >= fork.startOffset)]) {
          expect(fork.chunkStart(n)).toBe(Math.max(fork.startOffset, forkEnds.filter((end) => end <= n).at(-1)!));
          expect(fork.chunkEnd(n)).toBe(forkEnds.find((end) => end > n) ?? fork.endOffset);
        }
        const chunks = new Set(forkEnds.filter((end) => end > startOffset)).size;
        expect(fork.stats().totalChunks).toBe(chunks);
      }),
      { numRuns: 100 },
    );
  });

  it('of however much shares the memory of its source: no more than a slab is copied', () => {
    const large = rules(64 * 1024 * 1024);
    const source = new RingStream({}, large);
    for (let n = 0; n < 1000; n++) source.append(new Uint8Array(MAX_CHUNK).fill(n));
    source.append(Buffer.from('and a part of a slab'));
    const before = process.memoryUsage().arrayBuffers;
    const fork = forkStream(source, { to: source.endOffset }, {}, large);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    expect(Buffer.compare(fork.snapshot().data, source.snapshot().data)).toBe(0);
    expect(fork.ring.byteLength).toBe(source.ring.byteLength);
  });

  it('is refused where its point has gone or is not reached, and needs nothing for the beginning', () => {
    const source = new RingStream({}, rules(10));
    source.append(Buffer.from('0123456789abcdef'));
    expect(() => forkStream(source, { to: 5 }, {}, rules(10))).toThrow(/no longer retained: the earliest is 6/);
    expect(() => forkStream(source, { to: 17 }, {}, rules(10))).toThrow(/ended at 16|beyond/);
    expect(forkStream(source, { to: 0 }, {}, rules(10)).endOffset).toBe(0);
    const fork = forkStream(source, { from: 8, to: 12 }, {}, rules(10));
    expect(Buffer.from(fork.snapshot().data).toString()).toBe('89ab');
    const second = forkStream(fork, { to: 10 }, {}, rules(10));
    expect(second.origin?.origin).toEqual(fork.origin);
  });

  it('is charged to the budget, and refused without a trace where its source would have to give way', () => {
    const budget = new MemoryBudget(2 * 1024 * 1024);
    const shared = rules(8 * 1024 * 1024, budget);
    const source = new RingStream({}, shared);
    for (let n = 0; n < 24; n++) source.append(new Uint8Array(64 * 1024).fill(n));
    const small = forkStream(source, { from: source.endOffset - 1000, to: source.endOffset }, {}, shared);
    expect(budget.history).toBeGreaterThan(source.ring.byteLength);
    const { holderCount } = budget;
    expect(() => forkStream(source, { to: source.endOffset }, {}, shared)).toThrow(/no memory left/);
    expect(budget.holderCount).toBe(holderCount);
    expect(budget.used).toBeLessThanOrEqual(budget.limit);
    expect(small.endOffset).toBe(source.endOffset);
  });
});
