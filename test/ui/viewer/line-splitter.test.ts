import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stripAnsi } from '../../../ui/viewer/text/ansi.ts';
import { LineSplitter, MAX_LINE_BYTES } from '../../../ui/viewer/text/line-splitter.ts';
import type { LineRow } from '../../../ui/viewer/text/rows.ts';

const encode = (text: string) => new TextEncoder().encode(text);

/** All rows of `bytes`, fed in pieces of these lengths, the last of which is repeated. */
function split(bytes: Uint8Array, lengths: readonly number[] = [bytes.length], offset = 0): LineRow[] {
  const splitter = new LineSplitter();
  const rows: LineRow[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const piece = bytes.subarray(at, at + (lengths[Math.min(i, lengths.length - 1)] ?? 1));
    rows.push(...splitter.push(offset + at, piece, 1000 + i));
    at += piece.length;
  }
  return [...rows, ...splitter.flush()];
}

const texts = (rows: readonly LineRow[]) => rows.map(({ text }) => text);

describe('lines out of the pieces of a stream', () => {
  it('are the same however the bytes are cut', () => {
    const piece = fc.constantFrom('a', 'é', '漢', '😀', '\n', '\r\n', '\r', '\x1b[31m', ' ', 'long '.repeat(40));
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }),
        (parts, lengths) => {
          const bytes = encode(parts.join(''));
          const facts = (rows: LineRow[]) => rows.map(({ receivedAt: _, ...rest }) => rest);
          expect(facts(split(bytes, lengths))).toEqual(facts(split(bytes)));
        },
      ),
    );
  });

  it('lie side by side in the stream, each where its offset says', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (text, lengths) => {
          const bytes = encode(text.replaceAll('x', '\n'));
          let next = 77;
          for (const row of split(bytes, lengths, 77)) {
            expect(row.offset).toBe(next);
            next += row.bytes;
          }
          expect(next).toBe(77 + bytes.length);
        },
      ),
    );
  });

  it('keep a character whole that comes in two pieces', () => {
    expect(texts(split(encode('grüße 漢字 😀\n'), [1]))).toEqual(['grüße 漢字 😀']);
  });

  it('show a last line that may go on, without the beginning of a character', () => {
    const splitter = new LineSplitter();
    const bytes = encode('done\nprompt> 漢');
    splitter.push(0, bytes.subarray(0, -1), 5);
    expect(splitter.partial()).toMatchObject({ text: 'prompt> ', offset: 5, receivedAt: 5 });
    expect(texts(splitter.push(bytes.length - 1, Uint8Array.of(bytes.at(-1)!, 10), 6))).toEqual(['prompt> 漢']);
    expect(splitter.partial()).toBeUndefined();
  });

  it('show what a progress bar shows in the end, in its colours', () => {
    const rows = split(encode('10%\r\x1b[32m50%\r100%\n\r\nnext\r\n'), [3]);
    expect(texts(rows)).toEqual(['100%', '', 'next']);
    expect(rows[0]!.style).toEqual({ foreground: 2 });
    expect(rows[2]!.style).toEqual({ foreground: 2 });
  });

  it('take bounded memory for a progress bar without an end, and show where it is', () => {
    const splitter = new LineSplitter();
    for (let i = 0, offset = 0; i < 20_000; i++) {
      const step = encode(`\r${i} of many`);
      splitter.push(offset, step, 0);
      offset += step.length;
    }
    expect(splitter.partial()).toMatchObject({ text: '19999 of many', cutBytes: 0, offset: 0 });
  });

  it('are cut where they are too long, between characters, and say how much is missing', () => {
    const long = '漢'.repeat(MAX_LINE_BYTES);
    for (const lengths of [[1_000_000], [1000], [MAX_LINE_BYTES - 1]]) {
      const [row, next, ...more] = split(encode(`${long}\nnext\n`), lengths);
      expect(row!.text).toBe('漢'.repeat(Math.floor(MAX_LINE_BYTES / 3)));
      expect(row).toMatchObject({ bytes: MAX_LINE_BYTES * 3 + 1, cutBytes: MAX_LINE_BYTES * 2 });
      expect(next!.text).toBe('next');
      expect(more).toEqual([]);
    }
  });

  it('of the largest length that is kept are not cut, whatever ends them', () => {
    for (const end of ['\n', '\r\n', '']) {
      for (const lengths of [[1_000_000], [100]]) {
        const [row] = split(encode('x'.repeat(MAX_LINE_BYTES) + end), lengths);
        expect(row).toMatchObject({ cutBytes: 0 });
        expect(row!.text).toHaveLength(MAX_LINE_BYTES);
      }
    }
  });

  it('go on in the colour of the line before', () => {
    const [first, second, third] = split(encode('\x1b[1;31merror:\nin red\x1b[0m\nplain\n'));
    expect(first!.style).toEqual({});
    expect(second!.style).toEqual({ bold: true, foreground: 1 });
    expect(third!.style).toEqual({});
  });

  it('show signs for characters that would not show, or would move others', () => {
    const [row] = split(encode('a\x00b\x07c\x7fd\u202egpj.exe\u2028e\u0085\tf\n'));
    expect(row!.text).toBe('a␀b␇c␡d\ufffdgpj.exe\ufffde\ufffd\tf');
  });

  it('show what is not UTF-8 with a sign, and nothing else is lost', () => {
    expect(texts(split(Uint8Array.of(0x61, 0xff, 0x62, 10, 0x63, 10)))).toEqual(['a\ufffdb', 'c']);
  });

  it('are decoded by the charset of the type', () => {
    const splitter = new LineSplitter('iso-8859-1');
    expect(texts(splitter.push(0, Uint8Array.of(0xe9, 0xe8, 10), 0))).toEqual(['éè']);
    expect(texts(new LineSplitter('no-such-thing').push(0, encode('é\n'), 0))).toEqual(['é']);
    expect(texts(new LineSplitter('utf-16le').push(0, encode('é\n'), 0))).toEqual(['é']);
  });

  it('of another stream begin without the colours and the rest of the one before', () => {
    const splitter = new LineSplitter();
    splitter.push(0, encode('\x1b[31mred\nrest'), 0);
    splitter.reset();
    expect(splitter.push(0, encode('new\n'), 0)).toMatchObject([{ text: 'new', style: {}, offset: 0 }]);
  });

  it('are many in one piece, of any characters', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} ${i % 7 === 0 ? 'é' : 'e'} ${'.'.repeat(i % 90)}`);
    expect(texts(split(encode(lines.map((line) => `${line}\n`).join(''))))).toEqual(lines);
    expect(lines.map(stripAnsi)).toEqual(lines);
  });
});
