import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HEADERS } from '../../../src/protocol/index.ts';
import { Origins, ROUTES, Tokens } from '../../../src/server/index.ts';
import { connectTo } from '../../harness/wire.ts';
import { follow, start } from '../harness.ts';

const APP = 'https://app.example';
const STREAMS = { '/s': 'streamfs', '/mem': 'memfs' };

function world(listed: readonly string[] = [], tokens?: Tokens) {
  const origins = new Origins(listed);
  return start({ mounted: STREAMS, origins, ...(tokens === undefined ? {} : { tokens }) }).then((one) => ({
    ...one,
    origins,
  }));
}

const corsHeaders = (headers: object) => Object.keys(headers).filter((name) => /^access-control-|^vary$/.test(name));

describe('pages of strangers', () => {
  const STRANGERS = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
  ] as Record<string, string>[];

  it.each(STRANGERS)('that send %j may do nothing, on no route', async (headers) => {
    const { call, mounts } = await world([APP]);
    await mounts.write('/s/there', Buffer.from('x'));
    for (const { method, pattern } of ROUTES) {
      const response = await call(method, `${pattern.replace(':id', '1')}?path=/s/there&stream=true`, { headers });
      expect([pattern, response.status]).toEqual([pattern, 403]);
      expect(response.json()).toMatchObject({ code: 'ORIGIN_REFUSED' });
      expect(response.headers['access-control-allow-origin']).toBeUndefined();
    }
    const info = await mounts.stat('/s/there');
    expect(info.meta.Content).toMatchObject({ total_written: '1', active_readers: '0' });
  });

  it('cannot write by a form, which needs no leave of any kind, and make no stream by an image', async () => {
    const { call } = await world();
    const form = {
      body: 'x=1',
      headers: {
        origin: 'https://evil.example',
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
        'sec-fetch-site': 'cross-site',
      },
    };
    expect((await call('POST', '/files?path=/s/new', form)).status).toBe(403);
    const image = {
      headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    };
    expect((await call('GET', '/files?path=/s/new&stream=true', image)).status).toBe(403);
    expect((await call('GET', '/stat?path=/s/new')).status).toBe(404);
  });

  it('may link to what is here', async () => {
    const { call } = await world();
    const link = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'sec-fetch-user': '?1',
    };
    expect((await call('GET', '/version', { headers: link })).status).toBe(200);
  });

  it('are distinguished from own pages, also behind a proxy that changed Host, and from programs', async () => {
    const { call, port } = await world();
    for (const headers of [
      {},
      { origin: `http://127.0.0.1:${port}` },
      { origin: `https://127.0.0.1:${port}` },
      { origin: 'https://proxy.example', 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'cors' },
    ] as Record<string, string>[]) {
      expect((await call('PUT', '/files?path=/s/new', { body: 'x', headers })).status).toBe(200);
    }
    const other = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'cross-site' };
    expect((await call('PUT', '/files?path=/s/new', { body: 'x', headers: other })).status).toBe(403);
  });
});

describe('without listed origins', () => {
  it('no response says anything of CORS, not even to a browser that asks', async () => {
    const { call } = await world();
    const headers = { origin: APP, 'access-control-request-method': 'PUT' };
    const preflight = await call('OPTIONS', '/files?path=/s/a', { headers });
    expect([preflight.status, preflight.headers.allow]).toEqual([204, 'GET, PUT, POST, DELETE, HEAD, OPTIONS']);
    for (const response of [preflight, await call('GET', '/version', { headers }), await call('GET', '/version')]) {
      expect(corsHeaders(response.headers)).toEqual([]);
    }
  });
});

