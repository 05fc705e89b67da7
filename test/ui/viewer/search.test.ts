import { describe, expect, it } from 'vitest';
import { type Matcher, matcherFor, NO_SEARCH, type Search } from '../../../ui/viewer/text/matcher.ts';
import { segmentsOf } from '../../../ui/viewer/text/segments.ts';

const matcher = (search: Partial<Search>) => matcherFor({ ...NO_SEARCH, ...search }) as Matcher;

describe('a search', () => {
  it('takes a text as it is, in either case', () => {
    expect(matcher({ text: 'a.c' }).ranges('xA.C abc')).toEqual([[1, 4]]);
    expect(matcher({ text: 'a.c', isCaseSensitive: true }).ranges('A.C a.c')).toEqual([[4, 7]]);
    for (const text of ['[', '(', '*', '\\', '{1', '^$', '/', '-', ']', '}'])
      expect(matcher({ text }).test(`x${text}y`)).toBe(true);
  });

  it('takes a regular expression, also one that can match nothing', () => {
    expect(matcher({ text: '\\d+', isRegex: true }).ranges('1 22 x')).toEqual([
      [0, 1],
      [2, 4],
    ]);
    expect(matcher({ text: 'x*', isRegex: true }).ranges('axxb')).toEqual([[1, 3]]);
    expect(matcher({ text: '^b$', isRegex: true }).test('abc')).toBe(false);
  });

  it('can be for lines without it, of which nothing is marked', () => {
    const without = matcher({ text: 'a', isInverted: true });
    expect([without.test('abc'), without.test('xyz'), without.ranges('xyz')]).toEqual([false, true, []]);
  });

  it('says what is wrong with an expression, and is none without a text', () => {
    expect(matcherFor({ ...NO_SEARCH, text: '(', isRegex: true })).toHaveProperty('reason');
    expect(matcherFor(NO_SEARCH)).toBeUndefined();
  });

  it('gives the same response when it is asked again', () => {
    const twice = matcher({ text: 'a', isRegex: true });
    expect([twice.test('ba'), twice.test('ba'), twice.test('a')]).toEqual([true, true, true]);
    expect([twice.ranges('ba'), twice.ranges('a'), twice.test('ba'), twice.ranges('ba')]).toEqual([
      [[1, 2]],
      [[0, 1]],
      true,
      [[1, 2]],
    ]);
  });
});

describe('parts of a line', () => {
  const red = { foreground: 1 };
  it('are of one style, and within a hit or outside', () => {
    const spans = [
      { text: 'abcd', style: {} },
      { text: 'efgh', style: red },
    ];
    expect(
      segmentsOf(spans, [
        [2, 6],
        [7, 8],
      ]),
    ).toEqual([
      { text: 'ab', style: {}, isHit: false },
      { text: 'cd', style: {}, isHit: true },
      { text: 'ef', style: red, isHit: true },
      { text: 'g', style: red, isHit: false },
      { text: 'h', style: red, isHit: true },
    ]);
  });

  it('are no more than a screen can bear', () => {
    const spans = Array.from({ length: 5000 }, (_, i) => ({ text: 'ab', style: i % 2 === 0 ? red : {} }));
    const segments = segmentsOf(spans.slice(0, 1), [
      [0, 1],
      [1, 2],
    ]);
    expect(segments).toHaveLength(2);
    const many = segmentsOf(
      [{ text: 'x'.repeat(5000), style: {} }],
      Array.from({ length: 2000 }, (_, i) => [i * 2, i * 2 + 1]),
    );
    expect(many.length).toBeLessThan(500);
    expect(many.map(({ text }) => text).join('')).toHaveLength(5000);
  });
});
