import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkedDecoder } from '../../../src/server/fast-path/chunked.ts';
import { readByNode } from './node-parser.ts';

interface Decoded {
  body: Buffer;
  state: 'over' | 'broken' | 'more';
  /** The number of bytes read. */
  read: number;
}

/** Decodes bytes in pieces that end at `cuts`. */
function decode(bytes: Uint8Array, cuts: readonly number[] = []): Decoded {
  const decoder = new ChunkedDecoder();
  const body: Uint8Array[] = [];
  let read = 0;
  for (const to of [...new Set([...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b)) {
    const piece = bytes.subarray(read, to);
    let at = 0;
    while (at < piece.length && !decoder.isOver && !decoder.isBroken) {
      at = decoder.next(piece, at);
      if (decoder.piece > 0) body.push(piece.slice(at - decoder.piece, at));
    }
    read += at;
    if (decoder.isOver || decoder.isBroken) break;
  }
  const state = decoder.isOver ? 'over' : decoder.isBroken ? 'broken' : 'more';
  return { body: Buffer.concat(body), state, read };
}

const decodeText = (text: string) => decode(Buffer.from(text, 'latin1'));

describe('the chunked coding', () => {
  it('contract 70: gives the bytes of all chunks, however they are cut on their way', () => {
    const extension = fc.constantFrom('', ';a', ';a=b', ' ; a="b c"', '\t');
    const chunk = fc.record({ data: fc.uint8Array({ minLength: 1, maxLength: 40 }), extension, upper: fc.boolean() });
    const trailer = fc.constantFrom('', 'A: b\r\n', 'A: b\r\nC:\r\n');
    fc.assert(
      fc.property(fc.array(chunk), trailer, fc.array(fc.nat({ max: 400 })), (chunks, end, cuts) => {
        const parts = chunks.flatMap(({ data, extension: beside, upper }) => {
          const size = data.length.toString(16);
          return [Buffer.from(`${upper ? size.toUpperCase() : size}${beside}\r\n`), data, Buffer.from('\r\n')];
        });
        const whole = Buffer.concat([...parts, Buffer.from(`0\r\n${end}\r\n`)]);
        const { body, state, read } = decode(Buffer.concat([whole, Buffer.from('PUT')]), cuts);
        expect(body).toEqual(Buffer.concat(chunks.map(({ data }) => data)));
        expect([state, read]).toEqual(['over', whole.length]);
      }),
    );
  });

  it('asks for more where it is not complete', () => {
    const text = '3;a\r\nabc\r\n0\r\nA: b\r\n\r\n';
    for (let length = 0; length < text.length; length++) expect(decodeText(text.slice(0, length)).state).toBe('more');
    expect(decodeText(text)).toMatchObject({ state: 'over', body: Buffer.from('abc') });
  });

  it.each([
    ['no size', '\r\n'],
    ['a size that is not a number', 'g\r\n'],
    ['a negative size', '-1\r\n'],
    ['0x before a size', '0x3\r\nabc\r\n'],
    ['a size of too many digits', `${'1'.repeat(14)}\r\n`],
    ['LF alone after a size', '3\nabc\r\n'],
    ['LF alone after data', '3\r\nabc\n0\r\n\r\n'],
    ['more data than the size says', '3\r\nabcd\r\n'],
    ['LF within an extension', '3;a\nb\r\nabc\r\n'],
    ['a control character in an extension', '3;\0\r\nabc\r\n'],
    ['LF alone after a trailer', '0\r\nA: b\n\r\n'],
    ['a trailer without a colon', '0\r\n0\r\n\r\n'],
    ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
    ['something else than LF at the end', '0\r\n\rx'],
    ['endless extensions', `3;${'a'.repeat(20_000)}\r\n`],
    ['endless trailers', `0\r\n${'A: b\r\n'.repeat(5000)}`],
  ])('refuses %s', (_, text) => {
    expect(decodeText(text).state).toBe('broken');
  });

  it('is read as node:http reads it, or refused, whatever comes', async () => {
    const odd = fc.constantFrom('0', '03', 'A', 'f;x', ' ', ';', '\r\n', '\n', '\r', 'abc', 'x: y', '\0', '\x80');
    const right = fc.constantFrom('3\r\nabc\r\n', 'A;x\r\nabcdefghij\r\n', '0\r\n', 'x: y\r\n', '\r\n', '0\r\n\r\n');
    const part = fc.oneof({ weight: 6, arbitrary: right }, odd);
    const head = 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const cases = fc.tuple(
      fc.constantFrom('', '3\r\nabc\r\n', 'a\r\nabcdefghij\r\n'),
      fc.array(part, { maxLength: 8 }),
    );
    let over = 0;
    await fc.assert(
      fc.asyncProperty(cases, async (parts) => {
        const bytes = Buffer.from(parts.join(''), 'latin1');
        const { body, state, read } = decode(bytes);
        const node = await readByNode(
          Buffer.concat([Buffer.from(head), bytes.subarray(0, state === 'over' ? read : undefined)]),
        );
        const request = node.requests[0]!;
        if (state === 'over') {
          over++;
          expect(request).toMatchObject({ isComplete: true });
          expect(request.body).toEqual(body);
        } else expect(request.isComplete && state === 'more').toBe(false);
      }),
      { numRuns: 3000 },
    );
    expect(over).toBeGreaterThan(20);
  });
});
