import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PathPattern } from '../../../src/server/auth/index.ts';

const matches = (pattern: string, path: string) => new PathPattern(pattern).matches(path);

describe('patterns of paths', () => {
  it.each([
    ['/a', '/a', true],
    ['/a', '/a/b', false],
    ['/a/*', '/a/b', true],
    ['/a/*', '/a', false],
    ['/a/*', '/a/b/c', false],
    ['/a/b*', '/a/bcd', true],
    ['/a/b*d', '/a/bcc', false],
    ['/a/**', '/a', true],
    ['/a/**', '/a/b/c', true],
    ['/a/**', '/ab', false],
    ['/**/z', '/z', true],
    ['/**/z', '/x/y/z', true],
    ['/**', '/', true],
    ['/a.b', '/axb', false],
    ['/a(b', '/a(b', true],
    ['//a//b/', '/a/b', true],
  ])('%s is for %s: %s', (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected);
  });

  it('** as part of a part is refused, and so is a path that is not absolute', () => {
    expect(() => new PathPattern('/a**')).toThrow(/whole segments/);
    expect(() => new PathPattern('a')).toThrow(/begins with \//);
  });

  const part = fc.constantFrom('a', 'b', 'ab', 'c.d', '$');
  const parts = fc.array(part, { maxLength: 4 });
  const asPath = (list: readonly string[]) => `/${list.join('/')}`;

  it('without stars it is for itself alone', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        expect(matches(asPath(one), asPath(other))).toBe(asPath(one) === asPath(other));
      }),
    );
  });

  it('it reaches every path on the way to one that it is for', () => {
    const starred = fc.array(fc.oneof(part, fc.constantFrom('*', '**', 'a*')), { maxLength: 4 });
    fc.assert(
      fc.property(starred, parts, fc.nat(4), (pattern, path, length) => {
        const compiled = new PathPattern(asPath(pattern));
        if (compiled.matches(asPath(path))) expect(compiled.reaches(asPath(path.slice(0, length)))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('that covers a path also matches everything below it', () => {
    const starred = fc.array(fc.oneof(part, fc.constantFrom('*', '**')), { maxLength: 4 });
    fc.assert(
      fc.property(starred, parts, parts, (pattern, path, below) => {
        const compiled = new PathPattern(asPath(pattern));
        if (compiled.covers(asPath(path))) expect(compiled.matches(asPath([...path, ...below]))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
