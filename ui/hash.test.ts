import { describe, expect, it } from 'vitest';
import { parseHash, streamHash } from './hash.ts';

describe('the address of a view', () => {
  it.each(['/streamfs/a', '/streamfs/a b/ü', '/streamfs/100%', '/s/?#&', "/x/<img src=x onerror='1'>", '/a/%2F'])(
    'parses back to its path: %s',
    (path) => {
      expect(parseHash(streamHash(path))).toMatchObject({ place: 'stream', path });
    },
  );

  it('keeps the state of the view', () => {
    const { path, state } = parseHash(streamHash('/streamfs/a', new URLSearchParams({ view: 'hex', q: 'a&b=c' })));
    expect([path, state.get('view'), state.get('q')]).toEqual(['/streamfs/a', 'hex', 'a&b=c']);
  });

  it('takes text with an invalid encoding literally', () => {
    expect(parseHash('#/s/streamfs/100%')).toMatchObject({ place: 'stream', path: '/streamfs/100%' });
  });

  it.each([
    ['', 'streams'],
    ['#', 'streams'],
    ['#/', 'streams'],
    ['#/health', 'health'],
    ['#/api', 'api'],
    ['#/s/', 'missing'],
    ['#/nothing', 'missing'],
  ])('of %j is %s', (hash, place) => {
    expect(parseHash(hash).place).toBe(place);
  });
});
