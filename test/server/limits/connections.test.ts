import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Plugin } from '../../../src/fs/index.ts';
import { memfsPlugin } from '../../../src/plugins/index.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo } from '../../harness/wire.ts';
import { follow, start } from '../harness.ts';

const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };

describe('a connection', () => {
  it('that speaks no HTTP gets a JSON 400 and is closed', async () => {
    const server = await start();
    const odd = await connectTo(server.port);
    odd.send('hello there\r\n\r\n');
    const text = await odd.closed();
    expect(text).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('with headers that are too large gets a JSON 431', async () => {
    const server = await start();
    const odd = await connectTo(server.port);
    odd.send(`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`);
    const text = await odd.closed();
    expect(text).toMatch(/^HTTP\/1.1 431 /);
    expect(text).toContain('"code":"HEADERS_TOO_LARGE"');
  });

  it('without a Host header gets a JSON 400, as HTTP/1.1 has it', async () => {
    const server = await start();
    const one = await connectTo(server.port);
    one.send('GET /api/v1/version HTTP/1.1\r\n\r\n');
    expect(await one.until('BAD_REQUEST')).toContain('the Host header is missing');
    one.socket.destroy();
    const old = await connectTo(server.port);
    old.send('GET /api/v1/version HTTP/1.0\r\n\r\n');
    expect(await old.closed()).toContain('"version":"9.8.7"');
  });

  it('that offers another protocol gets an HTTP response', async () => {
    const server = await start();
    const one = await connectTo(server.port);
    one.send('GET /api/v1/version HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n');
    expect(await one.until('"version"')).toMatch(/^HTTP\/1.1 200 /);
    one.socket.destroy();
  });

  it('whose headers do not come gets a JSON 408', async () => {
    const server = await start({ limits: { headerTimeout: 100 } });
    const slow = await connectTo(server.port);
    slow.send('POST /api/v1/write?path=/mem/a HTTP/1.1\r\nHost: x\r\n');
    expect(await slow.closed()).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n[\s\S]*"code":"REQUEST_TIMEOUT"/);
  });

  it('that ends in the middle of an unread small body is closed, though the response was to keep it', async () => {
    const server = await start(STREAMS);
    const one = await connectTo(server.port);
    one.send('POST /api/v1/nope HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1');
    await one.until('ROUTE_NOT_FOUND');
    one.socket.end();
    expect(await one.closed()).toContain('Connection: keep-alive');
  });

  it('is kept for more requests, also after a small body that was not read', async () => {
    const server = await start();
    const one = await connectTo(server.port);
    one.send('POST /api/v1/nope HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello');
    await one.until('ROUTE_NOT_FOUND');
    one.send('GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await one.until('"version"')).toContain('HTTP/1.1 200');
    one.socket.destroy();
  });

  it('pipelined requests are answered in order', async () => {
    const server = await start();
    const one = await connectTo(server.port);
    one.send('GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\nGET /api/v1/nope HTTP/1.1\r\nHost: x\r\n\r\n');
    const text = await one.until('ROUTE_NOT_FOUND');
    expect(text.indexOf('"version"')).toBeLessThan(text.indexOf('ROUTE_NOT_FOUND'));
    one.socket.destroy();
  });

  it('contract 70: on which a body is refused is answered while the client still sends, then closed', async () => {
    const server = await start({ maxRequestBodyBytes: 1000 });
    const upload = await connectTo(server.port);
    upload.send('PUT /api/v1/files?path=/mem/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n');
    expect(await upload.until('exceeds')).toMatch(/^HTTP\/1.1 413 .*connection: close/is);
    await upload.closed();
  });

  it('contract 70: a client that reads only once it has sent everything still finds its response', async () => {
    const server = await start({ maxRequestBodyBytes: 1000 });
    const upload = await connectTo(server.port);
    upload.socket.pause();
    const body = Buffer.alloc(16 * 1024 * 1024);
    upload.send(`PUT /api/v1/files?path=/mem/a HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
    await new Promise((resolve) => upload.socket.write(body, resolve));
    upload.socket.resume();
    expect(await upload.until('exceeds')).toMatch(/^HTTP\/1.1 413 /);
    await upload.closed();
  });

  it('a JSON body with broken framing is answered with 400', async () => {
    const server = await start();
    const odd = await connectTo(server.port);
    odd.send(
      'POST /api/v1/rename?path=/mem/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n',
    );
    const text = await odd.closed();
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(text).toContain('BODY_BROKE_OFF');
  });

  it('drops what comes after a request that is answered live, which no client may send', async () => {
    const server = await start(STREAMS);
    const odd = await connectTo(server.port);
    odd.send('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    await odd.until('\r\n\r\n');
    odd.send(`nonsense\r\n\r\n${'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10_000)}`);
    await server.call('PUT', '/files?path=/s/live', { body: 'abc' });
    await odd.until('abc');
    await server.call('POST', '/end?path=/s/live');
    expect((await odd.closed()).match(/HTTP\/1.1/g)).toHaveLength(1);
  });

  it('nonsense after requests, in one write with them, is refused after their responses', async () => {
    const server = await start(STREAMS);
    const { handle_id: id } = (await server.call('POST', '/handles/open?path=/s/a')).json();
    const odd = await connectTo(server.port);
    odd.send(
      'POST /api/v1/directories HTTP/1.1\r\nHost: x\r\n\r\n' +
        `GET /api/v1/handles/${id}/read?timeout=60s HTTP/1.1\r\nHost: x\r\n\r\n` +
        'GET ? HTTP/1.1\r\nHost: x\r\n\r\nGET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await odd.until('PATH_REQUIRED');
    odd.send('more of it\r\n\r\n');
    await server.call('PUT', '/files?path=/s/a', { body: 'first' });
    const text = await odd.closed();
    expect(text).toMatch(/^HTTP\/1.1 400 [\s\S]*PATH_REQUIRED[\s\S]*HTTP\/1.1 200 [\s\S]*first[\s\S]*HTTP\/1.1 400 /);
    expect(text.match(/HTTP\/1.1/g)).toHaveLength(3);
    expect(text).toContain('this is not an HTTP request');
  });

  it('nonsense after a request that is being answered live is not looked at', async () => {
    const server = await start(STREAMS);
    const odd = await connectTo(server.port);
    odd.send('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\nX-Request-Id: 1\r\n\r\n');
    await odd.until('\r\n\r\n');
    odd.send('nonsense\r\n\r\n');
    await server.call('PUT', '/files?path=/s/live', { body: 'abc' });
    await server.call('POST', '/end?path=/s/live');
    const text = await odd.closed();
    expect(text).toContain('abc');
    expect(text.match(/HTTP\/1.1/g)).toHaveLength(1);
  });
});

async function* breakingContent(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('abc');
  throw new TypeError('in the middle');
}

const buggyPlugin: Plugin = {
  ...memfsPlugin,
  name: 'buggyfs',
  async initialize(config, context) {
    const instance = await memfsPlugin.initialize(config, context);
    const { fileSystem } = instance;
    fileSystem.stat = async () => {
      throw new TypeError('secret of the machine');
    };
    fileSystem.openStream = async () => ({ kind: 'content', content: breakingContent() });
    return instance;
  },
};

describe('an unexpected error', () => {
  it('contract 73: is a 500 that gives nothing away, is logged whole, and affects no other request', async () => {
    const server = await start({ plugins: [buggyPlugin], mounted: { '/bug': 'buggyfs', '/mem': 'memfs' } });
    const response = await server.call('GET', '/stat?path=/bug/a');
    expect([response.status, response.json()]).toEqual([500, { error: 'internal error', code: 'INTERNAL' }]);
    const logged = server.log.filter(({ level }) => level === 'error');
    expect(logged).toHaveLength(1);
    expect(String(logged[0]?.facts.error)).toContain('secret of the machine');
    expect((await server.call('GET', '/stat?path=/mem')).status).toBe(200);
  });

  it('in the middle of a response cuts the connection rather than pretending an end', async () => {
    const server = await start({ plugins: [buggyPlugin], mounted: { '/bug': 'buggyfs' } });
    const cut = await connectTo(server.port);
    cut.send('GET /api/v1/files?path=/bug/a&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    const text = await cut.closed();
    expect(text).toMatch(/^HTTP\/1.1 200 /);
    expect(text).not.toContain('\r\n0\r\n');
    expect((await server.call('GET', '/health')).status).toBe(200);
  });
});

describe('the log', () => {
  it('has one line for each request, at debug', async () => {
    const server = await start();
    const response = await server.call('GET', '/stat?path=/mem/absent');
    await waitFor(() => server.log.some(({ message }) => message === 'request'));
    expect(server.log.filter(({ message }) => message === 'request')).toEqual([
      {
        level: 'debug',
        message: 'request',
        facts: {
          ...{ request: response.headers['x-request-id'], method: 'GET', route: '/api/v1/stat', path: '/mem/absent' },
          ...{ address: '127.0.0.1', status: 404, ms: expect.any(Number) },
        },
      },
    ]);
  });

  it('knows of a request only what is named for it: no other parameter, no header, no target as it came', async () => {
    const server = await start({ mounted: { '/s': 'streamfs', '/mem': 'memfs' } });
    const secret = 'sEcReT-0123456789';
    const headers = { Authorization: `Bearer ${secret}`, Cookie: secret, 'X-Request-Id': 'mine' };
    const query = `signature=${secret}&expires=${secret}&token=${secret}`;
    for (const [method, target] of [
      ['GET', `/stat?path=/mem&${query}`],
      ['PUT', `/files?path=/s/a&${query}`],
      ['GET', `/files?path=/s/a&stream=true&timeout=0&${query}`],
      ['GET', `/handles/7/read?${query}`],
      ['GET', `/nowhere/${secret}?${query}`],
      ['PATCH', `/files?${query}`],
      ['GET', `/files?path=/mem/absent&${query}`],
    ] as const) {
      await server.call(method, target, { headers });
    }
    await waitFor(() => server.log.filter(({ message }) => message === 'request').length === 7);
    expect(JSON.stringify(server.log)).not.toContain(secret);
    expect(server.log.filter(({ message }) => message === 'request').map(({ facts }) => facts.route)).toEqual([
      ...['/api/v1/stat', '/api/v1/files', '/api/v1/files', '/api/v1/handles/:id/read', 'none', 'none'],
      '/api/v1/files',
    ]);
  });

  it('puts together no facts of log lines that are not written', async () => {
    const server = await start();
    const asked: string[] = [];
    const { log } = server;
    server.logger.writes = (level) => {
      asked.push(level);
      return false;
    };
    await server.call('GET', '/version');
    await waitFor(() => asked.length > 1);
    expect(new Set(asked)).toEqual(new Set(['debug']));
    expect(log.filter(({ message }) => message === 'request')).toEqual([]);
  });
});

describe('the id of a request', () => {
  it('each gets a different error', async () => {
    const server = await start();
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push((await server.call('GET', '/stat?path=/mem/absent')).headers['x-request-id']);
    for (const id of ids) expect(id).toMatch(/^[a-z0-9]+-[a-z0-9]+$/);
    expect(new Set(ids).size).toBe(3);
    expect((await server.call('GET', '/version')).headers['x-request-id']).toBeUndefined();
  });

  it('is the one the client gave, on every response; one that is not fit for a log is not taken', async () => {
    const server = await start({ mounted: { '/s': 'streamfs', '/mem': 'memfs' } });
    const sent = async (id: string, target: string) =>
      (await server.call('GET', target, { headers: { 'X-Request-Id': id } })).headers['x-request-id'];
    const good = '0af7651916cd43dd-8448:eb21/1c@x';
    for (const target of ['/version', '/stat?path=/mem/absent', '/files?path=/s/a&stream=true&timeout=0']) {
      expect(await sent(good, target)).toBe(good);
    }
    for (const bad of ['two words', 'a"b', 'ü', 'x'.repeat(129), '{"a":1}', '']) {
      expect(await sent(bad, '/stat?path=/mem/absent')).toMatch(/^[a-z0-9]+-[a-z0-9]+$/);
      expect(await sent(bad, '/version')).toBeUndefined();
    }
  });

  it('stands with the stack of a fault of ours', async () => {
    const server = await start({ plugins: [buggyPlugin], mounted: { '/bug': 'buggyfs' } });
    await server.call('GET', '/stat?path=/bug/a', { headers: { 'X-Request-Id': 'find-me' } });
    expect(server.log.filter(({ level }) => level === 'error').map(({ facts }) => facts)).toMatchObject([
      { request: 'find-me', route: '/api/v1/stat', path: '/bug/a', error: expect.stringMatching(/\n +at /) },
    ]);
  });
});

describe('closing the server', () => {
  it('contract 28: ends idle connections at once', async () => {
    const server = await start();
    const idle = await connectTo(server.port);
    idle.send('GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.until('"version"');
    await server.server.close(60_000);
    await idle.closed();
    await expect(connectTo(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('contract 28: ends connections that never said anything', async () => {
    const server = await start();
    const silent = await connectTo(server.port);
    // Connections are accepted in the order of their arrival.
    const later = await connectTo(server.port);
    later.send('GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n');
    await later.until('"version"');
    await server.server.close(60_000);
    expect(await silent.closed()).toBe('');
  });

  it('contract 28: lets a request that is at work finish, and ends its connection then', async () => {
    const server = await start(STREAMS);
    const live = await follow(server.port, '/files?path=/s/live&stream=true');
    const upload = await connectTo(server.port);
    upload.send('PUT /api/v1/files?path=/s/live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await live.until(3);
    const closed = server.server.close(60_000);
    upload.send('3\r\ndef\r\n0\r\n\r\n');
    expect(await upload.closed()).toContain('Written 6 bytes');
    await server.mounts.shutdown();
    expect(await live.end()).toBe('abcdef');
    expect(live.res.trailers['x-stream-end']).toBe('shutdown');
    await closed;
  });

  it('contract 28: closes the remaining connections at the deadline', async () => {
    const server = await start();
    const begun = once(server.server.http, 'request');
    const stuck = await connectTo(server.port);
    stuck.send('POST /api/v1/rename?path=/mem/a HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n{');
    await begun;
    await server.server.close(50);
    await stuck.closed();
  });

  it('is harmless where it never listened, and twice', async () => {
    const server = await start();
    await server.server.close(1000);
    await server.server.close(1000);
  });

  it('an address that is taken is an error of listen', async () => {
    const server = await start();
    const second = await start();
    await second.server.close(1000);
    await expect(second.server.listen('127.0.0.1', server.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
