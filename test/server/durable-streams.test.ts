/** Durable Streams, beyond the cases of its public suite (contract 105): see docs/durable-streams.md. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { internalOf } from '../../src/core/internal.ts';
import { Origins, Tokens } from '../../src/server/index.ts';
import { connectTo } from '../harness/wire.ts';
import { follow, type Running, type StartOptions, start } from './harness.ts';

const durableStreams = { mount: '/s', prefixes: ['/api/v1x', '/v1/stream'], longPollTimeout: 50 };

const withStreams = (options: StartOptions = {}, config: Record<string, unknown> = {}) =>
  start({ mounted: { '/s': { fstype: 'streamfs', config } }, durableStreams, ...options });

type Parts = { body?: string | Uint8Array; headers?: Record<string, string>; type?: string };

/** Requests below the prefix, and the content of their responses. */
function client({ call }: Running) {
  const send = async (method: string, target: string, { type, headers = {}, body }: Parts = {}) => {
    const response = await call(method, `/api/v1x${target}`, {
      ...(body === undefined ? {} : { body }),
      headers: { ...(type === undefined ? {} : { 'Content-Type': type }), ...headers },
    });
    const { status, text, headers: of } = response;
    return { status, text, headers: of, next: of['stream-next-offset'] as string, json: response.json };
  };
  return {
    send,
    put: (target: string, type: string, body = '', headers = {}) => send('PUT', target, { type, body, headers }),
    post: (target: string, type: string, body: string | Uint8Array, headers = {}) =>
      send('POST', target, { type, body, headers }),
    get: (target: string, headers = {}) => send('GET', target, { headers }),
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);

const added = (offset: string, n: number) => {
  const [generation, bytes] = offset.split('_');
  return `${generation}_${String(Number(bytes) + n).padStart(16, '0')}`;
};

describe('Durable Streams: offsets', () => {
  it('contract 105: an offset that has left the ring is 410 in every mode, with the earliest retained, and -1 reads what is retained', async () => {
    const { put, post, get } = client(await withStreams({}, { ring_buffer_size: '10B' }));
    const { next: first } = await put('/a', 'application/octet-stream', 'abcdefgh');
    await post('/a', 'application/octet-stream', '12345678');
    const zero = `${first.slice(0, 17)}${'0'.repeat(16)}`;
    for (const query of ['', '&live=long-poll', '&live=sse']) {
      for (const offset of [zero, '0000000000000000_0000000000000000']) {
        const gone = await get(`/a?offset=${offset}${query}`);
        expect([gone.status, gone.json().code]).toEqual([410, 'OFFSET_GONE']);
        expect(gone.headers['stream-earliest-offset']).toBe(added(first, -2));
      }
    }
    const rest = await get('/a?offset=-1');
    expect([rest.status, rest.text]).toEqual([200, 'gh12345678']);
    expect(rest.headers['stream-earliest-offset']).toBe(added(first, -2));
    const again = await get(`/a?offset=${rest.headers['stream-earliest-offset']}`);
    expect(again.text).toBe('gh12345678');
  });

  it('contract 105: JSON begins with the first whole message that is retained', async () => {
    const { put, post, get } = client(await withStreams({}, { ring_buffer_size: '10B' }));
    await put('/j', 'application/json', '[111,222]');
    await post('/j', 'application/json', '[333,444]');
    expect((await get('/j')).text).toBe('[333,444]');
  });

  it('contract 105: an offset of a stream that was removed is 410, never a place in the next', async () => {
    const { put, get, send } = client(await withStreams());
    const { next } = await put('/a', 'text/plain', 'hello');
    await send('DELETE', '/a');
    await put('/a', 'text/plain', 'something else');
    for (const live of ['', '&live=long-poll', '&live=sse']) {
      const gone = await get(`/a?offset=${next}${live}`);
      expect([gone.status, gone.json().code]).toEqual([410, 'OFFSET_OF_ANOTHER']);
    }
  });

  it('contract 105: rounds an offset inside an append down to its beginning; one beyond the end by one is the end', async () => {
    const { put, post, get } = client(await withStreams());
    const { next: one } = await put('/a', 'application/octet-stream', 'abc');
    const { next: two } = await post('/a', 'application/octet-stream', 'defg');
    expect((await get(`/a?offset=${added(one, 1)}`)).text).toBe('defg');
    expect((await get(`/a?offset=${added(one, -1)}`)).text).toBe('abcdefg');
    const tail = await get(`/a?offset=${added(two, 1)}`);
    expect([tail.status, tail.text, tail.next]).toEqual([200, '', two]);
    expect((await get(`/a?offset=${added(two, 2)}`)).status).toBe(400);
    const { next: line } = await put('/j', 'application/json', '[1,2]');
    expect((await get(`/j?offset=${added(line, -1)}`)).text).toBe('[2]');
  });

  it('contract 105: a fork keeps the offsets and boundaries of its source, and has a separate lifetime', async () => {
    const { put, post, get, send } = client(await withStreams());
    const { next: one } = await put('/a', 'text/plain', 'abc');
    const { next: two } = await post('/a', 'text/plain', 'def');
    const fork = await put('/f', 'text/plain', '', { 'Stream-Forked-From': '/v1/stream/a' });
    expect(fork.next).toBe(two);
    expect((await get(`/f?offset=${added(one, 1)}`)).text).toBe('def');
    const { next: own } = await post('/f', 'text/plain', 'own');
    expect(own > two).toBe(true);
    expect((await get(`/a?offset=${own}`)).status).toBe(410);
    await send('DELETE', '/f');
    await put('/f', 'text/plain', '', { 'Stream-Forked-From': '/v1/stream/a' });
    await post('/f', 'text/plain', 'new');
    expect((await get(`/f?offset=${own}`)).json().code).toBe('OFFSET_OF_ANOTHER');
    expect((await get(`/f?offset=${two}`)).text).toBe('new');
  });
});

describe('Durable Streams: the source of a fork', () => {
  it('contract 105: is given by its path or by an address of this server, in any spelling', async () => {
    const { put, get } = client(await withStreams());
    await put('/a%2Fb', 'text/plain', 'abc');
    await put('/%C3%BC', 'text/plain', 'abc');
    const sources: [source: string, host?: string][] = [
      ['/v1/stream/a/b'],
      ['/v1/stream/a%2Fb'],
      ['/api/v1x/a/b?offset=-1#top'],
      ['/v1/stream/%C3%BC'],
      ['http://files.example:8080/v1/stream/a/b', 'files.example:8080'],
      ['HTTP://Files.example:8080/api/v1x/a%2Fb?offset=-1', 'files.EXAMPLE:8080'],
      ['http://files.example/v1/stream/a/b', 'files.example:80'],
      // TLS is terminated by a proxy.
      ['https://files.example/v1/stream/a/b', 'files.example'],
      ['https://files.example:443/v1/stream/a/b', 'files.example'],
      ['http://me:secret@files.example/v1/stream/a/b', 'files.example'],
      ['http://[::1]:8080/v1/stream/a/b', '[::1]:8080'],
    ];
    for (const [n, [source, host]] of sources.entries()) {
      const headers = { 'Stream-Forked-From': source, ...(host === undefined ? {} : { Host: host }) };
      const { status, text } = await put(`/f${n}`, 'text/plain', '', headers);
      expect([source, status, text]).toEqual([source, 201, '']);
      expect((await get(`/f${n}`)).text).toBe('abc');
    }
    // All spellings name the same stream.
    expect((await put('/f0', 'text/plain', '', { 'Stream-Forked-From': '/api/v1x/a%2fb/' })).status).toBe(200);
  });

  it('contract 105: is refused where it is of another server or no stream, with what would be right', async () => {
    const { put } = client(await withStreams());
    await put('/a', 'text/plain', 'abc');
    const cases: [source: string, status: number, says: string][] = [
      ['http://other.example/v1/stream/a', 400, 'one of this server, which is files.example:8080'],
      ['http://files.example/v1/stream/a', 400, 'not of files.example;'],
      ['http://files.example:8081/v1/stream/a', 400, 'not of files.example:8081;'],
      ['http://me:secret@other.example/v1/stream/a', 400, 'not of other.example;'],
      ['http:///v1/stream/a', 400, 'one of this server'],
      ['http://files.example:8080', 400, 'must begin with'],
      ['http://files.example:8080/elsewhere/a', 400, 'must begin with /api/v1x/ or /v1/stream/'],
      ['//files.example:8080/v1/stream/a', 400, 'must begin with'],
      ['ftp://files.example:8080/v1/stream/a', 400, 'must begin with'],
      ['a', 400, 'must begin with'],
      ['', 400, 'must begin with'],
      ['/v1/stream/', 404, 'stream not found'],
      ['/v1/stream/%zz', 400, 'percent-encoding'],
      ['http://files.example:8080/v1/stream/none', 404, 'stream not found: /none'],
    ];
    for (const [source, status, says] of cases) {
      const headers = { 'Stream-Forked-From': source, Host: 'files.example:8080' };
      const response = await put('/f', 'text/plain', '', headers);
      expect([source, response.status, response.text]).toEqual([source, status, expect.stringContaining(says)]);
      expect(response.text).not.toContain('secret');
    }
  });
});

describe('Durable Streams: behind a proxy that changes Host', () => {
  const publicOrigins = ['https://streams.example', 'http://streams.internal:8443'];
  const HOST = '127.0.0.1:8080';

  it('contract 105: a source of a configured origin is a stream of this server, one of any other origin is not', async () => {
    const { put, get } = client(await withStreams({ durableStreams: { ...durableStreams, publicOrigins } }));
    await put('/a', 'text/plain', 'abc');
    const fork = (n: string, source: string, headers = {}) =>
      put(n, 'text/plain', '', { Host: HOST, 'Stream-Forked-From': source, ...headers });
    for (const [n, origin] of [...publicOrigins, 'http://Streams.Example:80', `http://${HOST}`].entries()) {
      const { status, text } = await fork(`/f${n}`, `${origin}/v1/stream/a`);
      expect([origin, status, text]).toEqual([origin, 201, '']);
      expect((await get(`/f${n}`)).text).toBe('abc');
    }
    for (const origin of ['https://streams.example:8443', 'http://streams.internal', 'https://a.streams.example']) {
      // Headers in which a client claims a proxy have no effect.
      const refused = await fork('/g', `${origin}/v1/stream/a`, {
        'X-Forwarded-Host': origin.split('/')[2]!,
        Forwarded: `host=${origin.split('/')[2]}`,
      });
      expect([origin, refused.status]).toEqual([origin, 400]);
      expect(refused.text).toContain('server.durable_streams.public_origins');
    }
    expect((await get('/g')).status).toBe(404);
  });

  it('contract 105: a created stream is at the configured origin that was asked, or else at the first of them', async () => {
    const { put } = client(await withStreams({ durableStreams: { ...durableStreams, publicOrigins } }));
    const at = async (name: string, host: string) =>
      (await put(name, 'text/plain', '', { Host: host })).headers.location;
    expect(await at('/a', HOST)).toBe('https://streams.example/api/v1x/a');
    expect(await at('/b', 'Streams.Internal:8443')).toBe('http://streams.internal:8443/api/v1x/b');
    const origins = ['http://streams.internal:8443', 'https://streams.example', 'http://other.example:80'];
    const others = client(await withStreams({ durableStreams: { ...durableStreams, publicOrigins: origins } }));
    // A default port is the same as none, as in the address of a source.
    for (const [host, origin] of [
      ['Streams.Example:443', origins[1]],
      ['streams.example', origins[1]],
      ['other.example', origins[2]],
      ['other.example:8080', origins[0]],
    ] as const) {
      const { location } = (await others.put(`/${host.replace(':', '-')}`, 'text/plain', '', { Host: host })).headers;
      expect([host, location]).toEqual([host, expect.stringContaining(`${origin}/api/v1x/`)]);
    }
    const without = client(await withStreams());
    const { headers } = await without.put('/a', 'text/plain', '', { Host: HOST });
    expect(headers.location).toBe(`http://${HOST}/api/v1x/a`);
  });
});

describe('Durable Streams: what the reference gets wrong', () => {
  it('keeps spaces at the beginning of text, numbers as they were written, and closes in any case', async () => {
    const running = await withStreams();
    const { put, post, get } = client(running);
    await put('/t', 'text/plain', 'Hello');
    for (const piece of [' world', ' and', '\n', ' é']) await post('/t', 'text/plain', piece);
    const closed = await post('/t', 'text/plain', '', { 'Stream-Closed': 'TRUE' });
    expect([closed.status, closed.headers['stream-closed']]).toEqual([204, 'true']);
    const { text } = await get('/t?offset=-1&live=sse');
    expect(text).toMatch(/^event: data\ndata:Hello world and\ndata: {2}é\n\nevent: control\n/);
    expect(text).toContain('"streamClosed":true');
    await put('/j', 'application/json', '[12345678901234567890, 1.10, {"a":1e400}]');
    expect((await get('/j')).text).toBe('[12345678901234567890,1.10,{"a":1e400}]');
  });

  it('tells the next offset on every acknowledgement, repeated ones too, and where another append came first', async () => {
    const { put, post } = client(await withStreams());
    await put('/p', 'text/plain');
    const headers = { 'Producer-Id': 'a name', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
    const first = await post('/p', 'text/plain', 'once', headers);
    const second = await post('/p', 'text/plain', 'once', headers);
    expect([first.status, second.status, second.next]).toEqual([200, 204, first.next]);
    const { next: now } = await post('/p', 'text/plain', 'x', { 'Stream-Seq': '5' });
    const late = await post('/p', 'text/plain', 'y', { 'Stream-Seq': '5' });
    expect([late.status, late.json().code, late.next]).toEqual([409, 'STREAM_SEQ_ORDER', now]);
    const end = { ...headers, 'Producer-Seq': '1', 'Stream-Closed': 'true' };
    await post('/p', 'text/plain', 'twice', end);
    const repeated = await post('/p', 'text/plain', 'twice', end);
    expect([repeated.status, repeated.headers['stream-closed']]).toEqual([204, 'true']);
  });

  it('contract 37, 38, 105: refuses a stream whose path is a directory of another, whichever protocol made the first', async () => {
    const running = await withStreams();
    const { put, post, get, send } = client(running);
    const { call } = running;
    const file = (path: string) => call('PUT', `/files?path=/s${path}`, { body: 'agfs' });
    await put('/x', 'text/plain', 'stream');
    await put('/d/e', 'text/plain', 'below');
    const codes = [await put('/x/y', 'text/plain'), await put('/d', 'text/plain')];
    expect(codes.map(({ status, json }) => [status, json().code])).toEqual([
      [409, 'STREAM_NAME_TAKEN'],
      [409, 'STREAM_NAME_TAKEN'],
    ]);
    expect(codes.map(({ json }) => json().error)).toEqual([
      expect.stringContaining('it lies below a stream'),
      expect.stringContaining('there are streams below it'),
    ]);
    // AGFS answers as contract 37 says, and neither request has changed anything.
    const files = [await file('/x/y'), await file('/d')];
    expect(files.map(({ status, json }) => [status, json().code])).toEqual([
      [400, 'NOT_A_DIRECTORY'],
      [400, 'IS_A_DIRECTORY'],
    ]);
    for (const target of ['/x/y', '/d']) {
      const missing = [await get(target), await post(target, 'text/plain', 'x'), await send('DELETE', target)];
      expect(missing.map(({ status }) => status)).toEqual([404, 404, 404]);
    }
    expect([(await get('/x')).text, (await get('/d/e')).text]).toEqual(['stream', 'below']);
    // The reverse: a file made through AGFS cannot contain a stream of this protocol.
    await file('/f');
    await file('/g/h');
    expect([(await put('/f/a', 'text/plain')).status, (await put('/g', 'text/plain')).status]).toEqual([409, 409]);
    // A name is free when the conflicting file is removed.
    await send('DELETE', '/x');
    await send('DELETE', '/d/e');
    expect([(await put('/x/y', 'text/plain')).status, (await put('/d', 'text/plain')).status]).toEqual([201, 201]);
  });

  it('takes an empty Content-Type for none', async () => {
    const { send, post } = client(await withStreams());
    const created = await send('PUT', '/a', { headers: { 'Content-Type': '' }, body: 'abc' });
    expect([created.status, created.headers['content-type']]).toEqual([201, 'application/octet-stream']);
    const { status, text } = await post('/a', '', 'abc');
    expect([status, text]).toEqual([400, expect.stringContaining('it is missing')]);
  });

  it('refuses a header that is given twice, whatever it says, and an invalid content type, by its name', async () => {
    const { port, call } = await withStreams();
    const { put } = client({ call } as Running);
    await put('/a', 'text/plain');
    const cases: [method: string, header: string, value: string][] = [
      ['POST', 'Stream-Closed', 'true'],
      ['POST', 'Stream-Seq', '1'],
      ['POST', 'Producer-Id', 'p'],
      ['POST', 'Content-Type', 'text/plain'],
      ['PUT', 'Content-Type', 'text/plain'],
      ['PUT', 'Stream-Closed', 'true'],
      ['PUT', 'Stream-TTL', '60'],
      ['PUT', 'Stream-Forked-From', '/v1/stream/a'],
    ];
    for (const [method, name, value] of cases) {
      const one = await connectTo(port);
      const type = name === 'Content-Type' ? '' : 'Content-Type: text/plain\r\n';
      const twice = `${name}: ${value}\r\n${name.toLowerCase()}: ${value}\r\n`;
      one.send(`${method} /v1/stream/a HTTP/1.1\r\nHost: x\r\n${type}${twice}Content-Length: 1\r\n\r\nx`);
      expect(await one.until('}\n')).toMatch(
        new RegExp(`^HTTP/1.1 400 .*invalid ${name} parameter: given more than`, 's'),
      );
      one.socket.destroy();
    }
    expect((await call('GET', '/api/v1x/a')).text).toBe('');
    const wrong = await put('/b', 'nonsense');
    expect([wrong.status, wrong.text]).toEqual([
      400,
      expect.stringContaining('invalid Content-Type parameter: must be'),
    ]);
  });

  it('refuses times and numbers that are none, and says what would be right', async () => {
    const { put } = client(await withStreams());
    const create = async (headers: Record<string, string>) => {
      const { status, text } = await put(`/n${Math.random()}`, 'text/plain', '', headers);
      return status === 201 ? 201 : text;
    };
    for (const ttl of ['0', '1', '99999999999', '9007199254740']) expect(await create({ 'Stream-TTL': ttl })).toBe(201);
    for (const ttl of ['00', '1.5', '-1', '1e3', 'abc', '9007199254741', '99999999999999999999'])
      expect(await create({ 'Stream-TTL': ttl })).toContain('from 0 to 9007199254740 in plain digits');
    const leap = ['2030-12-31T23:59:60Z', '2030-12-31t15:59:60.25-08:00'];
    for (const time of ['2030-02-28T23:59:59Z', '2032-02-29T00:00:00.5+02:00', '2030-12-31t00:00:00z', ...leap])
      expect(await create({ 'Stream-Expires-At': time })).toBe(201);
    for (const time of ['2030-02-29T00:00:00Z', '2030-02-30T12:00:00Z', '2030-04-31T00:00:00Z', '2030-13-01T00:00:00Z'])
      expect(await create({ 'Stream-Expires-At': time })).toContain('must be a time such as');
    for (const time of [
      '2030-01-01T24:00:00Z',
      '2030-01-01T00:60:00Z',
      '2030-01-01T00:00:61Z',
      '2030-01-01',
      '2030-01-00T00:00:00Z',
      '2030-01-01T00:00:00',
      'soon',
    ])
      expect(await create({ 'Stream-Expires-At': time })).toContain('must be a time such as');
  });
});

describe('Durable Streams: appends that expect where the stream ends', () => {
  const expecting = (offset: string, more = {}) => ({ 'Stream-Expected-Offset': offset, ...more });
  const ZERO = '0000000000000000_0000000000000000';

  it.each([
    ['text/plain', 'a', 'b'],
    ['application/json', '{"n":1}', '[2,3]'],
    ['application/octet-stream', '\x00', '\x01'],
  ])(
    'contract 105: of %s are appended at just that end; any other end is 409, with the offset it has',
    async (type, a, b) => {
      const { put, post, get } = client(await withStreams());
      const { next: empty } = await put('/a', type);
      const { status, next: one } = await post('/a', type, a, expecting(empty));
      expect(status).toBe(204);
      const { next: two } = await post('/a', type, b, expecting(one));
      const { text } = await get('/a');
      const others = [empty, ZERO, one, added(two, 1), added(two, -1), '9999999999999999_9999999999999999'];
      for (const offset of others) {
        for (const more of [{}, { 'Stream-Closed': 'true' }]) {
          const late = await post('/a', type, b, expecting(offset, more));
          expect([offset, late.status, late.json().code, late.next]).toEqual([offset, 409, 'EXPECTED_OFFSET', two]);
          expect(late.headers['stream-closed']).toBeUndefined();
        }
        expect((await post('/a', type, '', expecting(offset, { 'Stream-Closed': 'true' }))).status).toBe(409);
      }
      expect((await get('/a')).text).toBe(text);
      const last = await post('/a', type, a, expecting(two, { 'Stream-Closed': 'true' }));
      expect([last.status, last.headers['stream-closed']]).toEqual([204, 'true']);
      const closed = await post('/a', type, a, expecting(last.next));
      expect([closed.json().code, closed.headers['stream-closed']]).toEqual(['STREAM_CLOSED', 'true']);
      // Closing again writes nothing.
      expect((await post('/a', type, '', expecting(one, { 'Stream-Closed': 'true' }))).status).toBe(204);
    },
  );

  it('contract 105: one of any number that expect the same end is appended, in memory and on disk; the others get the new end', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'durable-expected-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    for (const config of [{}, { persist: directory, persist_sync: 'always' }]) {
      const { stop, ...running } = await withStreams({}, config);
      const { put, post, get } = client(running as Running);
      let { next } = await put('/a', 'text/plain');
      let text = '';
      for (let round = 0; round < 3; round++) {
        const append = (n: number) => post('/a', 'text/plain', `${n};`, expecting(next));
        const all = await Promise.all(Array.from({ length: 10 }, (_, n) => append(n)));
        const won = all.findIndex(({ status }) => status === 204);
        text += `${won};`;
        const ends = all.map(({ status, next: end }) => [status, end]);
        expect(ends).toEqual(all.map((_, n) => [n === won ? 204 : 409, all[won]!.next]));
        next = all[won]!.next;
      }
      expect((await get('/a')).text).toBe(text);
      await stop();
    }
  });

  it('contract 105: a repeated append of a producer is recognised before the expected offset is checked; Stream-Seq is checked too', async () => {
    const { put, post, get } = client(await withStreams());
    const { next: empty } = await put('/a', 'text/plain');
    const producer = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
    expect((await post('/a', 'text/plain', 'a', expecting(empty, { ...producer, 'Stream-Seq': '1' }))).status).toBe(
      200,
    );
    const again = await post('/a', 'text/plain', 'a', expecting(empty, producer));
    expect([again.status, again.headers['producer-seq']]).toEqual([204, '0']);
    const moved = await post('/a', 'text/plain', 'b', expecting(empty, { ...producer, 'Producer-Seq': '1' }));
    expect(moved.json().code).toBe('EXPECTED_OFFSET');
    const order = await post('/a', 'text/plain', 'b', expecting(again.next, { 'Stream-Seq': '1' }));
    expect([order.json().code, order.next]).toEqual(['STREAM_SEQ_ORDER', again.next]);
    // A refused append uses no sequence number either.
    const next = { ...producer, 'Producer-Seq': '1', 'Stream-Seq': '2' };
    expect((await post('/a', 'text/plain', 'b', expecting(again.next, next))).status).toBe(200);
    expect((await get('/a')).text).toBe('ab');
  });

  it('contract 105: an offset of a stream that was removed, or of the source of a fork, is not the end of another', async () => {
    const { put, post, send } = client(await withStreams());
    await put('/a', 'text/plain', 'abc');
    const { next: fork } = await put('/f', 'text/plain', '', { 'Stream-Forked-From': '/v1/stream/a' });
    const { next: ofFork } = await post('/f', 'text/plain', 'x', expecting(fork));
    const { next: ofSource } = await post('/a', 'text/plain', 'y', expecting(fork));
    expect((await post('/f', 'text/plain', 'z', expecting(ofSource))).json().code).toBe('EXPECTED_OFFSET');
    expect((await post('/a', 'text/plain', 'z', expecting(ofFork))).json().code).toBe('EXPECTED_OFFSET');
    await send('DELETE', '/a');
    await send('DELETE', '/f');
    await put('/a', 'text/plain', 'abcd');
    expect((await post('/a', 'text/plain', 'z', expecting(ofSource))).json().code).toBe('EXPECTED_OFFSET');
  });

  it('contract 20, 105: appends that wait for a slow reader come first, and move the end', async () => {
    const { mounts } = await withStreams({}, { channel_buffer_size: '10B' });
    const { fileSystem, path } = mounts.resolve('/s/a');
    const store = fileSystem.streams!()!;
    await store.create(path, { data: bytes(''), end: false, settings: { type: 'text/plain' } });
    const source = await fileSystem.openStream(path, { start: { from: 'live' }, onLag: 'block' });
    if (source.kind !== 'live') throw new TypeError('no live stream');
    const append = (text: string, expectedEnd?: () => number) =>
      store.append(path, {
        data: bytes(text),
        type: 'text/plain',
        end: false,
        producer: undefined,
        seq: undefined,
        expectedEnd,
      });
    await append('0123456789', () => 0);
    const before = internalOf(source.reader.stream).write(bytes('before;'));
    expect(before).toBeInstanceOf(Promise);
    const late = append('late;', () => 10).catch(({ code }) => code);
    source.reader.close();
    await before;
    expect([await late, source.reader.stream.endOffset]).toEqual(['EXPECTED_OFFSET', 17]);
  });
});

