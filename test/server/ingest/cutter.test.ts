import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asArrived, type Cutter, fixedLength } from '../../../src/server/ingest/cutter.ts';

/** All pieces that a cutter makes from the parts of a body. */
function cut(pieces: Cutter, parts: Uint8Array[]): Buffer[] {
  const made: Buffer[] = [];
  for (const part of parts) {
    const piece = pieces.take(part);
    if (piece !== undefined) made.push(Buffer.from(piece));
  }
  const rest = pieces.rest();
  if (rest !== undefined) made.push(Buffer.from(rest));
  return made;
}

/** A body and how the network split it. */
const bodies = fc
  .array(fc.stringMatching(/^[ab\n]{1,40}$/), { minLength: 1, maxLength: 12 })
  .map((parts) => parts.map((part) => Buffer.from(part)));

describe('pieces of a body', () => {
  it('contract 10: bytes that arrived together are one piece', () => {
    fc.assert(
      fc.property(bodies, (parts) => {
        expect(cut(asArrived, parts)).toEqual(parts);
      }),
    );
  });

  it('contract 10: a short body of known length is one piece, however it was cut', () => {
    fc.assert(
      fc.property(bodies, (parts) => {
        const body = Buffer.concat(parts);
        expect(cut(fixedLength(body.length), parts)).toEqual([body]);
      }),
    );
  });

  it('contract 72: of a short body that breaks off, what came is one piece', () => {
    fc.assert(
      fc.property(bodies, (parts) => {
        const body = Buffer.concat(parts);
        expect(cut(fixedLength(body.length + 1), parts)).toEqual([body]);
      }),
    );
  });
});
