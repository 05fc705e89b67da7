import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DEPTH, MAX_VALUES, scanJson } from '../../../src/server/http/json-scan.ts';

const scan = (text: string) => scanJson(Buffer.from(text));

function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((sum, one) => sum + valuesIn(one), 1);
}

describe('looking over JSON before it is parsed', () => {
  it('contract 95: refuses values that are nested too deep, and accepts others', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => scan(nested(MAX_DEPTH))).not.toThrow();
    expect(() => scan(nested(MAX_DEPTH + 1))).toThrow(`more than ${MAX_DEPTH} arrays and objects within each other`);
    expect(() => scan('['.repeat(1_000_000))).toThrow('within each other');
  });

  it.each([
    ['empty arrays', '[],'],
    ['empty objects', '{},'],
    ['numbers', '1,'],
    ['texts', '"",'],
    ['fields', '"a":0,'],
  ])('contract 95: refuses too many values: %s', (_, unit) => {
    expect(() => scan(`[[${unit.repeat(MAX_VALUES + 1)}1]]`)).toThrow(`more than ${MAX_VALUES} values`);
    expect(() => scan(`[[${unit.repeat(MAX_VALUES - 3)}1]]`)).not.toThrow();
  });

  it('takes a text of any length for one value, whatever is in it', () => {
    expect(scan(`{"data":"${'[{,\\"\\\\'.repeat(100_000)}"}`)).toBe(2);
  });

  it('refuses a field that is given twice, however it is written', () => {
    expect(() => scan('{"path":"/a","path":"/b"}')).toThrow('it has the field "path" twice');
    expect(() => scan('{"path":"/a","p\\u0061th":"/b"}')).toThrow('it has the field "path" twice');
    expect(() => scan('{ "a" : {"a":1,"a":2} , "b" : ["b","b"] , "c" : "a" }')).not.toThrow();
  });

  it('counts the values there are, and refuses nothing of what programs write', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        expect(scan(text)).toBe(valuesIn(JSON.parse(text)));
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4 })), (value) => {
        const text = JSON.stringify(value);
        expect(scan(text)).toBe(valuesIn(JSON.parse(text)));
      }),
    );
  });

  it('comes to an end with anything', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.stringMatching(/^[[\]{}:,"\\ ]*$/), (bytes, text) => {
        for (const each of [Buffer.from(bytes), Buffer.from(text)]) expect(scanJson(each)).toBeGreaterThan(0);
      }),
    );
  });
});
