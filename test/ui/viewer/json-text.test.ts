import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonSplitter, MAX_VALUE_BYTES } from '../../../ui/viewer/text/json-splitter.ts';
import { compactJson, looksLikeJson, prettyJson, textOfJsonLine } from '../../../ui/viewer/text/json-text.ts';
import type { LineRow } from '../../../ui/viewer/text/rows.ts';

const pretty = (text: string) => prettyJson(text)?.map(textOfJsonLine).join('\n');

describe('JSON as it was written', () => {
  it('is laid out as JSON.stringify does it, for all values', () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: 'medium' }), (value) => {
        expect(pretty(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
      }),
    );
  });

  it('is taken for JSON exactly where JSON.parse takes it', () => {
    const part = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '1',
      '-',
      '0',
      '.5',
      'e3',
      'true',
      'null',
      'nul',
      ' ',
      '\n',
      '\\u00e9',
      'x',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        expect(prettyJson(text) !== undefined).toBe(isJson);
      }),
      { numRuns: 3000 },
    );
  });

  it('keeps numbers, strings and repeated keys as they are', () => {
    const text = '{"id":12345678901234567890,"x":1.0,"y":1E+2,"s":"\\u00e9\\/","id":-0}';
    expect(pretty(text)).toBe(
      '{\n  "id": 12345678901234567890,\n  "x": 1.0,\n  "y": 1E+2,\n  "s": "\\u00e9\\/",\n  "id": -0\n}',
    );
    expect(compactJson(text)).toBe('{"id": 12345678901234567890, "x": 1.0, "y": 1E+2, "s": "\\u00e9\\/", "id": -0}');
  });

  it('of a million brackets takes neither the stack nor the memory for its indentation', () => {
    const depth = 200_000;
    const lines = prettyJson(`${'['.repeat(depth)}1${']'.repeat(depth)}`)!;
    expect(lines).toHaveLength(depth * 2 + 1);
    expect(Math.max(...lines.slice(0, 1000).map((line) => textOfJsonLine(line).length))).toBeLessThan(100);
  });

  it('is looked for only in lines that are an object or an array from end to end', () => {
    expect(['{"a":1}', ' [1] ', '{a'].map(looksLikeJson)).toEqual([true, true, false]);
    expect(looksLikeJson('2026-01-01 {"a":1}')).toBe(false);
  });
});

describe('a stream of JSON', () => {
  const split = (text: string, step = 7): LineRow[] => {
    const splitter = new JsonSplitter();
    const bytes = new TextEncoder().encode(text);
    const rows: LineRow[] = [];
    for (let at = 0; at < bytes.length; at += step)
      rows.push(...splitter.push(100 + at, bytes.subarray(at, at + step), 5));
    return [...rows, ...splitter.flush()];
  };

  it('is cut into its values, over lines and within them, however it arrives', () => {
    const text = '{"a": [1, {"b": "}\\"]"}]}\n[\n  1,\n  2\n]{"c":1}{"d":2}\n';
    for (const step of [1, 3, 1000]) {
      expect(split(text, step).map((row) => row.text)).toEqual([
        '{"a": [1, {"b": "}\\"]"}]}',
        '[1, 2]',
        '{"c": 1}',
        '{"d": 2}',
      ]);
    }
    expect(split(text)[1]).toMatchObject({ offset: 100 + text.indexOf('[\n'), bytes: 12, receivedAt: 5 });
  });

  it('whose beginning was not seen is shown by lines until a value begins', () => {
    expect(split('1,\n  "x": 2 }\n"text"\n17\n{"ok":true}\n').map((row) => row.text)).toEqual([
      '1,',
      '"x": 2 }',
      '"text"',
      '17',
      '{"ok": true}',
    ]);
  });

  it('shows a value that has begun, and one that never ends as far as it is kept', () => {
    const splitter = new JsonSplitter();
    splitter.push(0, new TextEncoder().encode('{"a":\n 1'), 0);
    expect(splitter.partial()).toMatchObject({ text: '{"a": 1', bytes: 8 });
    splitter.reset();
    expect(splitter.partial()).toBeUndefined();
    const piece = new TextEncoder().encode('['.repeat(65_536));
    for (let i = 0; i < 40; i++) splitter.push(i * piece.length, piece, 0);
    expect(splitter.partial()).toMatchObject({ cutBytes: 40 * piece.length - MAX_VALUE_BYTES });
  });

  it('with a quote too many is in order again after the line', () => {
    expect(split('{"a": "x}\n}\n{"b":1}\n').at(-1)!.text).toBe('{"b": 1}');
  });
});