describe('pages of listed origins', () => {
  it('learn what they may send, without a token', async () => {
    const tokens = new Tokens([{ name: 'a', sha256: '0'.repeat(64), rights: ['read'], paths: ['/**'] }]);
    const { call } = await world([APP], tokens);
    const headers = {
      origin: APP,
      'sec-fetch-site': 'cross-site',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'authorization,producer-id',
    };
    const response = await call('OPTIONS', '/files?path=/s/a', { headers });
    expect(response.status).toBe(204);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': APP,
      'access-control-allow-methods': response.headers.allow,
      'access-control-max-age': '600',
      vary: 'Origin',
    });
    expect(response.headers['access-control-allow-headers']?.split(', ').sort()).toEqual([
      ...['Authorization', 'Content-Type', 'If-None-Match', 'Last-Event-ID'],
      ...['Producer-Epoch', 'Producer-Id', 'Producer-Seq'],
      // Requests of Durable Streams.
      ...[
        'Stream-Closed',
        'Stream-Expected-Offset',
        'Stream-Expires-At',
        'Stream-Fork-Offset',
        'Stream-Fork-Sub-Offset',
      ],
      ...['Stream-Forked-From', 'Stream-Seq', 'Stream-TTL', 'X-Request-Id'],
    ]);
    expect(response.headers['access-control-allow-credentials']).toBeUndefined();
    expect((await call('OPTIONS', '/health', { headers })).headers['access-control-allow-methods']).toBe(
      'GET, HEAD, OPTIONS',
    );
  });

  it('may write and read, and see the headers that say what was done', async () => {
    const { call } = await world(['https://other.example', APP]);
    const headers = { origin: APP, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
    const written = await call('PUT', '/files?path=/s/a', { body: 'hello', headers });
    expect(written.status).toBe(200);
    expect(written.headers['access-control-allow-origin']).toBe(APP);
    expect(written.headers['access-control-expose-headers']).toMatch(/\bX-Stream-End-Offset\b/);
    const read = await call('GET', '/files?path=/s/a&snapshot=true', { headers });
    expect([read.text, read.headers['access-control-allow-origin'], read.headers.vary]).toEqual([
      'hello',
      APP,
      'Origin',
    ]);
  });

  it('may follow a stream', async () => {
    const { port, mounts } = await world([APP]);
    const live = await follow(port, '/files?path=/s/live&stream=true', { origin: APP });
    expect(live.res.headers).toMatchObject({
      'access-control-allow-origin': APP,
      'access-control-expose-headers': expect.stringContaining('X-Stream-Offset'),
      'x-content-type-options': 'nosniff',
      vary: 'Origin',
    });
    await mounts.write('/s/live', Buffer.from('hello'));
    expect(await live.until(5)).toBe('hello');
    live.cut();
  });

  it('can read refusals', async () => {
    const tokens = new Tokens([{ name: 'a', sha256: '0'.repeat(64), rights: ['read'], paths: ['/**'] }]);
    const headers = { origin: APP };
    const guarded = await world([APP], tokens);
    const open = await world([APP]);
    const closing = open.call('GET', '/files?path=/s/live&stream=true', { headers });
    const responses = [
      await guarded.call('GET', '/stat?path=/s/a', { headers }),
      await open.call('GET', '/stat?path=/s/absent', { headers }),
      await open.call('GET', '/nothing', { headers }),
      await open.call('PATCH', '/files', { headers }),
    ];
    expect(responses.map(({ status }) => status)).toEqual([401, 404, 404, 405]);
    for (const response of responses) expect(response.headers['access-control-allow-origin']).toBe(APP);
    await open.stop();
    await closing;
  });

  it('are others when the list is replaced, and caches know that responses differ by origin', async () => {
    const { call, origins } = await world([APP]);
    expect((await call('GET', '/version')).headers.vary).toBe('Origin');
    origins.replace(['https://other.example']);
    expect((await call('GET', '/version', { headers: { origin: APP } })).status).toBe(403);
    const other = await call('GET', '/version', { headers: { origin: 'https://other.example' } });
    expect(other.headers['access-control-allow-origin']).toBe('https://other.example');
  });

  it('are not mixed up by caches: every response says that it differs by origin, also one to a program', async () => {
    const origins = new Origins([APP]);
    const durableStreams = { mount: '/s', prefixes: ['/v1/stream'], longPollTimeout: 10 };
    const { mounts, port } = await start({ mounted: STREAMS, origins, durableStreams });
    await mounts.write('/s/log', Buffer.from('x'));
    const send = (request: string, body = '', more = '') =>
      `${request} HTTP/1.1\r\nHost: x\r\n${body === '' ? '' : `Content-Length: ${body.length}\r\n`}${more}\r\n${body}`;
    const plain = 'Content-Type: text/plain\r\n';
    const requests: [status: number, request: string][] = [
      [200, send('PUT /api/v1/files?path=/s/log', 'x')],
      [200, send('PUT /api/v1/files?path=/s/log', 'x'.repeat(100_000))],
      [200, send('GET /api/v1/files?path=/s/log&stream=true')],
      [200, send('GET /api/v1/files?path=/s/log&stream=true&format=sse')],
      [200, send('GET /api/v1/files?path=/s/log&stream=true', '', 'X-Any: thing\r\n')],
      [200, send('GET /api/v1/files?path=/s/log&snapshot=true')],
      [404, send('GET /api/v1/files?path=/s/none&stream=true&create=false')],
      [201, send('PUT /v1/stream/new', 'x', plain)],
      [204, send('POST /v1/stream/log', 'x', 'Content-Type: application/octet-stream\r\n')],
      [204, send('POST /v1/stream/log', 'x', 'Content-Type: application/octet-stream\r\nX-Any: thing\r\n')],
      [409, send('POST /v1/stream/log', 'x', plain)],
      [200, send('GET /v1/stream/log?offset=-1&live=sse')],
      [200, send('GET /v1/stream/log?offset=-1&live=sse', '', 'X-Any: thing\r\n')],
      [200, send('GET /v1/stream/log?offset=-1&live=long-poll')],
      [204, send('GET /v1/stream/log?offset=now&live=long-poll')],
      [200, send('GET /v1/stream/log')],
      [304, send('GET /v1/stream/log', '', 'If-None-Match: *\r\n')],
      [304, send('GET /api/v1/openapi.json', '', 'If-None-Match: *\r\n')],
      [400, send('GET /v1/stream/log?offset=x&live=sse')],
      [404, send('GET /v1/stream/none?offset=-1&live=sse')],
      [200, send('HEAD /v1/stream/log')],
      [204, send('OPTIONS /v1/stream/log')],
      [403, send('GET /v1/stream/log', '', 'Origin: https://evil.example\r\n')],
      [400, 'GET / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n'],
      [400, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ];
    const seen = async (request: string) => {
      const one = await connectTo(port);
      one.send(request);
      const [head = ''] = (await one.until('\r\n\r\n')).split('\r\n\r\n');
      one.socket.destroy();
      return { status: Number(head.split(' ')[1]), vary: head.match(/^vary: .*$/gim) };
    };
    for (const [status, request] of requests) {
      expect([request.slice(0, 200), await seen(request)]).toEqual([
        request.slice(0, 200),
        { status, vary: ['Vary: Origin'] },
      ]);
    }
    // A body that breaks off in the middle is answered by the fast path itself.
    const cut = await connectTo(port);
    cut.send('PUT /api/v1/files?path=/s/log HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx');
    cut.socket.end();
    expect(await cut.closed()).toMatch(/^HTTP\/1.1 400 .*\r\nVary: Origin\r\n/s);
    // A response that is encoded once for many readers is encoded again.
    const one = await connectTo(port);
    one.send(send('PUT /api/v1/files?path=/s/log', 'x'));
    expect(await one.until('bytes')).toContain('Vary: Origin');
    origins.replace([]);
    one.send(send('PUT /api/v1/files?path=/s/log', 'x'));
    await one.until('bytes"}\nHTTP/1.1 200');
    expect(one.text.match(/Vary/g)).toHaveLength(1);
    one.socket.destroy();
  });

  it('may read every header that the server defines', async () => {
    const { call } = await world([APP]);
    const response = await call('GET', '/version', { headers: { origin: APP } });
    const exposed = new Set(response.headers['access-control-expose-headers']?.split(', '));
    const folder = join(import.meta.dirname, '../../../src/server');
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const named = sources.flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      // Headers that are set: as a key of an object, or as an argument.
      return [...text.matchAll(/(?:\[HEADERS\.(\w+)\]:|setHeader\(HEADERS\.(\w+))/g)].map(
        (match) => HEADERS[(match[1] ?? match[2]) as keyof typeof HEADERS],
      );
    });
    expect(named).toEqual(expect.arrayContaining(['X-EOF', 'X-Stream-Offset', 'Producer-Epoch', 'X-Request-Id']));
    expect([...new Set(named)].filter((name) => !exposed.has(name))).toEqual([]);
    expect(Object.values(HEADERS).filter((name) => !exposed.has(name))).toEqual(['Producer-Id']);
  });
});

