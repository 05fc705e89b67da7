import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkIndex } from '../../src/core/chunk-index.js';

const CAPACITY = 200;

const marksAndRange = fc.record({
  marks: fc.uniqueArray(fc.integer({ min: 0, max: CAPACITY - 1 })),
  from: fc.integer({ min: 0, max: CAPACITY }),
  to: fc.integer({ min: 0, max: CAPACITY }),
});

function indexOf(marks: readonly number[]): ChunkIndex {
  const index = new ChunkIndex(CAPACITY);
  for (const position of marks) index.mark(position);
  return index;
}

describe('ChunkIndex', () => {
  it('counts the chunks that end between any two positions, none where they are in the wrong order', () => {
    fc.assert(
      fc.property(marksAndRange, ({ marks, from, to }) => {
        expect(indexOf(marks).count(from, to)).toBe(marks.filter((at) => at >= from && at < to).length);
      }),
    );
  });

  it('finds the next and the previous end of a chunk between any two positions', () => {
    fc.assert(
      fc.property(marksAndRange, ({ marks, from, to }) => {
        fc.pre(from < to);
        const within = marks.filter((at) => at >= from && at < to).sort((a, b) => a - b);
        expect(indexOf(marks).nextEnd(from, to)).toBe(within[0] ?? -1);
        expect(indexOf(marks).previousEnd(from, to)).toBe(within.at(-1) ?? -1);
      }),
    );
  });
});