describe('Durable Streams: text of other charsets', () => {
  const sseData = (text: string) => [...text.matchAll(/^event: data\ndata:(.*)$/gm)].map(([, data]) => data).join('');
  /** Raw bytes: a response as text would already be decoded as UTF-8. */
  const octets = Uint8Array.from({ length: 256 }, (_, n) => n);

  it.each([
    'text/plain; charset=iso-8859-1',
    'text/plain; charset=utf-16',
    'TEXT/Plain;CHARSET="ISO-8859-1"',
    'text/html; charset="Windows-1252"',
    'text/csv; header=present; charset=shift_jis',
    'text/plain; charset=of-our-own',
  ])('contract 105: %s is sent byte for byte: over server-sent events in base64, which a header says', async (type) => {
    const running = await withStreams();
    const { send, post, get } = client(running);
    const { status, headers } = await send('PUT', '/a', { type, body: octets });
    expect(status).toBe(201);
    await post('/a', type, octets.subarray(128), { 'Stream-Closed': 'true' });
    const sse = await get('/a?offset=-1&live=sse');
    expect([sse.status, sse.headers['stream-sse-data-encoding']]).toEqual([200, 'base64']);
    const all = Buffer.concat([octets, octets.subarray(128)]);
    expect(Buffer.from(sseData(sse.text), 'base64').equals(all)).toBe(true);
    const page = await running.call('GET', '/api/v1x/a');
    expect([page.headers['content-type'], page.body.equals(all)]).toEqual([headers['content-type'], true]);
  });

  it('contract 105: the part that has left the ring is counted in bytes, not in characters of UTF-8', async () => {
    const running = await withStreams({}, { ring_buffer_size: '4B' });
    const { send, post } = client(running);
    await send('PUT', '/a', { type: 'text/plain; charset=iso-8859-1', body: new Uint8Array([65, 0xa0]) });
    await post('/a', 'text/plain', new Uint8Array([0x80, 0x81, 66]));
    expect((await running.call('GET', '/api/v1x/a')).body).toEqual(Buffer.from([0xa0, 0x80, 0x81, 66]));
  });

  it.each([
    'text/plain; charset=UTF-8',
    'text/plain;charset="utf-8"',
    'text/plain; charset=utf8',
    'Text/Plain; charset=US-ASCII',
  ])('contract 105: %s is text over server-sent events', async (type) => {
    const { put, get } = client(await withStreams());
    await put('/a', type, 'é', { 'Stream-Closed': 'true' });
    const sse = await get('/a?offset=-1&live=sse');
    expect([sse.headers['stream-sse-data-encoding'], sseData(sse.text)]).toEqual([undefined, 'é']);
  });

  it('contract 105: invalid UTF-8 is passed on unchanged in text, and holds nothing back for ever', async () => {
    const running = await withStreams();
    const { send, post, get } = client(running);
    const broken = new Uint8Array([0xff, 0xc3, 0x28, 0xe2, 0x82]);
    await send('PUT', '/a', { type: 'text/plain', body: broken });
    await post('/a', 'text/plain', '!', { 'Stream-Closed': 'true' });
    const sse = await running.call('GET', '/api/v1x/a?offset=-1&live=sse');
    const [begin, end] = ['event: data\ndata:', '!\n\nevent: control'];
    expect(sse.body.indexOf(Buffer.concat([Buffer.from(begin), broken, Buffer.from(end)]))).toBe(0);
    expect((await running.call('GET', '/api/v1x/a')).body).toEqual(Buffer.concat([broken, Buffer.from('!')]));
    expect((await get('/a?offset=-1&live=sse')).text).toContain('"streamClosed":true');
  });
});

