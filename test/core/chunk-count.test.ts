import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ChunkIndex } from '../../src/core/chunk-index.ts';
import { type CursorReader, RingStream } from '../../src/core/internal.ts';

const KIB = 1024;
const CHUNK = 100;

afterEach(() => void vi.restoreAllMocks());

const emptyStream = () => new RingStream({ retention: KIB * KIB, maxLag: KIB * KIB });

/** A stream of several slabs, in chunks of 100 bytes. */
function filledStream(): RingStream {
  const stream = emptyStream();
  for (let n = 0; n < 2000; n++) stream.append(Buffer.alloc(CHUNK, 'x'));
  return stream;
}

/** Takes a run of at most `max` bytes, wherever it ends, and gives its length: 0 at the end of the stream. */
function takeRun(reader: CursorReader, max: number): number {
  const run = reader.borrowRun(max, false);
  if (run?.type !== 'run') return 0;
  reader.advance(run.length);
  return run.length;
}

describe('the count of chunks delivered', () => {
  it('contract 2: chunks of a run that ends inside a slab are counted once for all readers at the same place', () => {
    const stream = filledStream();
    const readers = Array.from({ length: 100 }, () => stream.openReader());
    const count = vi.spyOn(ChunkIndex.prototype, 'count');
    const runs = 4;
    for (let run = 0; run < runs; run++) for (const reader of readers) takeRun(reader, 10 * KIB);
    expect(count.mock.calls.length).toBeLessThanOrEqual(runs);
    const chunks = Math.floor((runs * 10 * KIB) / CHUNK);
    expect(readers.map(({ receivedChunks }) => receivedChunks)).toEqual(readers.map(() => chunks));
  });

  it('contract 2: nothing is counted for a reader whose runs end with a slab or with the stream', () => {
    const stream = filledStream();
    const reader = stream.openReader();
    const count = vi.spyOn(ChunkIndex.prototype, 'count');
    for (let run = reader.borrowRun(KIB * KIB); run?.type === 'run'; run = reader.borrowRun(KIB * KIB)) {
      reader.advance(run.length);
    }
    expect(reader.receivedChunks).toBe(2000);
    expect(count).not.toHaveBeenCalled();
  });

  it('counting for a reader of single chunks starts where the last count ended', () => {
    const reader = filledStream().openReader();
    const count = vi.spyOn(ChunkIndex.prototype, 'count');
    for (let n = 0; n < 300; n++) takeRun(reader, CHUNK);
    expect(reader.receivedChunks).toBe(300);
    expect(count).toHaveBeenCalled();
    expect(Math.max(...count.mock.calls.map(([from, to]) => to - from))).toBeLessThanOrEqual(CHUNK);
  });

  it('is exact for readers at different places, in any order of reads', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 60 });
    const reads = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 9000 })), { maxLength: 80 });
    fc.assert(
      fc.property(lengths, reads, (chunks, steps) => {
        const stream = emptyStream();
        const ends = chunks.map((length) => {
          stream.append(Buffer.alloc(length));
          return stream.endOffset;
        });
        const readers = Array.from({ length: 4 }, () => stream.openReader());
        for (const [which, max] of steps) {
          const reader = readers[which]!;
          takeRun(reader, max);
          expect(reader.receivedChunks).toBe(ends.filter((end) => end <= reader.cursor).length);
        }
      }),
    );
  });
});
