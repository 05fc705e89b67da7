/** Listings in parts, and long ones as a whole. */
import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { Tokens } from '../../src/server/index.ts';
import { start } from './harness.ts';

interface Listing {
  files: { name: string; isDir: boolean }[];
  next?: string;
}

const withStreams = async (names: readonly string[], mounted: Record<string, string> = {}) => {
  const running = await start({ mounted: { '/s': 'streamfs', ...mounted } });
  for (const name of names) await running.mounts.create(`/s/${name}`);
  const list = async (query: string) =>
    (await running.call('GET', `/directories?${query}`)).json() as unknown as Listing;
  return { ...running, list };
};

const NAMES = ['c', 'a/deep/1', 'a/2', 'b', 'R', 'd/x'];
const ALL = ['README', 'R', 'a', 'b', 'c', 'd'];

describe('a listing in parts', () => {
  it.each([1, 2, 3, 5, 6, 7])('contract 38: has what the whole has, in its order, in parts of %i', async (limit) => {
    const { list } = await withStreams(NAMES);
    expect((await list('path=/s')).files.map(({ name }) => name)).toEqual(ALL);
    const found: string[] = [];
    for (let after = ''; ; ) {
      const { files, next } = await list(`path=/s&limit=${limit}${after}`);
      expect(files.length).toBe(Math.min(limit, ALL.length - found.length));
      found.push(...files.map(({ name }) => name));
      if (next === undefined) break;
      expect(next).toBe(found.at(-1));
      after = `&after=${next}`;
    }
    expect(found).toEqual(ALL);
  });

  it('continues after a name that has gone', async () => {
    const { call, list } = await withStreams(NAMES);
    await call('DELETE', '/files?path=/s/b');
    expect((await list('path=/s&after=b')).files.map(({ name }) => name)).toEqual(['c', 'd']);
    await call('DELETE', '/files?path=/s/d/x');
    expect((await list('path=/s&after=b')).files.map(({ name }) => name)).toEqual(['c']);
  });

  it('is by name where plugins give no parts, and where mounts lie between', async () => {
    const { call, list, mounts } = await withStreams(NAMES, { '/mem': 'memfs', '/s/aa': 'memfs' });
    for (const name of ['x', 'z', 'y']) await mounts.create(`/mem/${name}`);
    expect(await list('path=/mem&limit=2')).toMatchObject({ files: [{ name: 'x' }, { name: 'y' }], next: 'y' });
    expect((await list('path=/mem&after=y')).files.map(({ name }) => name)).toEqual(['z']);
    expect((await list('path=/s&limit=3&after=R')).files.map(({ name }) => name)).toEqual(['README', 'a', 'aa']);
    expect((await list('path=/&limit=1')).next).toBe('mem');
    expect((await call('GET', '/list?path=/&limit=1&after=mem')).text).toContain('"name":"s"');
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=10001', 'limit'],
    ['limit=x', 'limit'],
    ['after=', 'after'],
  ])('refuses %s', async (query, name) => {
    const { call } = await withStreams([]);
    const { status, text } = await call('GET', `/directories?path=/s&${query}`);
    expect([status, text]).toEqual([400, expect.stringContaining(`"INVALID_PARAMETER"`)]);
    expect(text).toContain(name);
  });
});

describe('a listing in parts, of a caller who may see a few of many', () => {
  it('is filled with what it may see, and says nothing of the rest', async () => {
    const hash = createHash('sha256').update('few').digest('hex');
    const tokens = new Tokens([{ name: 'few', sha256: hash, paths: ['/s/n*7', '/s/n3000'], rights: ['read'] }]);
    const { call, mounts } = await start({ mounted: { '/s': 'streamfs' }, tokens });
    for (let n = 0; n < 3001; n++) await mounts.create(`/s/n${String(n).padStart(4, '0')}`);
    const list = async (query: string) =>
      (
        await call('GET', `/directories?path=/s&${query}`, { headers: { Authorization: 'Bearer few' } })
      ).json() as unknown as Listing;
    const seen = Array.from({ length: 300 }, (_, n) => `n${String(n * 10 + 7).padStart(4, '0')}`).concat('n3000');
    const first = await list('limit=200');
    expect(first.files.map(({ name }) => name)).toEqual(seen.slice(0, 200));
    const rest = await list(`limit=200&after=${first.next}`);
    expect([rest.files.map(({ name }) => name), rest.next]).toEqual([seen.slice(200), undefined]);
    expect((await list('')).files.map(({ name }) => name)).toEqual(seen);
  });
});

describe('a long listing', () => {
  const many = Array.from({ length: 3500 }, (_, n) => `n${String(n).padStart(4, '0')}`);

  it('contract 38: is one JSON object with every name once, though it is written in parts', async () => {
    const { call, list } = await withStreams(many);
    const response = await call('GET', '/directories?path=/s');
    expect(response.headers['transfer-encoding']).toBe('chunked');
    expect(response.headers['content-type']).toBe('application/json');
    expect((response.json() as unknown as Listing).files.map(({ name }) => name)).toEqual(['README', ...many]);
    const page = await list('path=/s&limit=3000');
    expect([page.files.length, page.next]).toEqual([3000, many[2998]]);
    const head = await call('HEAD', '/directories?path=/s');
    expect([head.status, head.text]).toEqual([200, '']);
  });
});

describe('a page of a listing', () => {
  it.each([
    [1, 2],
    [1000, 1001],
    [1500, 1501],
  ])('of %i looks up one entry more, and no others', async (limit, most) => {
    const { call, mounts } = await start({ mounted: { '/s': 'streamfs' } });
    for (let n = 0; n < 2100; n++) await mounts.write(`/s/${String(n).padStart(5, '0')}`, new Uint8Array(1));
    const page = vi.spyOn(mounts, 'readDirPage');
    const response = (await call('GET', `/directories?path=/s&limit=${limit}&after=00009`)).json() as unknown as {
      files: { name: string }[];
      next?: string;
    };
    const lookedUp = (await Promise.all(page.mock.results.map(({ value }) => value))) as unknown[][];
    page.mockRestore();
    expect([response.files.length, response.files[0]!.name]).toEqual([limit, '00010']);
    expect(response.next).toBe(response.files.at(-1)!.name);
    expect(lookedUp.reduce((sum, { length }) => sum + length, 0)).toBe(most);
  });
});
