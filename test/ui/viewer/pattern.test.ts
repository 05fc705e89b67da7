import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matcherFor, NO_SEARCH } from '../../../ui/viewer/text/matcher.ts';
import { Pattern } from '../../../ui/viewer/text/pattern.ts';

const piece = fc.constantFrom(
  ...[
    'a',
    'b',
    'ab',
    '.',
    '\\d',
    '\\w',
    '[ab]',
    '[^a]',
    '\\b',
    '\\B',
    '^',
    '$',
    '(a|b)',
    '(?:ab|a|b)',
    '(?<n>b)',
    'é',
    '😀',
    '\\u{e9}',
  ],
  ...[
    'a*',
    'a+',
    'b?',
    'a{2}',
    'a{1,2}',
    '(ab)*',
    '(a|ab)*?',
    'a+?',
    'b??',
    '.*',
    '.*?',
    '(a*b|a)+',
    '|',
    '[a-c]{2,}',
    '\\p{L}',
    '\\.',
  ],
);
const source = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''));
const text = fc
  .array(fc.constantFrom('a', 'b', 'A', 'c', '1', ' ', 'é', '😀', '.'), { maxLength: 12 })
  .map((all) => all.join(''));

describe('expressions of a search', () => {
  it('find what the browser finds, from any place on', () => {
    fc.assert(
      fc.property(source, text, fc.constantFrom('u' as const, 'iu' as const), (written, line, flags) => {
        // A browser finds \\B inside a character of two code units.
        if (written.includes('\\B') && line.includes('😀')) return;
        let theirs: RegExp;
        try {
          theirs = new RegExp(written, `${flags}g`);
        } catch {
          return;
        }
        const ours = new Pattern(written, flags);
        const found = theirs.exec(line);
        const expected = found === null ? undefined : [found.index, found.index + found[0].length];
        expect(ours.find(line, 0)).toEqual(expected);
        expect(ours.test(line)).toBe(found !== null);
        // From a position inside a character a browser goes back to its beginning.
        if (expected === undefined || line.includes('😀') || theirs.lastIndex === expected[0]) return;
        const second = theirs.exec(line);
        const next = second === null ? undefined : [second.index, second.index + second[0].length];
        expect(ours.find(line, expected[1]!)).toEqual(next);
      }),
      { numRuns: 5000 },
    );
  });

  it('are done in steps that grow with the line, where going back would take for ever', () => {
    const line = `${'a'.repeat(16_000)}!`;
    for (const hostile of ['(a+)+$', '(a|a)*b', '(a|aa)+$', '(.*)*x', '([a-z]+)*\\d', '(?:a?){30}a{30}b']) {
      expect(new Pattern(hostile, 'u').find(line, 0)).toBeUndefined();
    }
  });

  it.each([
    ['(?=a)', 'back references are not supported'],
    ['(?<!a)b', 'back references are not supported'],
    ['(a)\\1', 'back references are not supported'],
    ['(?<n>a)\\k<n>', 'back references are not supported'],
    ['(a{50}){50}', 'too long'],
    ['((((){200}){200}){200}){200}', 'too long'],
    ['a{100000000}', 'too long'],
    ['(', 'Unterminated group'],
  ])('say why %s is none', (written, reason) => {
    const search = { ...NO_SEARCH, text: written, isRegex: true };
    expect(matcherFor(search)).toMatchObject({ reason: expect.stringContaining(reason) });
  });
});