describe('Durable Streams: conditions', () => {
  it('contract 105: that are not looked at are refused, and nothing is done', async () => {
    const { put, send, get } = client(await withStreams());
    const { next } = await put('/a', 'text/plain', 'abc');
    const { etag = '' } = (await get('/a')).headers;
    const cases: [method: string, header: string, value: string][] = [
      ['POST', 'If-Match', etag],
      ['POST', 'If-Match', `"${next}"`],
      ['POST', 'If-None-Match', '*'],
      ['POST', 'Content-Range', 'bytes 0-2/3'],
      ['POST', 'If-Unmodified-Since', 'Thu, 26 Nov 2026 12:00:00 GMT'],
      ['PUT', 'If-Match', etag],
      ['PUT', 'If-None-Match', etag],
      ['PUT', 'Stream-Expected-Offset', next],
      ['PUT', 'Content-Range', 'bytes 0-2/3'],
      ['DELETE', 'If-Match', etag],
      ['DELETE', 'If-None-Match', etag],
      ['DELETE', 'Stream-Expected-Offset', next],
    ];
    for (const [method, header, value] of cases) {
      const target = method === 'PUT' ? '/b' : '/a';
      const body = method === 'DELETE' ? {} : { body: 'def', type: 'text/plain' };
      const { status, text } = await send(method, target, { ...body, headers: { [header]: value } });
      expect([method, header, status]).toEqual([method, header, 400]);
      expect(text).toContain(header);
    }
    for (const value of ['', '-1', 'now', '12', `"${next}"`, `${next},${next}`]) {
      const headers = { 'Stream-Expected-Offset': value };
      const { status, json } = await send('POST', '/a', { type: 'text/plain', body: 'def', headers });
      expect([value, status, json().code]).toEqual([value, 400, 'INVALID_OFFSET']);
    }
    expect((await get('/a')).text).toBe('abc');
    expect((await get('/b')).status).toBe(404);
  });

  it('contract 105: If-None-Match: * creates a stream, and is 412 where one is there', async () => {
    const { put, get } = client(await withStreams());
    const onlyNew = { 'If-None-Match': ' * ' };
    expect((await put('/a', 'text/plain', 'abc', onlyNew)).status).toBe(201);
    for (const type of ['text/plain', 'application/json']) {
      const there = await put('/a', type, '[1]', onlyNew);
      expect([there.status, there.json().code]).toEqual([412, 'PRECONDITION_FAILED']);
    }
    expect((await put('/a', 'text/plain', 'def')).status).toBe(200);
    expect((await get('/a')).text).toBe('abc');
  });
});

