import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../../src/server/index.ts';
import { follow, start } from '../harness.ts';

/** The headers of browser navigations: by a link on a page, by the address bar, by an old or unusual browser. */
const NAVIGATIONS = [
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-user': '?1' },
  { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
  { 'sec-fetch-site': 'none', 'sec-fetch-dest': 'document' },
  { 'upgrade-insecure-requests': '1' },
] as Record<string, string>[];

const SAFE = [
  ...['/', '/metrics', '/api/v1/metrics', '/api/v1/health', '/api/v1/ready', '/api/v1/stats', '/api/v1/version'],
  ...['/api/v1/capabilities', '/api/v1/files', '/api/v1/stat', '/api/v1/readlink', '/api/v1/directories'],
  ...['/api/v1/list', '/api/v1/mounts', '/api/v1/plugins', '/api/v1/readers', '/api/v1/openapi.json'],
];

const world = () => start({ mounted: { '/s': 'streamfs', '/b': { fstype: 'streamfs', config: { on_lag: 'block' } } } });

describe('contract 94: a browser that is sent here by a link, a page or an address', () => {
  it('may ask for these and for nothing else: a route that comes is for programs until it says otherwise', () => {
    const navigable = ROUTES.filter((route) => route.navigable === true);
    expect(navigable.map(({ pattern }) => pattern).sort()).toEqual([...SAFE].sort());
    expect(navigable.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it.each(NAVIGATIONS)('as %j is refused everything that may change something', async (headers) => {
    const { call, mounts, handles } = await world();
    await mounts.write('/s/there', Buffer.from('hello'));
    const { id } = await handles.open('/s/there', { flags: 2, mode: 0o644 });
    for (const { method, pattern, navigable } of ROUTES) {
      if (navigable) continue;
      const response = await call(method, `${pattern.replace(':id', String(id))}?path=/s/there&timeout=0`, { headers });
      expect([pattern, response.status]).toEqual([pattern, 403]);
      expect(response.json().code).toMatch(/^(NAVIGATION|ORIGIN)_REFUSED$/);
    }
    const read = await call('GET', `/handles/${id}/read?timeout=0`);
    expect([read.text, handles.size]).toEqual(['hello', 1]);
  });

  it.each(NAVIGATIONS)('as %j may read a stream that is there, live and as it is, and makes none', async (headers) => {
    const { call, port, mounts } = await world();
    await mounts.write('/s/there', Buffer.from('hello'));
    expect((await call('GET', '/files?path=/s/there&snapshot=true', { headers })).text).toBe('hello');
    const live = await follow(port, '/files?path=/s/there&stream=true', headers);
    expect(await live.until(5)).toBe('hello');
    live.cut();
    for (const more of ['', '&create=true', '&create=false', '&format=frames', '&from=live']) {
      const response = await call('GET', `/files?path=/s/absent&stream=true${more}`, { headers });
      expect([more, response.status, response.json().code]).toEqual([more, 404, 'STREAM_NOT_FOUND']);
    }
    expect((await call('GET', '/stat?path=/s/absent')).status).toBe(404);
  });

  it('makes no writer wait, neither by asking for that nor where the stream would have it', async () => {
    const { call, port, mounts } = await world();
    await mounts.write('/b/a', Buffer.from('hello'));
    const [headers] = NAVIGATIONS;
    const asked = await call('GET', '/files?path=/b/a&stream=true&on_lag=block', { headers: headers! });
    expect([asked.status, asked.json().error]).toEqual([
      400,
      'invalid on_lag parameter: a browser that follows a link may not make writers wait: leave it out, or send the request from a program',
    ]);
    const live = await follow(port, '/files?path=/b/a&stream=true', headers);
    await live.until(5);
    const { readers } = (await call('GET', '/readers')).json() as { readers?: { policy: string }[] };
    expect(readers?.map(({ policy }) => policy)).toEqual(['drop-oldest']);
    live.cut();
  });

  it('is distinguished from a program, which may do all of it', async () => {
    const { call, port } = await world();
    const opened = (await call('POST', '/handles/open?path=/s/a&flags=2')).json();
    expect((await call('GET', `/handles/${opened.id}`)).status).toBe(200);
    const live = await follow(port, '/files?path=/s/new&stream=true');
    expect(live.res.statusCode).toBe(200);
    live.cut();
  });
});
