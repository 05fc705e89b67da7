import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Query } from '../../../src/server/http/query.ts';
import { parseTarget } from '../../../src/server/http/target.ts';

const query = (text: string) => parseTarget(`/api/v1/files?${text}`).query;

describe('the target of a request', () => {
  it('is decoded, + as a space in the query and as itself in the path', () => {
    const target = parseTarget('/a+b/c%20d/?path=%2Fmem%2Fa+b%2Bc&end');
    expect(target.segments).toEqual(['a+b', 'c d']);
    expect(target.query.path()).toBe('/mem/a b+c');
    expect(target.query.has('end')).toBe(true);
  });

  it('gives back any path as it was encoded', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (path) => {
        expect(query(new URLSearchParams({ path }).toString()).path()).toBe(path);
        expect(query(`path=${encodeURIComponent(path)}`).path()).toBe(path);
      }),
    );
  });

  it('keeps dots and doubled slashes as they were sent', () => {
    expect(parseTarget('/a/../b//c').segments).toEqual(['a', '..', 'b', '', 'c']);
  });

  it('may be absolute, as a proxy is sent it', () => {
    expect(parseTarget('http://example.org:80/a/b?path=/x').segments).toEqual(['a', 'b']);
    expect(parseTarget('http://example.org').segments).toEqual([]);
  });

  it.each(['/a%zz', '/a?path=%', '/a?path=%ff%fe', '/a?%zz=1'])('%s is refused: malformed percent-encoding', (url) => {
    expect(() => parseTarget(url)).toThrow(/^bad request: malformed percent-encoding/);
  });

  it('must begin with a slash', () => {
    expect(() => parseTarget('files')).toThrow('bad request: the request target must begin with /, got files');
  });
});

describe('a parameter', () => {
  it('contract 66: a missing or empty path is asked for', () => {
    expect(() => query('').path()).toThrow(/^path parameter is required$/);
    expect(() => query('path=').path()).toThrow(/^path parameter is required$/);
  });

  it('given twice is refused', () => {
    expect(() => query('path=/a&path=/b').path()).toThrow('invalid path parameter: given more than once');
    expect(() => query('size=1&size=1').integer('size')).toThrow('invalid size parameter: given more than once');
  });

  it('that no handler reads is ignored, even malformed or twice', () => {
    expect(query('path=/a&_=1&_=2&x').path()).toBe('/a');
  });

  it('that is empty is refused', () => {
    expect(() => query('offset=').integer('offset')).toThrow('invalid offset parameter: is empty');
  });

  it('booleans are true, false, 1 and 0', () => {
    expect(query('stream=true').boolean('stream')).toBe(true);
    expect(query('stream=1').boolean('stream')).toBe(true);
    expect(query('stream=FALSE').boolean('stream')).toBe(false);
    expect(query('stream=0').boolean('stream')).toBe(false);
    expect(query('').boolean('stream')).toBeUndefined();
    expect(() => query('stream=yes').boolean('stream')).toThrow(
      'invalid stream parameter: must be true or false, got yes',
    );
  });

  it('contract 59: whole numbers are plain decimal and exact', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (number) => {
        expect(query(`limit=${number}`).integer('limit')).toBe(number + 0);
      }),
    );
    expect(Object.is(query('limit=-0').integer('limit'), 0)).toBe(true);
  });

  it.each(['1e3', '0x10', '1.5', '1_000', 'NaN', 'Infinity', '--1', ' 1', '１', '9007199254740992', '9'.repeat(400)])(
    'contract 59: %s is no whole number',
    (text) => {
      expect(() => new Query([['limit', text]]).integer('limit')).toThrow(/^invalid limit parameter: must be /);
    },
  );

  it('contract 59: numbers have a range', () => {
    expect(() => query('offset=-1').integer('offset', { min: 0 })).toThrow(
      'invalid offset parameter: must be 0 or more, got -1',
    );
    expect(() => query('size=11').integer('size', { max: 10 })).toThrow(
      'invalid size parameter: must be at most 10, got 11',
    );
  });

  it('sizes and durations have units, and errors that name the parameter', () => {
    expect(query('last=64KB').size('last')).toBe(65536);
    expect(query('last=0').size('last')).toBe(0);
    expect(() => query('last=64K').size('last')).toThrow(/^invalid last parameter: invalid size format: 64K/);
    expect(query('timeout=500ms').duration('timeout')).toBe(500);
    expect(query('timeout=2').duration('timeout')).toBe(2000);
    expect(() => query('timeout=soon').duration('timeout')).toThrow(/^invalid timeout parameter: invalid duration/);
  });

  it('words are one of a few', () => {
    expect(query('from=live').oneOf('from', ['earliest', 'live'])).toBe('live');
    expect(() => query('from=Live').oneOf('from', ['earliest', 'live'])).toThrow(
      'invalid from parameter: must be one of earliest, live; got Live',
    );
  });

  it('a long value is cut where an error repeats it', () => {
    expect(() => query(`limit=${'x'.repeat(10_000)}`).integer('limit')).toThrow(/got x{64}…$/);
  });
});