describe('every response', () => {
  const READ = {
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
  };

  it('to GET and HEAD tells a browser to take it for what it is, keep it nowhere, show and embed it nowhere', async () => {
    const { call, port, mounts } = await world();
    await mounts.write('/s/a', Buffer.from('hello'));
    await mounts.write('/mem/a', Buffer.from('hello'));
    const targets = ['/', '/version', '/metrics', '/stat?path=/s/a', '/directories?path=/s', '/files?path=/mem/a'];
    const more = ['/files?path=/s/a&snapshot=true', '/files?path=/nowhere', '/nothing', '/readers'];
    for (const target of [...targets, ...more]) {
      for (const method of ['GET', 'HEAD']) {
        const { headers } = await call(method, target);
        expect(headers, `${method} ${target}`).toMatchObject(READ);
      }
    }
    for (const form of ['', '&format=frames']) {
      const target = `/files?path=/s/a&stream=true${form}`;
      const live = await follow(port, target);
      expect(live.res.headers).toMatchObject(READ);
      live.cut();
      expect((await call('HEAD', target)).headers).toMatchObject(READ);
    }
  });

  it('to other methods says nosniff, and no more: a response to a small write stays small', async () => {
    const { call } = await world();
    const written = await call('PUT', '/files?path=/s/a', { body: 'hello' });
    expect(Object.keys(written.headers).sort()).toEqual([
      ...['connection', 'content-length', 'content-type', 'date', 'x-content-type-options'],
      ...['x-stream-end-offset', 'x-stream-generation'],
    ]);
    for (const [method, target] of [
      ['POST', '/digest'],
      ['DELETE', '/files?path=/s/absent'],
      ['OPTIONS', '/files'],
      ['OPTIONS', '*'],
      ['PATCH', '/files'],
    ] as const) {
      expect((await call(method, target)).headers['x-content-type-options'], `${method} ${target}`).toBe('nosniff');
    }
  });
});
