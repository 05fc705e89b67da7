import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinkOptions, type Right, ROUTES, Tokens } from '../../../src/server/index.ts';
import { waitFor } from '../../harness/wait.ts';
import { follow, type Running, start } from '../harness.ts';

const hash = (token: string) => createHash('sha256').update(token).digest('hex');
const token = (name: string, rights: Right[], paths: string[], secret = name) => ({
  name,
  sha256: hash(`secret-of-${secret}`),
  rights,
  paths,
});
const as = (name: string) => ({ authorization: `Bearer secret-of-${name}` });

const OWNER = token('owner', ['read', 'write', 'admin'], ['/**']);
const CAMERA = token('camera', ['write'], ['/s/open/*']);
const VIEWER = token('viewer', ['read'], ['/s/open/*']);
const ALL = [OWNER, CAMERA, VIEWER];

/** A clock that a test moves. */
class Time {
  now = Date.parse('2030-01-02T03:04:05.250Z');
}

async function guarded(options: LinkOptions = {}, list = ALL) {
  const time = new Time();
  const tokens = new Tokens(list, { now: () => time.now, ...options });
  const running = await start({ mounted: { '/s': 'streamfs', '/mem': 'memfs' }, tokens });
  const { call } = running;
  for (const path of ['/s/open/a', '/s/open/ab', '/s/closed', '/mem/f']) {
    expect((await call('PUT', `/files?path=${path}`, { headers: as('owner'), body: 'text' })).status).toBe(200);
  }
  return { ...running, tokens, time };
}

interface Made {
  url: string;
  path: string;
  right: string;
  expires_at: string;
}

async function make({ call }: Pick<Running, 'call'>, body: unknown, who = 'owner') {
  const response = await call('POST', '/links', { headers: as(who), body: JSON.stringify(body) });
  return { status: response.status, ...(response.json() as unknown as Made & { error?: string; code?: string }) };
}

/** The address of a link with some of its parameters changed; null omits one. */
function changed(url: string, changes: Record<string, string | null>): string {
  const [route, query] = url.split('?');
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  }
  return `${route}?${parameters}`;
}

const SNAPSHOT = { stream: null, snapshot: 'true' };