describe('Durable Streams: who may do what', () => {
  const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

  it('contract 105: asks for the rights at the path of the stream, and at the source of a fork', async () => {
    const tokens = new Tokens([
      { name: 'reader', sha256: sha256('r'), rights: ['read'], paths: ['/s/open/**'] },
      { name: 'writer', sha256: sha256('w'), rights: ['write'], paths: ['/s/open/**', '/s/mine'] },
      { name: 'admin', sha256: sha256('a'), rights: ['read', 'write', 'admin'], paths: ['/**'] },
    ]);
    const { send, put } = client(await withStreams({ tokens }));
    const status = async (method: string, target: string, token?: string) => {
      const body = method === 'POST' || method === 'PUT' ? { body: 'x' } : {};
      const headers = token === undefined ? {} : bearer(token);
      return (await send(method, target, { type: 'text/plain', headers, ...body })).status;
    };
    expect(await status('PUT', '/open/a')).toBe(401);
    expect(await status('PUT', '/open/a', 'r')).toBe(403);
    expect(await status('PUT', '/open/a', 'w')).toBe(201);
    expect(await status('PUT', '/secret', 'a')).toBe(201);
    expect(await status('PUT', '/open%2Fb', 'w')).toBe(201);
    for (const method of ['GET', 'HEAD']) {
      expect(await status(method, '/open/a', 'w')).toBe(403);
      expect(await status(method, '/open/a', 'r')).toBe(200);
      expect(await status(method, '/secret', 'r')).toBe(403);
    }
    expect(await status('POST', '/open/a', 'r')).toBe(403);
    expect(await status('POST', '/open/a', 'w')).toBe(204);
    expect(await status('DELETE', '/open/a', 'w')).toBe(403);
    expect(await status('DELETE', '/open/a', 'a')).toBe(204);
    const fork = { 'Stream-Forked-From': '/v1/stream/secret', ...bearer('w') };
    expect((await put('/mine', 'text/plain', '', fork)).status).toBe(403);
    expect((await put('/mine', 'text/plain', '', { ...fork, ...bearer('a') })).status).toBe(201);
  });

  it('contract 99, 105: sends a type outside the list on its own responses alone, under a policy in which nothing runs', async () => {
    const running = await withStreams();
    const { put, get } = client(running);
    await put('/h', 'text/html', '<script>alert(1)</script>');
    const { headers } = await get('/h');
    expect(headers['content-type']).toBe('text/html');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toBe("default-src 'none'; frame-ancestors 'none'; sandbox");
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
    const other = await running.call('GET', '/files?path=/s/h&snapshot=true');
    expect(other.headers['content-type']).toBe('application/octet-stream');
  });

  it('contract 105: lets listed pages use it, and no others', async () => {
    const running = await withStreams({ origins: new Origins(['https://app.example']) });
    const { send, get } = client(running);
    const preflight = await send('OPTIONS', '/a', {
      headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PUT' },
    });
    expect(preflight.headers['access-control-allow-methods']).toContain('PUT');
    expect(preflight.headers['access-control-allow-headers']).toContain('Stream-Closed');
    const own = await get('/a', { Origin: 'https://app.example' });
    expect(own.headers['access-control-expose-headers']).toContain('Stream-Next-Offset');
    expect((await get('/a', { Origin: 'https://evil.example' })).json().code).toBe('ORIGIN_REFUSED');
  });

  it('contract 105: lists its readers, kicks them, counts them in limits', async () => {
    const running = await withStreams({
      limits: { readers: 2 },
      durableStreams: { ...durableStreams, longPollTimeout: 60_000 },
    });
    const { put, get } = client(running);
    await put('/a', 'text/plain', 'x');
    const sse = await follow(running.port, '/api/v1x/a?offset=-1&live=sse');
    await sse.until(10);
    const polling = get('/a?offset=now&live=long-poll');
    let listed: { id: number; kind: string; path: string }[] = [];
    while (listed.length < 2)
      listed = (await running.call('GET', '/readers')).json().readers as unknown as typeof listed;
    expect(listed.map(({ kind, path }) => [kind, path])).toEqual([
      ['durable-streams-sse', '/s/a'],
      ['durable-streams-long-poll', '/s/a'],
    ]);
    expect((await get('/a?offset=now&live=long-poll')).json().code).toBe('READER_LIMIT');
    for (const { id } of listed) await running.call('DELETE', `/readers/${id}`);
    expect((await polling).json().code).toBe('READER_KICKED');
    expect(await sse.end()).not.toContain('streamClosed');
  });

  it('contract 105: HEAD neither waits nor counts as a read', async () => {
    const { put, send, get } = client(await withStreams());
    await put('/a', 'text/plain', 'x', { 'Stream-TTL': '3600' });
    const head = await send('HEAD', '/a?offset=now&live=long-poll');
    expect([head.status, head.headers['stream-ttl'], head.headers['cache-control']]).toEqual([200, '3600', 'no-store']);
    expect((await get('/none?offset=now&live=long-poll')).status).toBe(404);
  });
});

