import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonLines, requireJsonLines } from '../../../src/plugins/streamfs/json-text.ts';

const linesOf = (text: string | Uint8Array) => Buffer.from(jsonLines(Buffer.from(text))).toString();

/** A JSON text with whitespace of any kind wherever it is allowed. */
const spaced = fc.letrec<{ value: string; space: string }>((tie) => ({
  space: fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 }),
  value: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue({ maxDepth: 0 }).map((value) => JSON.stringify(value)),
    fc.constantFrom('12345678901234567890', '1.10', '-0', '1e400', '1E+05', '"\\u00e9\\ud800"', '"a\\n\\\\\\""'),
    fc
      .array(tie('value'))
      .chain((list) => tie('space').map((space) => `[${space}${list.join(`${space},${space}`)}${space}]`)),
    fc
      .array(fc.tuple(fc.string(), tie('value')))
      .chain((list) =>
        tie('space').map(
          (space) =>
            `{${space}${list.map(([name, value]) => `${JSON.stringify(name)}${space}:${space}${value}`).join(`${space},`)}${space}}`,
        ),
      ),
  ),
}));

describe('JSON bodies', () => {
  it('become lines, a message each, with numbers as they were written', () => {
    expect(linesOf('[12345678901234567890, 1.10, {"a":1e400}]')).toBe('12345678901234567890\n1.10\n{"a":1e400}\n');
    expect(linesOf(' {"a":\n[1,\r\n2]} ')).toBe('{"a": [1,  2]}\n');
    expect(linesOf('[]')).toBe('');
    expect(linesOf('[[],[1,2]]')).toBe('[]\n[1,2]\n');
    expect(linesOf('"é\\n"')).toBe('"é\\n"\n');
  });

  it('may begin with a byte order mark, which is no part of a message', () => {
    expect(linesOf('\ufeff[1, "\ufeff"]')).toBe('1\n"\ufeff"\n');
    expect(linesOf('\ufeff {}')).toBe('{}\n');
    for (const text of ['\ufeff', '\ufeff\ufeff1', ' \ufeff1', '[\ufeff1]'])
      expect(() => linesOf(text)).toThrow('JSON');
  });

  it('mean the same as JSON.parse says, and are refused where it refuses', () => {
    const text = fc.oneof(
      spaced.value,
      fc
        .tuple(spaced.value, fc.nat(), fc.constantFrom('', '"', ',', '[', '}', '\\', '-', 'e', '\u0001', '0', ':'))
        .map(([whole, at, put]) => {
          const cut = at % (whole.length + 1);
          return whole.slice(0, cut) + put + whole.slice(cut + 1);
        }),
    );
    fc.assert(
      fc.property(text, (body) => {
        let parsed: unknown;
        try {
          parsed = JSON.parse(body);
        } catch {
          expect(() => linesOf(body)).toThrow(/invalid request body/);
          return;
        }
        const lines = linesOf(body);
        expect(lines).not.toMatch(/\r|[^\n]$/);
        const messages = lines
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line));
        expect(messages).toEqual(Array.isArray(parsed) ? parsed : [parsed]);
        requireJsonLines(Buffer.from(lines));
      }),
      { numRuns: 2000 },
    );
  });

  it('are refused with the place of what is wrong', () => {
    expect(() => linesOf('')).toThrow('it is not JSON: expected a value at its end');
    expect(() => linesOf('[1,]')).toThrow('it is not JSON: expected a value at byte 3');
    expect(() => linesOf('{"a" 1}')).toThrow('it is not JSON: expected a colon at byte 5');
    expect(() => linesOf('1 2')).toThrow('it is not JSON: expected nothing more at byte 2');
    expect(() => linesOf(Buffer.from([0x22, 0xff, 0x22]))).toThrow('it is not UTF-8');
    expect(() => linesOf('['.repeat(100_000))).toThrow('more than 1000 arrays and objects');
  });

  it('hold up nothing, however many values they have', () => {
    const body = Buffer.from(`[${'0,'.repeat(2 * 1024 * 1024 - 1)}0]`);
    expect(jsonLines(body).length).toBe(body.length - 1);
  });
});

describe('lines of JSON', () => {
  it('are refused if one is not a message, with its number', () => {
    requireJsonLines(Buffer.from('{"a":1}\r\n [1]\n"x"'));
    expect(() => requireJsonLines(Buffer.from('1\n2 3\n'))).toThrow('line 2 of the written data is not JSON');
    expect(() => requireJsonLines(Buffer.from('1\n\n2\n'))).toThrow('line 2');
  });
});
