import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Origins, ROUTES, Tokens } from '../../../src/server/index.ts';
import { connectTo } from '../../harness/wire.ts';
import { follow, start } from '../harness.ts';

const TOKEN = 'a:token/with colons:and+more';
const SIMPLE = 'a-token-that-is-simple';
const UTF8 = 'schlüssel-für-日本-🔑';
const APP = 'https://app.example';
const OPEN = ['/', '/api/v1/health', '/api/v1/ready', '/api/v1/version', '/api/v1/openapi.json'];

const configured = (name: string, token: string) => ({
  name,
  sha256: createHash('sha256').update(token, 'utf8').digest('hex'),
  rights: ['read', 'write', 'admin'] as const,
  paths: ['/**'],
});
const pair = (user: string, password: string) => Buffer.from(`${user}:${password}`, 'utf8').toString('base64');
const basic = (user: string, password: string) => `Basic ${pair(user, password)}`;

async function world() {
  const tokens = new Tokens([configured('one', TOKEN), configured('other', UTF8), configured('plain', SIMPLE)]);
  const running = await start({ mounted: { '/s': 'streamfs' }, tokens, origins: new Origins([APP]) });
  const { mounts, handles } = running;
  await mounts.write('/s/there', Buffer.from('hello'));
  const { id } = await handles.open('/s/there', { flags: 2, mode: 0o644 });
  return { ...running, tokens, id };
}

/** The lines of a response's head that offer an authentication scheme. */
async function challenges(port: number, request: string): Promise<string[]> {
  const peer = await connectTo(port);
  peer.send(request);
  const text = await peer.closed();
  expect(text).toMatch(/^HTTP\/1\.1 401 /);
  return text.split('\r\n').filter((line) => /^www-authenticate:/i.test(line));
}

describe('contract 93: a token as the password of Basic', () => {
  it('lets in, whatever the user is called', async () => {
    const { call } = await world();
    for (const user of ['x', '', 'somebody', 'ü ñ', 'a'.repeat(3000)]) {
      for (const token of [TOKEN, UTF8]) {
        const response = await call('GET', '/stat?path=/s/there', { headers: { authorization: basic(user, token) } });
        expect([user.slice(0, 9), response.status]).toEqual([user.slice(0, 9), 200]);
      }
    }
    for (const spelling of ['basic', 'BASIC', 'Basic  ']) {
      const authorization = `${spelling} ${pair('x', TOKEN)}`.replace(/=+$/, '');
      expect((await call('GET', '/stat?path=/s/there', { headers: { authorization } })).status).toBe(200);
    }
  });

  it('is asked for the same rights as with Bearer', async () => {
    const { call, tokens } = await world();
    tokens.replace([{ ...configured('one', TOKEN), rights: ['read'], paths: ['/s/there'] }]);
    const headers = { authorization: basic('x', TOKEN) };
    expect((await call('GET', '/stat?path=/s/there', { headers })).status).toBe(200);
    expect((await call('PUT', '/files?path=/s/there', { headers, body: 'x' })).json()).toMatchObject({
      code: 'FORBIDDEN',
      error: 'forbidden: the token one has no right to write at /s/there',
    });
    expect((await call('GET', '/stat?path=/s/other', { headers })).status).toBe(403);
  });

  it('is refused where it holds no token that is known, with what it should hold', async () => {
    const { call } = await world();
    const refusal = async (authorization: string) => {
      const response = await call('GET', '/stat?path=/s/there', { headers: { authorization } });
      expect([authorization, response.status, response.json().code]).toEqual([authorization, 401, 'UNAUTHORIZED']);
      return response.json().error;
    };
    for (const authorization of [
      basic('x', 'no'),
      basic(TOKEN, 'no'),
      basic('x', `${TOKEN} `),
      basic('', `:${TOKEN}`),
    ]) {
      expect(await refusal(authorization)).toBe('unauthorized: this token is not known');
    }
    for (const authorization of ['Basic', 'Basic !', basic('x', ''), `Basic ${btoa('no-colon')}`, 'Basic YTpi YTpi']) {
      expect(await refusal(authorization)).toMatch(
        /^unauthorized: Authorization: Basic must hold USER:TOKEN in base64/,
      );
    }
    expect(await refusal('Digest x')).toMatch(/^unauthorized: a token is needed/);
  });

  it('serves appends and live reads in every form of request', async () => {
    const { call, port } = await world();
    const authorization = basic('ffmpeg', TOKEN);
    expect((await call('PUT', '/files?path=/s/new', { headers: { authorization }, body: 'one,' })).status).toBe(200);
    const peer = await connectTo(port);
    const head = `PUT /api/v1/files?path=/s/new HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${authorization}\r\n`;
    peer.send(`${head}Transfer-Encoding: chunked\r\n\r\n4\r\ntwo,\r\n0\r\n\r\n${head}Content-Length: 3\r\n\r\nend`);
    await peer.until('Written 3 bytes');
    peer.socket.destroy();
    const reading = await follow(port, '/files?path=/s/new&stream=true', { authorization });
    expect(await reading.until(11)).toBe('one,two,end');
    reading.cut();
  });

  it('is no longer valid once the token is removed', async () => {
    const { call, tokens } = await world();
    const headers = { authorization: basic('x', TOKEN) };
    expect((await call('GET', '/stat?path=/s/there', { headers })).status).toBe(200);
    tokens.replace([configured('other', UTF8)]);
    expect((await call('GET', '/stat?path=/s/there', { headers })).status).toBe(401);
  });
});