describe('a signed link', () => {
  it('to read is an address of a live read, good for an hour, that needs no header', async () => {
    const running = await guarded();
    const link = await make(running, { path: '/s/open/a' });
    expect(link).toEqual({
      status: 200,
      url: expect.stringMatching(
        /^\/api\/v1\/files\?path=\/s\/open\/a&stream=true&expires=1893557046&signature=[\w-]{51}$/,
      ),
      path: '/s/open/a',
      right: 'read',
      expires_at: '2030-01-02T04:04:06.000Z',
    });
    const read = await follow(running.port, link.url);
    expect(await read.until(4)).toBe('text');
    read.cut();
  });

  it('to read is valid for every way to read, from wherever a player continues', async () => {
    const running = await guarded();
    const { call } = running;
    const { url } = await make(running, { path: '/s/open/a' });
    const got = async (changes: Record<string, string | null>) => {
      const response = await call('GET', changed(url, changes));
      return [response.status, response.text];
    };
    expect(await got(SNAPSHOT)).toEqual([200, 'text']);
    expect(await got({ ...SNAPSHOT, last: '2' })).toEqual([200, 'xt']);
    expect(await got({ timeout: '0', offset: '1' })).toEqual([200, 'ext']);
    expect(await got({ timeout: '0', from: 'live' })).toEqual([200, '']);
    expect((await call('HEAD', url)).status).toBe(200);
    const file = await make(running, { path: '/mem/f' });
    const plain = await call('GET', changed(file.url, { stream: null }));
    expect([plain.status, plain.text]).toEqual([200, 'text']);
  });

  it('lets no cache keep a file', async () => {
    const running = await guarded();
    const { url } = await make(running, { path: '/mem/f' });
    const plain = changed(url, { stream: null });
    for (const method of ['GET', 'HEAD']) {
      expect((await running.call(method, plain)).headers['cache-control']).toBe('no-store');
    }
  });

  it('to write appends, and does nothing else', async () => {
    const running = await guarded();
    const { call } = running;
    const link = await make(running, { path: '/s/open/a', right: 'write' }, 'camera');
    expect(link.url).not.toContain('stream=');
    const written = await call('PUT', link.url, { body: ' more' });
    expect([written.status, written.json().message]).toEqual([200, 'Written 5 bytes']);
    const read = await call('GET', changed(link.url, SNAPSHOT));
    expect([read.status, read.json().code]).toEqual([403, 'LINK_INVALID']);
  });

  it('is taken by three routes and no other, of all that there are', async () => {
    const running = await guarded();
    const reading = (await make(running, { path: '/s/open/a' })).url.split('?')[1]!;
    const writing = (await make(running, { path: '/s/open/a', right: 'write' })).url.split('?')[1]!;
    const taken: string[] = [];
    for (const { method, pattern, permission } of ROUTES.filter((route) => route.permission !== 'nothing')) {
      for (const query of [reading, writing]) {
        const live = pattern === '/api/v1/files' ? '&timeout=0' : '';
        const response = await running.call(method, `${pattern.replace(':id', '1')}?${query}${live}`);
        // Only the offer to upgrade to WebSocket is missing, not the right.
        const isLetIn = response.status < 400 || response.json().code === 'UPGRADE_REQUIRED';
        if (isLetIn) taken.push(`${method} ${pattern} ${permission}`);
        else expect(['UNAUTHORIZED', 'LINK_INVALID']).toContain(response.json().code);
      }
    }
    expect(taken).toEqual(['GET /api/v1/files read', 'PUT /api/v1/files write', 'GET /api/v1/ws read or write']);
  });

  it('is for every spelling of its path, and for no other path', async () => {
    const running = await guarded();
    const { url } = await make(running, { path: 's//open/./a/' });
    const status = async (path: string) => (await running.call('GET', changed(url, { ...SNAPSHOT, path }))).status;
    for (const path of ['/s/open/a', 's/open/a', '//s/open//a/', '/s/./open/a']) expect(await status(path)).toBe(200);
    for (const path of ['/s/open/ab', '/s/open/a/b', '/s/open', '/s/closed', '/s/open/A', '/', '/s/open/a ']) {
      expect([path, await status(path)]).toEqual([path, 403]);
    }
    expect(await status('/s/open/../open/a')).toBe(400);
    expect(await status('')).toBe(400);
  });

  it('to a path with asterisks is not a pattern', async () => {
    const running = await guarded();
    const { url } = await make(running, { path: '/s/open/*' });
    expect((await running.call('GET', changed(url, SNAPSHOT))).json().code).toBe('STREAM_NOT_FOUND');
    expect((await running.call('GET', changed(url, { ...SNAPSHOT, path: '/s/open/a' }))).status).toBe(403);
  });

  it('is over when its time is, to the second it names, and says so', async () => {
    const running = await guarded();
    const { url, expires_at } = await make(running, { path: '/s/open/a', expires_in: '90s' });
    const { time, call } = running;
    const end = Date.parse(expires_at);
    expect(end - time.now).toBeLessThan(91_000);
    expect(end - time.now).toBeGreaterThanOrEqual(90_000);
    time.now = end - 1;
    expect((await call('GET', changed(url, SNAPSHOT))).status).toBe(200);
    time.now = end;
    const response = await call('GET', changed(url, SNAPSHOT));
    expect([response.status, response.json()]).toEqual([
      403,
      { code: 'LINK_EXPIRED', error: 'this link has expired: ask for a new one' },
    ]);
    // For a link that was never valid, the expiry is not reported.
    expect((await call('GET', changed(url, { signature: 'A'.repeat(51) }))).json().code).toBe('LINK_INVALID');
  });

  it('that is over lets reads that have begun go on', async () => {
    const running = await guarded();
    const { url, expires_at } = await make(running, { path: '/s/open/a' });
    const read = await follow(running.port, url);
    await read.until(4);
    running.time.now = Date.parse(expires_at) + 1;
    await running.call('PUT', '/files?path=/s/open/a', { headers: as('owner'), body: '+' });
    expect(await read.until(5)).toBe('text+');
    read.cut();
  });

  it('is refused with one part changed, whichever it is, and says nothing of what there is', async () => {
    const running = await guarded();
    const { call } = running;
    const { url } = await make(running, { path: '/s/open/a' });
    const other = new URLSearchParams((await make(running, { path: '/s/open/a' }, 'viewer')).url.split('?')[1]);
    const own = new URLSearchParams(url.split('?')[1]);
    const [mine, theirs] = [own.get('signature')!, other.get('signature')!];
    const expires = Number(own.get('expires'));
    const last = mine.at(-1)!;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    /** The same 32 bytes for a base64url decoder. */
    const twin = mine.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
    expect(Buffer.from(twin.slice(8), 'base64url')).toEqual(Buffer.from(mine.slice(8), 'base64url'));
    const responses = new Set<string>();
    for (const changes of [
      { expires: String(expires + 1) },
      { expires: String(expires - 1) },
      { expires: `0${expires}` },
      { expires: `${expires}.0` },
      { expires: `+${expires}` },
      { expires: ` ${expires}` },
      { expires: '99999999999999999999' },
      { expires: 'Infinity' },
      { expires: '-1' },
      { expires: null },
      { path: '/s/open/ab' },
      { path: '/s/open/absent' },
      { path: '/nowhere' },
      { signature: theirs.slice(0, 8) + mine.slice(8) },
      { signature: mine.slice(0, 8) + theirs.slice(8) },
      { signature: twin },
      { signature: mine.slice(0, -1) },
      { signature: `${mine}A` },
      { signature: `${mine}=` },
      { signature: mine.toUpperCase() },
      { signature: 'x' },
    ] as Record<string, string | null>[]) {
      const response = await call('GET', changed(url, { ...SNAPSHOT, ...changes }));
      expect([changes, response.status]).toEqual([changes, 403]);
      responses.add(response.text);
    }
    expect([...responses].map((text) => JSON.parse(text).code)).toEqual(['LINK_INVALID']);
    for (const [name, value] of [
      ['signature', ''],
      ['expires', ''],
    ] as const) {
      expect((await call('GET', changed(url, { ...SNAPSHOT, [name]: value }))).status).toBe(400);
    }
    expect((await call('GET', `${changed(url, SNAPSHOT)}&signature=${mine}`)).status).toBe(400);
    expect((await call('GET', changed(url, { ...SNAPSHOT, signature: null }))).json().code).toBe('UNAUTHORIZED');
  });

  it('is ignored if there is an Authorization header', async () => {
    const running = await guarded();
    const { call } = running;
    const { url } = await make(running, { path: '/s/closed' });
    const good = changed(url, SNAPSHOT);
    expect((await call('GET', good)).status).toBe(200);
    expect((await call('GET', good, { headers: as('viewer') })).json().code).toBe('FORBIDDEN');
    expect((await call('GET', good, { headers: as('nobody') })).json().code).toBe('UNAUTHORIZED');
    const bad = changed(url, { ...SNAPSHOT, signature: 'x' });
    expect((await call('GET', bad, { headers: as('owner') })).status).toBe(200);
  });

  it('goes with the token that made it, with its right there, and with a new token of the same name', async () => {
    const running = await guarded();
    const { call, tokens } = running;
    const { url } = await make(running, { path: '/s/open/a' }, 'viewer');
    const code = async () => {
      const response = await call('GET', changed(url, SNAPSHOT));
      return response.status === 200 ? 'good' : response.json().code;
    };
    expect(await code()).toBe('good');
    for (const [list, expected] of [
      [[OWNER, CAMERA], 'LINK_INVALID'],
      [ALL, 'good'],
      [[OWNER, token('viewer', ['write'], ['/s/open/*'])], 'LINK_INVALID'],
      [[OWNER, token('viewer', ['read'], ['/s/closed'])], 'LINK_INVALID'],
      [[OWNER, token('viewer', ['read'], ['/s/open/*'], 'another')], 'LINK_INVALID'],
      [[OWNER, token('renamed', ['read'], ['/s/open/**'], 'viewer')], 'good'],
      [[VIEWER, OWNER], 'good'],
    ] as const) {
      tokens.replace(list);
      expect([list.map(({ name }) => name), await code()]).toEqual([list.map(({ name }) => name), expected]);
    }
    tokens.replace(ALL, { now: () => running.time.now, key: Buffer.alloc(32, 7) });
    expect(await code()).toBe('LINK_INVALID');
  });

  it('is good for every server with the same key, and for none with another', async () => {
    const key = Buffer.from('0123456789abcdef0123456789abcdef');
    const [one, same, other, own] = await Promise.all([
      guarded({ key }),
      guarded({ key: Buffer.from(key) }),
      guarded({ key: Buffer.from('0123456789abcdef0123456789abcdeF') }),
      guarded(),
    ]);
    const { url } = await make(one, { path: '/s/open/a' });
    const status = async ({ call }: Running) => (await call('GET', changed(url, SNAPSHOT))).status;
    expect(await Promise.all([one, same, other, own].map(status))).toEqual([200, 200, 403, 403]);
    expect(() => new Tokens(ALL, { key: Buffer.alloc(31) })).toThrow(/32 bytes or more/);
  });

  it('and tokens are never in the log, whatever is asked', async () => {
    const running = await guarded();
    const { call, log } = running;
    const link = await make(running, { path: '/s/open/a' });
    const signature = new URL(link.url, 'http://x').searchParams.get('signature')!;
    await call('GET', changed(link.url, SNAPSHOT));
    await call('GET', changed(link.url, { signature: `${signature.slice(0, -2)}AA`, ...SNAPSHOT }));
    await call('POST', link.url);
    await call('GET', link.url.replace('/files', '/nowhere'));
    await call('GET', changed(link.url, { path: '/s/open/..' }));
    await call('GET', `${link.url}&signature=${signature}`);
    await call('GET', `${link.url}%`);
    const read = await follow(running.port, link.url);
    await read.until(4);
    read.cut();
    await waitFor(() => log.filter(({ message }) => message === 'request').length >= 8);
    const text = JSON.stringify(log);
    expect(text).toContain('/s/open/a');
    expect(text).not.toContain(signature.slice(8, 24));
    expect(text).not.toMatch(/secret-of|signature/);
  });
});