describe('Durable Streams: one stream, two protocols', () => {
  it('contract 105: reads what AGFS writes, and the other way', async () => {
    const running = await withStreams();
    const { call } = running;
    const { put, post, get } = client(running);
    await call('PUT', '/files?path=/s/log', { body: Buffer.from([0, 255]) });
    const sse = await follow(running.port, '/api/v1x/log?offset=-1&live=sse');
    expect(sse.res.headers['stream-sse-data-encoding']).toBe('base64');
    expect(await sse.until(40)).toContain('data:AP8=');
    sse.cut();
    await put('/j', 'application/json', '[{"a":1},2]');
    expect((await call('GET', '/files?path=/s/j&snapshot=true')).text).toBe('{"a":1}\n2\n');
    expect((await call('PUT', '/files?path=/s/j', { body: '{"b"\n3\n' })).json().code).toBe('JSON_LINES_ONLY');
    await call('PUT', '/files?path=/s/j', { body: '3\n4' });
    expect((await get('/j')).text).toBe('[{"a":1},2,3,4]');
    await call('PUT', '/files?path=/s/n&type=application/json', { body: '1.10\n' });
    expect((await get('/n')).text).toBe('[1.10]');
    const producer = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
    await post('/log', 'application/octet-stream', 'once', producer);
    expect((await call('PUT', '/files?path=/s/log', { body: 'once', headers: producer })).status).toBe(204);
    await call('PUT', '/files?path=/s/log&end=true');
    expect((await get('/log?offset=now')).headers['stream-closed']).toBe('true');
    await call('DELETE', '/files?path=/s/log');
    expect((await get('/log')).status).toBe(404);
    expect([(await put('/README', 'text/plain')).status, (await get('/README')).status]).toEqual([403, 404]);
  });

  it('contract 88, 105: a stream that keeps lines whole completes appends and first contents too, and only there', async () => {
    const running = await withStreams({}, { atomic: 'lines' });
    const { put, post, get, send } = client(running);
    const added = await put('/a', 'text/plain', 'first');
    expect(added.next.endsWith('0006')).toBe(true);
    // From the socket, by node:http, by a producer, repeated, and with the end.
    expect((await post('/a', 'text/plain', 'second')).next.endsWith('0013')).toBe(true);
    expect((await post('/a', 'text/plain', 'whole\n')).next.endsWith('0019')).toBe(true);
    const by = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
    for (const status of [200, 204]) {
      const { next, ...response } = await post('/a', 'text/plain', 'two\nlines', by);
      expect([response.status, next.slice(-4)]).toEqual([status, '0029']);
    }
    expect((await send('POST', '/a', { headers: { 'Stream-Closed': 'true' } })).next.endsWith('0029')).toBe(true);
    expect((await get('/a')).text).toBe('first\nsecond\nwhole\ntwo\nlines\n');
    const fork = { 'Stream-Forked-From': '/v1/stream/a' };
    await put('/fork', 'text/plain', 'own', fork);
    expect((await get(`/fork?offset=${added.next}`)).text).toBe('second\nwhole\ntwo\nlines\nown\n');
    await put('/json', 'application/json', '{"a":1}');
    expect((await get('/json')).text).toBe('[{"a":1}]');
    // A line that is too long to be held is not joined with them.
    await put('/long', 'text/plain');
    const handle = (await running.call('POST', '/handles/open?path=/s/long&flags=1')).json().handle_id as string;
    await running.call('PUT', `/handles/${handle}/write`, { body: 'x'.repeat(70_000) });
    await post('/long', 'text/plain', 'a line');
    await running.call('DELETE', `/handles/${handle}`);
    expect((await get('/long')).text).toMatch(/^x{65536}\na line\nx{4464}\n$/);
    // There is no room for the newline.
    await running.call('POST', '/files?path=/s/small&ring_buffer_size=4096');
    expect((await post('/small', 'application/octet-stream', 'x'.repeat(4096))).json().code).toBe('APPEND_TOO_LARGE');
    await running.call('POST', '/files?path=/s/bytes&atomic=none');
    await post('/bytes', 'application/octet-stream', 'as it is');
    expect((await get('/bytes')).text).toBe('as it is');
  });

  it('contract 105: a source that is gone holds its name until its last fork goes, for AGFS too', async () => {
    const running = await withStreams();
    const { call } = running;
    const { put, get, send } = client(running);
    await put('/a', 'text/plain', 'x');
    await put('/b', 'text/plain', '', { 'Stream-Forked-From': '/v1/stream/a' });
    await call('DELETE', '/files?path=/s/a');
    expect((await get('/a')).status).toBe(410);
    expect((await put('/a', 'text/plain')).status).toBe(409);
    expect((await call('GET', '/stat?path=/s/a')).json().code).toBe('STREAM_GONE');
    expect((await call('PUT', '/files?path=/s/a', { body: 'y' })).json().code).toBe('STREAM_GONE');
    await send('DELETE', '/b');
    expect((await get('/a')).status).toBe(404);
    expect((await put('/a', 'text/plain')).status).toBe(201);
  });

  it('contract 105: an end that is not deliberate is not told as closed', async () => {
    const running = await withStreams();
    const { put } = client(running);
    await put('/a', 'text/plain', 'x');
    const sse = await follow(running.port, '/api/v1x/a?offset=-1&live=sse');
    await sse.until(10);
    await running.call('DELETE', '/files?path=/s/a');
    expect(await sse.end()).not.toContain('streamClosed');
  });

  it('contract 105: refuses an append that could never be read', async () => {
    const { put, post } = client(await withStreams({}, { ring_buffer_size: '1KB' }));
    await put('/a', 'application/octet-stream');
    expect((await post('/a', 'application/octet-stream', Buffer.alloc(1025))).json().code).toBe('APPEND_TOO_LARGE');
    expect((await post('/a', 'application/octet-stream', Buffer.alloc(1024))).status).toBe(204);
  });
});
