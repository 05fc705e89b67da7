import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunksOf, textOfLengths } from '../../../src/logs/redis/lengths.ts';

describe('lengths of chunks', () => {
  it('say how bytes were cut, whatever follows what', () => {
    const lengths = fc.array(fc.oneof(fc.constantFrom(1, 7, 100), fc.integer({ min: 1, max: 3000 })), { minLength: 1 });
    fc.assert(
      fc.property(lengths, (each) => {
        const chunks = each.map((length, n) => Buffer.alloc(length, n));
        const cut = chunksOf(Buffer.concat(chunks), textOfLengths(chunks));
        expect(cut.map(({ length }) => length)).toEqual(each);
        expect(Buffer.concat(cut).equals(Buffer.concat(chunks))).toBe(true);
      }),
    );
  });

  it('are as short for a thousand of one length as for one', () => {
    const chunks = Array.from({ length: 1000 }, () => Buffer.alloc(100));
    expect(textOfLengths([...chunks, Buffer.alloc(7)])).toBe('100*1000,7');
  });
});