describe('asking for a link', () => {
  it('needs the right at the path that it is for, and a token at all', async () => {
    const running = await guarded();
    const refused = async (body: unknown, who: string) => {
      const { status, code, error } = await make(running, body, who);
      return [status, code, error];
    };
    expect(await refused({ path: '/s/open/a', right: 'write' }, 'viewer')).toEqual([
      403,
      'FORBIDDEN',
      'forbidden: the token viewer has no right to write at /s/open/a',
    ]);
    expect((await refused({ path: '/s/open/a' }, 'camera'))[0]).toBe(403);
    for (const path of ['/s/closed', '/s/absent', '/s/open/a/b', '/']) {
      expect([path, (await refused({ path }, 'viewer'))[0]]).toEqual([path, 403]);
    }
    expect((await refused({ path: '/s/open/a' }, 'nobody'))[0]).toBe(401);
    const link = await make(running, { path: '/s/open/a' });
    const body = JSON.stringify({ path: '/s/open/a' });
    expect((await running.call('POST', link.url.replace('/files', '/links'), { body })).status).toBe(401);
  });

  it.each([
    [{}, 'path is required'],
    [{ path: '' }, 'path is required'],
    [{ path: 1 }, 'invalid request body: "path" must be a string, not a number'],
    [{ path: '/a', right: 'admin' }, 'invalid request body: "right" must be one of read, write; not admin'],
    [{ path: '/a', right: true }, 'invalid request body: "right" must be a string, not a boolean'],
    [{ path: '/a', expires_in: '25h' }, 'invalid request body: "expires_in" must be 1s to 24h, not 25h'],
    [{ path: '/a', expires_in: 0 }, 'invalid request body: "expires_in" must be 1s to 24h, not 0s'],
    [{ path: '/a', expires_in: '999ms' }, 'invalid request body: "expires_in" must be 1s to 24h, not 999ms'],
    [{ path: '/a', expires_in: [] }, 'invalid request body: "expires_in" must be a duration, not an array'],
    [{ path: '/a', expires_in: 'soon' }, /^invalid request body: "expires_in": invalid duration format: soon/],
    [{ path: '/a', expires_in: -5 }, /^invalid request body: "expires_in": invalid duration format: -5/],
    [{ path: '/a/../b' }, /^invalid path/],
  ])('that cannot be is refused, and told what would be right: %j', async (body, text) => {
    const { status, error } = await make(await guarded(), body);
    expect(status).toBe(400);
    expect(error).toMatch(typeof text === 'string' ? new RegExp(`^${text.replace(/[.]/g, '\\.')}$`) : text);
  });

  it('gives no more than the longest there may be, also where nothing is asked for', async () => {
    const running = await guarded({ maxLifetime: 60_000 });
    const { expires_at } = await make(running, { path: '/s/open/a' });
    expect(Date.parse(expires_at) - running.time.now).toBeLessThan(61_000);
    expect((await make(running, { path: '/s/open/a', expires_in: 61 })).error).toContain('1s to 1m');
  });

  it('is refused where no token is asked for: the plain address does', async () => {
    for (const tokens of [undefined, new Tokens([])]) {
      const { post, call } = await start(tokens === undefined ? {} : { tokens });
      const response = await post('/links', { path: '/mem/f' });
      expect([response.status, response.json().code]).toEqual([409, 'NO_LINKS']);
      await call('PUT', '/files?path=/mem/f', { body: 'x' });
      expect((await call('GET', '/files?path=/mem/f&expires=1&signature=x')).text).toBe('x');
    }
  });

  it('works for any path there may be, and what it gives is that path', async () => {
    const running = await guarded();
    const part = fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).filter((text) => {
      return !/[\p{Cc}\p{Cs}/]/u.test(text) && text !== '.' && text !== '..';
    });
    const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => `/mem/${parts.join('-')}`);
    await fc.assert(
      fc.asyncProperty(path, fc.string({ maxLength: 5 }), async (name, content) => {
        const { url } = await make(running, { path: name, right: 'write' });
        expect((await running.call('PUT', url, { body: content })).status).toBe(200);
        const reading = await make(running, { path: name });
        expect(reading.path).toBe(name);
        expect((await running.call('GET', changed(reading.url, { stream: null }))).text).toBe(content);
      }),
      { numRuns: 40 },
    );
  });
});