describe('contract 93: the schemes that a 401 offers', () => {
  const REQUESTS = [
    'GET /api/v1/stat?path=/s/there',
    'GET /api/v1/files?path=/s/there&stream=true',
    'PUT /api/v1/files?path=/s/there',
    'HEAD /api/v1/files?path=/s/there&stream=true',
    'POST /api/v1/handles/open?path=/s/there',
  ];
  const asked = (line: string, ...headers: string[]) =>
    [`${line} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', 'Content-Length: 0', ...headers, '', ''].join('\r\n');

  it.each(REQUESTS)('is Bearer and Basic, each on its own line, to a program: %s', async (line) => {
    const { port } = await world();
    for (const agent of [[], ['User-Agent: Lavf/60.16.100'], ['User-Agent: curl/8.5.0', 'Authorization: Basic eDp5']]) {
      expect(await challenges(port, asked(line, ...agent))).toEqual([
        'WWW-Authenticate: Bearer',
        'WWW-Authenticate: Basic realm="StreamFS", charset="UTF-8"',
      ]);
    }
  });

  it.each(REQUESTS)('is never Basic where anything looks like a browser: %s', async (line) => {
    const { port } = await world();
    for (const sign of [
      'Sec-Fetch-Site: same-origin',
      'Sec-Fetch-Site: none',
      'Sec-Fetch-Mode: cors',
      'Sec-Fetch-Dest: image',
      'Sec-Fetch-User: ?1',
      'Sec-Fetch-Storage-Access: active',
      'Origin: http://127.0.0.1',
      'User-Agent: Mozilla/5.0 (X11; Linux x86_64)',
    ]) {
      expect([sign, await challenges(port, asked(line, sign))]).toEqual([sign, ['WWW-Authenticate: Bearer']]);
    }
  });
});

describe('contract 93: a password that a browser sends by itself', () => {
  /** Requests that browsers mark as coming from a page of another origin, or do not mark at all. */
  const OTHERS = [
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', origin: APP },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: APP },
    { 'user-agent': 'Mozilla/5.0 (Macintosh)', accept: 'image/webp,*/*', referer: 'http://evil.example/' },
    { 'user-agent': 'Mozilla/5.0 (X11)', 'upgrade-insecure-requests': '1' },
    { 'upgrade-insecure-requests': '1' },
  ] as Record<string, string>[];

  it.each(OTHERS)('gains a page nothing where it sends %j', async (sentHeaders) => {
    const { call, mounts, handles, id } = await world();
    const headers = { ...sentHeaders, authorization: basic('x', TOKEN) };
    for (const { method, pattern } of ROUTES) {
      if (OPEN.includes(pattern)) continue;
      const target = `${pattern.replace(':id', String(id))}?path=/s/there&stream=true&timeout=0`;
      const response = await call(method, target, { headers });
      expect([pattern, [401, 403].includes(response.status)]).toEqual([pattern, true]);
      expect(response.json().code).toMatch(/^(UNAUTHORIZED|ORIGIN_REFUSED|NAVIGATION_REFUSED)$/);
      expect(String(response.headers['www-authenticate'] ?? '')).not.toMatch(/basic/i);
    }
    for (const [method, target] of [
      ['PUT', '/files?path=/s/there'],
      ['PUT', '/files?path=/s/new'],
      ['GET', '/files?path=/s/new&stream=true'],
    ] as const) {
      const response = await call(method, target, { headers, ...(method === 'PUT' ? { body: 'not mine' } : {}) });
      expect([target, [401, 403].includes(response.status)]).toEqual([target, true]);
    }
    expect(await mounts.stat('/s/there')).toMatchObject({ size: 5, meta: { Content: { active_readers: '1' } } });
    await expect(mounts.stat('/s/new')).rejects.toThrow('not found');
    const read = await handles.use(id, (handle) => handle.read({ size: 10, timeout: 0 }));
    expect(Buffer.from(read.data).toString()).toBe('hello');
  });

  it.each([
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    { 'sec-fetch-mode': 'cors', 'user-agent': 'node' },
    { 'user-agent': 'Lavf/60.16.100' },
  ] as Record<string, string>[])('counts where no other page can have asked: %j', async (sentHeaders) => {
    const { call } = await world();
    const headers = { ...sentHeaders, authorization: basic('x', TOKEN) };
    expect((await call('GET', '/files?path=/s/there&snapshot=true', { headers })).text).toBe('hello');
  });

  it('counts for a page of the server itself', async () => {
    const { call, port } = await world();
    const headers = { host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}`, authorization: basic('x', TOKEN) };
    expect((await call('PUT', '/files?path=/s/there', { headers, body: ', world' })).status).toBe(200);
  });

  it('takes nothing from a signed link: that is good with it as without', async () => {
    const { call, tokens } = await world();
    const { expires, signature } = tokens.links.sign(tokens.identify(`Bearer ${SIMPLE}`), 'read', '/s/there');
    const link = `/files?path=/s/there&snapshot=true&expires=${expires}&signature=${signature}`;
    const sentHeaders = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    for (const headers of [sentHeaders, { ...sentHeaders, authorization: basic('x', TOKEN) }]) {
      expect((await call('GET', link, { headers })).text).toBe('hello');
    }
  });

  it('leaves pages of other origins that are listed their token, as Bearer', async () => {
    const { call } = await world();
    const headers = { origin: APP, 'sec-fetch-site': 'cross-site', authorization: `Bearer ${SIMPLE}` };
    expect((await call('GET', '/files?path=/s/there&snapshot=true', { headers })).text).toBe('hello');
  });
});
