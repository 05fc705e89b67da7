/** Durable Streams with faults: connections, servers, memory (contract 105). */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/core/index.ts';
import { HostCheck, Tokens } from '../../src/server/index.ts';
import { waitFor } from '../harness/wait.ts';
import { connectTo } from '../harness/wire.ts';
import { cutAppends } from './durable-interrupted-appends.ts';
import { follow, type StartOptions, start } from './harness.ts';

const durableStreams = { mount: '/s', prefixes: ['/v1/stream', '/api/v1x'], longPollTimeout: 50 };

const withStreams = (options: StartOptions = {}) =>
  start({ mounted: { '/s': 'streamfs' }, durableStreams, ...options });

const TEXT = { 'Content-Type': 'text/plain' };

describe('Durable Streams: a connection that is cut', () => {
  it('contract 105: an append whose connection is cut is there whole or not at all, and once after a repetition', async () => {
    // For every byte: test/e2e/durable-streams-thorough.e2e.ts.
    await cutAppends(23);
  });

  it('contract 105: an append that is under way when the server stops is not there in part', async () => {
    const running = await withStreams();
    const { call, mounts, port } = running;
    await call('PUT', '/api/v1x/a', { body: 'before', headers: TEXT });
    const connection = await connectTo(port);
    connection.send(
      'POST /v1/stream/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf',
    );
    await call('GET', '/health');
    const stream = await mounts.openStream('/s/a', { start: { offset: 0 }, create: false });
    await running.stop();
    expect(await connection.closed()).not.toMatch(/^HTTP\/1\.1 20/);
    const got: Buffer[] = [];
    if (stream.kind === 'live') {
      for await (const record of stream.reader) if (record.type === 'data') got.push(Buffer.from(record.data));
    }
    expect(Buffer.concat(got).toString()).toBe('before');
  });

  it.each(['long-poll', 'sse'])('contract 105: a %s reader that disconnects is removed', async (mode) => {
    const { call, port } = await withStreams({ durableStreams: { ...durableStreams, longPollTimeout: 60_000 } });
    await call('PUT', '/api/v1x/a', { headers: TEXT });
    const readers = async () => (await call('GET', '/readers')).json().readers as unknown as unknown[];
    const connection = await connectTo(port);
    connection.send(`GET /v1/stream/a?offset=now&live=${mode} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    while ((await readers()).length < 1) await nextTurn();
    connection.socket.destroy();
    while ((await readers()).length > 0) await nextTurn();
    expect((await call('POST', '/api/v1x/a', { body: 'x', headers: TEXT })).status).toBe(204);
  });
});

describe('Durable Streams: a response with server-sent events that ends after its time', () => {
  it('contract 105: ends after a whole event, and a client that reconnects at its offset misses nothing', async () => {
    const { call, port } = await withStreams({ durableStreams: { ...durableStreams, sseLifetime: 20 } });
    await call('PUT', '/api/v1x/a', { headers: TEXT });
    let offset = '-1';
    let got = '';
    let responses = 0;
    for (let n = 0; got.length < 600; responses++) {
      const live = await follow(port, `/api/v1x/a?offset=${offset}&live=sse`);
      for (const until = n + 20; n < until && n < 200; n++) {
        await call('POST', '/api/v1x/a', { body: String(n).padStart(3, '0'), headers: TEXT });
      }
      const text = await live.end();
      expect(text === '' || text.endsWith('\n\n')).toBe(true);
      expect(text).not.toContain('streamClosed');
      got += [...text.matchAll(/event: data\ndata:(\d+)\n\n/g)].map(([, data]) => data).join('');
      offset = [...text.matchAll(/"streamNextOffset":"(\w+)"/g)].at(-1)?.[1] ?? offset;
    }
    expect(responses).toBeGreaterThan(5);
    expect(got).toBe(Array.from({ length: 200 }, (_, n) => String(n).padStart(3, '0')).join(''));
  });

  it('contract 105: a silent one is kept alive by comments, which are no events', async () => {
    const { call, port } = await withStreams({ durableStreams: { ...durableStreams, sseHeartbeat: 5 } });
    await call('PUT', '/api/v1x/a', { headers: TEXT });
    const live = await follow(port, '/api/v1x/a?offset=now&live=sse');
    let text = '';
    while ((text.match(/^:/gm) ?? []).length < 3) text = await live.until(text.length + 1);
    expect(text).not.toContain('event: data');
    live.cut();
  });
});

describe('Durable Streams: memory', () => {
  it('contract 105: forks stay within the memory limit: the oldest history is evicted, and readers get a gap', async () => {
    const memory = new MemoryBudget(4_000_000);
    const { call } = await withStreams({ memory });
    const content = Array.from({ length: 100_000 }, (_, n) => String(n).padStart(9, '0')).join('');
    await call('PUT', '/api/v1x/a', { body: content, headers: TEXT });
    const names = ['a'];
    for (let n = 0; n < 12; n++) {
      const headers = { ...TEXT, 'Stream-Forked-From': `/v1/stream/${names.at(-1)}` };
      expect((await call('PUT', `/api/v1x/f${n}`, { headers })).status).toBe(201);
      names.push(`f${n}`);
      expect(memory.used).toBeLessThanOrEqual(4_000_000);
    }
    let shortened = 0;
    for (const name of names) {
      const { text, headers } = await call('GET', `/api/v1x/${name}`);
      const earliest = String(headers['stream-earliest-offset'] ?? '_0').split('_')[1];
      expect(text === content.slice(Number(earliest))).toBe(true);
      if (text.length < content.length) shortened++;
    }
    expect(shortened).toBeGreaterThan(0);
  });
});

describe('Durable Streams: what it shares with every request', () => {
  it('contract 49, 105: refuses a host that is not its own', async () => {
    const { port } = await withStreams({ hosts: new HostCheck([]) });
    const connection = await connectTo(port);
    connection.send('GET /v1/stream/a HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*"code":"HOST_REFUSED"/);
  });

  it('contract 105: a signed link for the stream is good for reading it, in every mode, and for nothing else', async () => {
    const hash = createHash('sha256').update('secret').digest('hex');
    const tokens = new Tokens([{ name: 't', sha256: hash, paths: ['/**'], rights: ['read', 'write', 'admin'] }]);
    const { call } = await withStreams({ tokens });
    const auth = { Authorization: 'Bearer secret' };
    await call('PUT', '/api/v1x/a', { body: 'text', headers: { ...TEXT, ...auth } });
    const link = await call('POST', '/links', { body: JSON.stringify({ path: '/s/a' }), headers: auth });
    expect(link.status).toBe(200);
    const { url } = link.json() as { url?: string };
    const signed = new URL(String(url), 'http://localhost').searchParams;
    const query = `expires=${signed.get('expires')}&signature=${encodeURIComponent(String(signed.get('signature')))}`;
    expect((await call('GET', `/api/v1x/a?${query}`)).text).toBe('text');
    expect((await call('GET', `/api/v1x/a?offset=now&live=long-poll&${query}`)).status).toBe(204);
    expect((await call('POST', `/api/v1x/a?${query}`, { body: 'x', headers: TEXT })).status).toBe(401);
    expect((await call('GET', `/api/v1x/b?${query}`)).status).toBeGreaterThanOrEqual(401);
  });

  it.each([
    ['text', 'text/plain', 'a b'],
    ['JSON', 'application/json', '[1,2]'],
    ['bytes', 'application/octet-stream', 'a b'],
  ])(
    'contract 105: a live read of %s is answered alike with and without node:http, errors too',
    async (_, type, body) => {
      const { call, port } = await withStreams();
      const headers = { 'Content-Type': type };
      await call('PUT', '/api/v1x/a', { body, headers: { ...headers, 'Stream-Closed': 'true' } });
      await call('PUT', '/api/v1x/open', { headers });
      const ask = async (target: string, field: string) => {
        const connection = await connectTo(port);
        connection.send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${field}\r\n`);
        return connection.closed();
      };
      /** The content of a response, independent of the order of its headers, without values that differ between responses. */
      const comparable = (response: string) => {
        const [head = '', ...rest] = response.split('\r\n\r\n');
        const fields = head.split('\r\n').filter((line) => !/^(Date|X-Request-Id|Keep-Alive):/i.test(line));
        return { fields: fields.map((line) => line.toLowerCase()).sort(), rest };
      };
      const offset = String((await call('HEAD', '/api/v1x/a')).headers['stream-next-offset']);
      const targets = [
        'a?offset=-1',
        'a?offset=now',
        `a?offset=${offset}`,
        'a?offset=-1&cursor=99999999',
        'b?offset=-1',
      ];
      targets.push('a?offset=x', `open?offset=${offset}`, 'a?offset=', 'a?', '__ds/a?offset=-1', '%2e%2e/a?offset=-1');
      for (const target of targets) {
        const one = `/v1/stream/${target}&live=sse`;
        const plain = comparable(await ask(one, 'Connection: close\r\n'));
        // A header that makes node:http serve the request.
        const other = comparable(await ask(one, 'Connection: close\r\nX-Any: thing\r\n'));
        expect([target, plain]).toEqual([target, other]);
      }
    },
  );

  it('contract 105: a read without node:http is authorised, counted, listed and limited like any other', async () => {
    const hash = createHash('sha256').update('secret').digest('hex');
    const tokens = new Tokens([{ name: 't', sha256: hash, paths: ['/**'], rights: ['read', 'write', 'admin'] }]);
    const { call, port } = await withStreams({ tokens });
    const auth = { Authorization: 'Bearer secret' };
    await call('PUT', '/api/v1x/a', { headers: { ...TEXT, ...auth } });
    const ask = async (field: string) => {
      const connection = await connectTo(port);
      connection.send(`GET /v1/stream/a?offset=-1&live=sse HTTP/1.1\r\nHost: localhost\r\n${field}\r\n`);
      return connection;
    };
    expect(await (await ask('Connection: close\r\n')).closed()).toMatch(/^HTTP\/1\.1 401/);
    const connection = await ask('Authorization: Bearer secret\r\n');
    const readers = async () =>
      (await call('GET', '/readers', { headers: auth })).json().readers as unknown as object[];
    while ((await readers()).length < 1) await nextTurn();
    expect(await readers()).toMatchObject([{ path: '/s/a', kind: 'durable-streams-sse' }]);
    await call('DELETE', '/api/v1x/a', { headers: auth });
    expect(await connection.closed()).not.toContain('streamClosed');
    while ((await readers()).length > 0) await nextTurn();
  });

  it('contract 105: an HTTP/1.0 client reads server-sent events until the connection closes', async () => {
    const { call, port } = await withStreams();
    await call('PUT', '/api/v1x/a', { body: 'one', headers: { ...TEXT, 'Stream-Closed': 'true' } });
    const connection = await connectTo(port);
    connection.send('GET /v1/stream/a?offset=-1&live=sse HTTP/1.0\r\nHost: localhost\r\n\r\n');
    const response = await connection.closed();
    expect(response.toLowerCase()).not.toContain('transfer-encoding');
    expect(response).toMatch(/\r\n\r\nevent: data\ndata:one\n\nevent: control\n[\s\S]*\n\n$/);
  });

  it('contract 105: CR and CRLF of a text come as line feeds over server-sent events, and as they are otherwise', async () => {
    const { call } = await withStreams();
    await call('PUT', '/api/v1x/a', { body: 'a\rb\r\nc', headers: { ...TEXT, 'Stream-Closed': 'true' } });
    expect((await call('GET', '/api/v1x/a?offset=-1&live=sse')).text).toContain(
      'event: data\ndata:a\ndata:b\ndata:c\n\n',
    );
    expect((await call('GET', '/api/v1x/a')).text).toBe('a\rb\r\nc');
  });

  it('contract 105: a CRLF that two appends cut comes as two line feeds to who reads them one by one', async () => {
    const { call, port } = await withStreams();
    await call('PUT', '/api/v1x/a', { headers: TEXT });
    const live = await follow(port, '/api/v1x/a?offset=-1&live=sse');
    await call('POST', '/api/v1x/a', { body: 'a\r', headers: TEXT });
    await waitFor(async () => (await live.until(0)).includes('event: data\ndata:a\ndata:\n\n'));
    await call('POST', '/api/v1x/a', { body: '\nb', headers: { ...TEXT, 'Stream-Closed': 'true' } });
    expect(await live.end()).toContain('event: data\ndata:\ndata:b\n\n');
    expect((await call('GET', '/api/v1x/a')).text).toBe('a\r\nb');
    expect((await call('GET', '/api/v1x/a?offset=-1&live=sse')).text).toContain('event: data\ndata:a\ndata:b\n\n');
  });
});

describe('Durable Streams: rows of the table of both protocols', () => {
  it('contract 105: the last lines of a stream of JSON are its last messages, and a handle reads its lines', async () => {
    const { call, post } = await withStreams();
    const JSON_TYPE = { 'Content-Type': 'application/json' };
    await call('PUT', '/api/v1x/j', { body: '[1,{"a":"x\\ny"},3]', headers: JSON_TYPE });
    await call('POST', '/api/v1x/j', { body: '4', headers: { ...JSON_TYPE, 'Stream-Closed': 'true' } });
    expect((await call('GET', '/files?path=/s/j&stream=true&last_lines=2')).text).toBe('3\n4\n');
    const opened = (await call('POST', '/handles/open?path=/s/j&flags=0')).json() as { handle_id?: number };
    const read = await call('GET', `/handles/${opened.handle_id}/read?size=100&offset=0`);
    expect(read.text).toBe('1\n{"a":"x\\ny"}\n3\n4\n');
    await post(`/handles/${opened.handle_id}/close`, {});
  });

  it('contract 99, 105: a stream that AGFS created with type=text/plain is text', async () => {
    const { call } = await withStreams();
    await call('PUT', '/files?path=/s/t&type=text/plain&end=true', { body: 'line\n  indented' });
    const read = await call('GET', '/api/v1x/t?offset=-1&live=sse');
    expect(read.headers['stream-sse-data-encoding']).toBeUndefined();
    expect(read.text).toContain('event: data\ndata:line\ndata:   indented\n\n');
    const page = await call('GET', '/api/v1x/t');
    expect([page.headers['content-type'], page.headers['stream-closed']]).toEqual(['text/plain', 'true']);
  });

  it('contract 105: an append of up to 64 KiB is a chunk to a reader of frames', async () => {
    const { call } = await withStreams();
    await call('PUT', '/api/v1x/b', { body: 'abc', headers: TEXT });
    await call('POST', '/api/v1x/b', { body: 'defg', headers: { ...TEXT, 'Stream-Closed': 'true' } });
    const frames = await call('GET', '/files?path=/s/b&stream=true&format=frames');
    expect(frames.body.includes('abc')).toBe(true);
    const stat = (await call('GET', '/stat?path=/s/b')).json() as { meta?: { Content?: Record<string, unknown> } };
    expect(JSON.stringify(stat)).toContain('"ended"');
  });
});
