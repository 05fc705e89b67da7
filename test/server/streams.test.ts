import { describe, expect, it } from 'vitest';
import { parseFrames } from '../e2e/harness/frames.ts';
import { waitFor } from '../harness/wait.ts';
import { connectTo } from '../harness/wire.ts';
import { follow, start } from './harness.ts';

const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };

describe('following a stream', () => {
  it('contract 68, 69: answers at once on an idle stream, with the headers of the original', async () => {
    const server = await start(STREAMS);
    const live = await follow(server.port, '/files?path=/s/live&stream=true');
    expect(live.res.statusCode).toBe(200);
    expect(live.res.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'transfer-encoding': 'chunked',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-stream-offset': '0',
    });
    await server.call('PUT', '/files?path=/s/live', { body: 'hello' });
    expect(await live.until(5)).toBe('hello');
    live.cut();
  });

  it('contract 25: starts where it is asked to', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/live', { body: 'one\ntwo\nthree\n' });
    await server.call('POST', '/end?path=/s/live');
    const read = async (parameters: string) =>
      (await server.call('GET', `/files?path=/s/live&stream=true&${parameters}`)).text;
    expect(await read('')).toBe('one\ntwo\nthree\n');
    expect(await read('from=earliest')).toBe('one\ntwo\nthree\n');
    expect(await read('from=live')).toBe('');
    expect(await read('offset=4&on_expired=skip')).toBe('two\nthree\n');
    expect(await read('last=6')).toBe('three\n');
    expect(await read('last=1KB')).toBe('one\ntwo\nthree\n');
    expect(await read('last_lines=2')).toBe('two\nthree\n');
  });

  it('contract 25: an offset no longer retained is 410 and names the earliest', async () => {
    const server = await start({ mounted: { '/s': { fstype: 'streamfs', config: { ring_buffer_size: '64KB' } } } });
    await server.call('PUT', '/files?path=/s/live', { body: Buffer.alloc(200_000, 'x') });
    const gone = await server.call('GET', '/files?path=/s/live&stream=true&offset=0');
    expect([gone.status, gone.json().code]).toEqual([410, 'OFFSET_GONE']);
    const earliest = gone.json().earliest as number;
    expect(earliest).toBeGreaterThan(0);
    const snapshot = await server.call('GET', `/files?path=/s/live&snapshot=true&offset=${earliest}`);
    expect([snapshot.status, snapshot.headers['x-stream-offset']]).toEqual([200, String(earliest)]);
    expect((await server.call('GET', '/files?path=/s/live&snapshot=true&offset=0')).status).toBe(410);
    await server.call('POST', '/end?path=/s/live');
    const skip = '/files?path=/s/live&stream=true&offset=0&on_expired=skip';
    const raw = await server.call('GET', skip);
    expect([raw.headers['x-stream-offset'], raw.trailers['x-stream-skipped']]).toEqual([
      String(earliest),
      String(earliest),
    ]);
    const framed = await server.call('GET', `${skip}&format=frames`);
    expect([framed.headers['x-stream-offset'], framed.body[0]]).toEqual(['0', 2]);
  });

  it('contract 90: a framed read begins with a gap over what is no longer retained, where that was asked for', async () => {
    const server = await start({ mounted: { '/s': { fstype: 'streamfs', config: { ring_buffer_size: '4B' } } } });
    await server.call('PUT', '/files?path=/s/live', { body: '0123456789' });
    await server.call('POST', '/end?path=/s/live');
    const read = async (parameters: string) => {
      const response = await server.call('GET', `/files?path=/s/live&stream=true&${parameters}`);
      const frames = parameters.includes('format=frames') ? parseFrames(response.body) : [];
      const first = frames[0]!;
      const gap = first?.type === 'gap' ? `${first.offset}-${first.payload.readBigUInt64BE(0)}` : undefined;
      return [response.headers['x-stream-offset'], gap, response.trailers['x-stream-skipped']];
    };
    // Not a loss of the reader: the bytes were dropped before it opened.
    expect(await read('format=frames')).toEqual(['0', '0-6', '0']);
    expect(await read('from=earliest&format=frames')).toEqual(['0', '0-6', '0']);
    expect(await read('last=5&format=frames')).toEqual(['5', '5-6', '0']);
    expect(await read('last=100&format=frames')).toEqual(['0', '0-6', '0']);
    expect(await read('last=4&format=frames')).toEqual(['6', undefined, '0']);
    expect(await read('last_lines=1&format=frames')).toEqual(['6', undefined, '0']);
    expect(await read('offset=6&format=frames')).toEqual(['6', undefined, '0']);
    expect(await read('offset=2&on_expired=skip&format=frames')).toEqual(['2', '2-6', '4']);
    expect(await read('from=earliest')).toEqual(['6', undefined, '0']);
    const facts = (await server.call('GET', '/stat?path=/s/live')).json();
    expect(facts).toMatchObject({ meta: { Content: { skipped_bytes: '4' } } });
  });

  it('contract 29: generation refuses a stream that was recreated', async () => {
    const server = await start(STREAMS);
    const written = await server.call('PUT', '/files?path=/s/live', { body: 'a' });
    const generation = String(written.headers['x-stream-generation']);
    expect(written.headers['x-stream-end-offset']).toBe('1');
    const same = await server.call('PUT', `/files?path=/s/live&generation=${generation}`, { body: 'b' });
    expect([same.status, same.headers['x-stream-end-offset']]).toEqual([200, '2']);
    await server.call('DELETE', '/files?path=/s/live');
    expect((await server.call('PUT', `/files?path=/s/live&generation=${generation}`, { body: 'c' })).status).toBe(404);
    await server.call('PUT', '/files?path=/s/live', { body: 'd' });
    for (const [method, mode] of [
      ['PUT', ''],
      ['GET', '&stream=true'],
      ['GET', '&snapshot=true'],
    ] as const) {
      const response = await server.call(method, `/files?path=/s/live&generation=${generation}${mode}`);
      expect([method, mode, response.status, response.json().code]).toEqual([method, mode, 409, 'STREAM_RECREATED']);
    }
    expect((await server.call('GET', '/files?path=/s/live&snapshot=true')).text).toBe('d');
  });

  it('contract 35, 36: creates an absent stream, but not with create=false', async () => {
    const server = await start(STREAMS);
    const none = await server.call('GET', '/files?path=/s/live&stream=true&create=false');
    expect([none.status, none.json().error]).toEqual([404, 'stream not found: /live']);
    expect((await server.call('PUT', '/files?path=/s/live&create=false', { body: 'x' })).status).toBe(404);
    expect((await server.call('GET', '/stat?path=/s/live')).status).toBe(404);
  });

  it('contract 26: a reader that vanishes is noticed at once', async () => {
    const server = await start(STREAMS);
    const readers = async () => {
      const { meta } = (await server.call('GET', '/stat?path=/s/live')).json() as {
        meta?: { Content: Record<string, string> };
      };
      return meta?.Content.active_readers;
    };
    await server.call('POST', '/files?path=/s/live');
    const live = await follow(server.port, '/files?path=/s/live&stream=true');
    expect(await readers()).toBe('1');
    live.cut();
    await waitFor(() =>
      server.log.some(
        ({ message, facts }) => message === 'request' && facts.route === '/api/v1/files' && facts.method === 'GET',
      ),
    );
    expect(await readers()).toBe('0');
  });

  it('contract 78: HEAD gives the headers of a read, creates nothing and reads nothing', async () => {
    const server = await start(STREAMS);
    expect((await server.call('HEAD', '/files?path=/s/live&stream=true')).status).toBe(404);
    expect((await server.call('GET', '/stat?path=/s/live')).status).toBe(404);
    await server.call('PUT', '/files?path=/s/live', { body: 'abc' });
    const head = await server.call('HEAD', '/files?path=/s/live&stream=true&format=frames');
    expect([head.status, head.headers['content-type']]).toEqual([200, 'application/vnd.streamfs.frames']);
    expect((await server.call('HEAD', '/files?path=/s/live')).status).toBe(400);
    expect((await server.call('HEAD', '/files?path=/s/live&snapshot=true')).headers['content-length']).toBe('3');
  });

  it('frames are asked for by format or by Accept', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/live&end=true', { body: 'abc' });
    const type = async (parameters: string, headers = {}) =>
      (await server.call('GET', `/files?path=/s/live&stream=true${parameters}`, { headers })).headers['content-type'];
    const accept = { Accept: 'text/html, application/vnd.streamfs.frames;q=0.9' };
    expect(await type('&format=frames')).toBe('application/vnd.streamfs.frames');
    expect(await type('', accept)).toBe('application/vnd.streamfs.frames');
    expect(await type('&format=raw', accept)).toBe('application/octet-stream');
    expect(await type('', { Accept: '*/*' })).toBe('application/octet-stream');
  });

  it('timeout ends a response to which nothing comes', async () => {
    const server = await start(STREAMS);
    const response = await server.call('GET', '/files?path=/s/live&stream=true&timeout=50ms');
    expect([response.status, response.text, response.trailers['x-stream-end']]).toEqual([200, '', 'timeout']);
  });

  it.each([
    'from=now',
    'offset=-1',
    'last=64K',
    'last_lines=-1',
    'on_lag=wait',
    'format=json',
    'heartbeat=x',
    'timeout=x',
    'create=maybe',
    'on_expired=x',
  ])('%s is refused by name, and nothing is created', async (parameter) => {
    const server = await start(STREAMS);
    const response = await server.call('GET', `/files?path=/s/live&stream=true&${parameter}`);
    expect([response.status, response.json().code]).toEqual([400, 'INVALID_PARAMETER']);
    expect(response.json().error).toContain(`invalid ${parameter.split('=')[0]} parameter: `);
    expect((await server.call('GET', '/stat?path=/s/live')).status).toBe(404);
  });

  it('contract 34: a plain read of a stream is refused; a snapshot gives what is retained', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/live', { body: 'abcdef' });
    const plain = await server.call('GET', '/files?path=/s/live');
    expect([plain.status, plain.json().error]).toEqual([400, 'use stream mode for reading stream files']);
    const snapshot = await server.call('GET', '/files?path=/s/live&snapshot=true&last=2');
    expect([snapshot.text, snapshot.headers['content-length'], snapshot.headers['x-stream-offset']]).toEqual([
      'ef',
      '2',
      '4',
    ]);
    expect((await server.call('GET', '/files?path=/s/absent&snapshot=true')).status).toBe(404);
    expect((await server.call('GET', '/stat?path=/s/absent')).status).toBe(404);
  });

  it('contract 43: README with stream=true sends the text and ends', async () => {
    const server = await start(STREAMS);
    const text = (await server.call('GET', '/files?path=/s/README')).text;
    expect((await server.call('GET', '/files?path=/s/README&stream=true')).text).toBe(text);
    expect((await server.call('PUT', '/files?path=/s/README', { body: 'x' })).status).toBe(403);
  });

  it('an endless device that is streamed delays no other reader', async () => {
    const server = await start({ mounted: { '/dev': 'devfs' } });
    const live = await follow(server.port, '/files?path=/dev/zero&stream=true');
    await live.until(1_000_000);
    expect((await server.call('GET', '/health')).status).toBe(200);
    live.cut();
  });
});

describe('writing a stream', () => {
  it('contract 70: a body without a length reaches readers as it arrives', async () => {
    const server = await start(STREAMS);
    const live = await follow(server.port, '/files?path=/s/live&stream=true');
    const upload = await connectTo(server.port);
    upload.send('PUT /api/v1/files?path=/s/live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    upload.send('3\r\nabc\r\n');
    expect(await live.until(3)).toBe('abc');
    upload.send('3\r\ndef\r\n');
    expect(await live.until(6)).toBe('abcdef');
    upload.send('0\r\n\r\n');
    expect(await upload.until('Written')).toContain('{"message":"Written 6 bytes"}');
    live.cut();
    upload.socket.destroy();
  });

  it('contract 70: a stream takes a body over the limit of other files', async () => {
    const server = await start({ ...STREAMS, maxRequestBodyBytes: 1000 });
    const response = await server.call('PUT', '/files?path=/s/live', { body: Buffer.alloc(500_000) });
    expect([response.status, response.json().message]).toEqual([200, 'Written 500000 bytes']);
  });

  it('contract 72: a body with nonsense in it keeps what had come, and the response says how much', async () => {
    const server = await start(STREAMS);
    const upload = await connectTo(server.port);
    upload.send('PUT /api/v1/files?path=/s/live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    upload.send('nonsense\r\n');
    const text = await upload.closed();
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(text).toContain('"written":3');
    expect(text).toContain('BODY_BROKE_OFF');
    expect((await server.call('GET', '/files?path=/s/live&snapshot=true')).text).toBe('abc');
  });

  it('contract 72: a client that stops sending half way learns what was written', async () => {
    const server = await start(STREAMS);
    const upload = await connectTo(server.port);
    upload.send('PUT /api/v1/files?path=/s/live&end=true HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc');
    upload.socket.end();
    expect(await upload.closed()).toContain('request body broke off: 3 bytes were written');
    expect((await server.call('PUT', '/files?path=/s/live', { body: 'more' })).status).toBe(200);
  });

  it('contract 72: a connection that is cut keeps what had come', async () => {
    const server = await start(STREAMS);
    const live = await follow(server.port, '/files?path=/s/live&stream=true');
    const upload = await connectTo(server.port);
    upload.send('PUT /api/v1/files?path=/s/live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    expect(await live.until(3)).toBe('abc');
    upload.socket.resetAndDestroy();
    await waitFor(() => server.log.some(({ facts }) => facts.method === 'PUT'));
    expect((await server.call('GET', '/files?path=/s/live&snapshot=true')).text).toBe('abc');
    live.cut();
  });

  it('contract 3, 29: ending gives readers the end, history stays, writing is 409', async () => {
    const server = await start(STREAMS);
    const live = await follow(server.port, '/files?path=/s/live&stream=true');
    await server.call('PUT', '/files?path=/s/live', { body: 'abc' });
    expect((await server.call('POST', '/end?path=/s/live')).json()).toEqual({ message: 'ended' });
    expect(await live.end()).toBe('abc');
    expect(live.res.trailers['x-stream-end']).toBe('ended');
    expect((await server.call('POST', '/end?path=/s/live')).status).toBe(200);
    const refused = await server.call('PUT', '/files?path=/s/live', { body: Buffer.alloc(3_000_000) });
    expect([refused.status, refused.json().error]).toEqual([409, 'stream is closed']);
    expect((await server.call('GET', '/files?path=/s/live&snapshot=true')).text).toBe('abc');
    expect((await server.call('POST', '/end?path=/s/absent')).status).toBe(404);
  });

  it.each([
    ['PUT', '/files?path=/s/live&end=true&end_status=exit%203', 'c'],
    ['POST', '/write?path=/s/live&end=true&end_status=exit%203', 'c'],
    ['POST', '/end?path=/s/live&end_status=exit%203', ''],
  ])('contract 100: %s %s: the status is in trailers, end frames and stat', async (method, target, body) => {
    const server = await start(STREAMS);
    const raw = await follow(server.port, '/files?path=/s/live&stream=true');
    const framed = await follow(server.port, '/files?path=/s/live&stream=true&format=frames');
    await server.call('PUT', '/files?path=/s/live', { body: 'ab' });
    expect((await server.call(method, target, { body })).status).toBe(200);
    await server.call('POST', '/end?path=/s/live&end_status=too%20late');
    expect(await raw.end()).toBe(`ab${body}`);
    expect(raw.res.trailers).toMatchObject({ 'x-stream-end': 'ended', 'x-stream-end-status': 'exit 3' });
    expect(await framed.end()).toMatch(/ended exit 3$/);
    const { Content } = (await server.call('GET', '/stat?path=/s/live')).json().meta as { Content: object };
    expect(Content).toMatchObject({ state: 'ended', end_status: 'exit 3' });
  });

  it('contract 100: an invalid or endless status is refused before anything is written', async () => {
    const server = await start(STREAMS);
    const codes = [];
    for (const query of ['end=true&end_status=a%0Ab', 'end=true&end_status=', 'end_status=exit%203']) {
      codes.push((await server.call('PUT', `/files?path=/s/live&${query}`, { body: 'x' })).json().code);
    }
    expect(codes).toEqual(['INVALID_PARAMETER', 'INVALID_PARAMETER', 'INVALID_PARAMETER']);
    expect((await server.call('GET', '/stat?path=/s/live')).status).toBe(404);
  });

  it('contract 100: a body that breaks off ends nothing, whatever it says of the end', async () => {
    const server = await start(STREAMS);
    const upload = await connectTo(server.port);
    upload.send(
      'PUT /api/v1/files?path=/s/live&end=true&end_status=exit%200 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    );
    await waitFor(async () => (await server.call('GET', '/files?path=/s/live&snapshot=true')).text === 'abc');
    upload.socket.resetAndDestroy();
    await waitFor(() => server.log.some(({ facts }) => facts.method === 'PUT'));
    const { Content } = (await server.call('GET', '/stat?path=/s/live')).json().meta as { Content: object };
    expect(Content).toMatchObject({ state: 'open' });
    expect(Content).not.toHaveProperty('end_status');
  });

  it('contract 3, 32: operations that streams do not support are 501 with the texts of the original', async () => {
    const server = await start(STREAMS);
    await server.call('POST', '/files?path=/s/live');
    const text = async (response: Promise<{ status: number; json: () => { error?: string } }>) => {
      const { status, json } = await response;
      return [status, json().error];
    };
    expect(await text(server.call('POST', '/mkdir?path=/s/d'))).toEqual([501, 'streamfs does not support directories']);
    expect(await text(server.post('/rename?path=/s/live', { newPath: '/s/b' }))).toEqual([
      501,
      'streamfs does not support rename',
    ]);
    expect(await text(server.post('/chmod?path=/s/live', { mode: 420 }))).toEqual([
      501,
      'streamfs does not support chmod',
    ]);
    expect(await text(server.call('POST', '/files?path=/s/live'))).toEqual([409, 'stream already exists: /live']);
    expect(await text(server.call('GET', '/directories?path=/s/live'))).toEqual([400, 'not a directory: /live']);
    expect(await text(server.call('DELETE', '/files?path=/s/absent'))).toEqual([404, 'stream not found: /absent']);
  });

  it('contract 44: live, /live and //live/ are one path; .. and control characters are refused', async () => {
    const server = await start(STREAMS);
    for (const path of ['s/live', '/s/live', '//s//live/', '/s/./live']) {
      await server.call('PUT', `/files?path=${path}`, { body: 'x' });
    }
    expect((await server.call('GET', '/stat?path=/s/live')).json().size).toBe(4);
    for (const path of ['/s/../s/live', '/s/a%00', '/s/a%0Ab']) {
      const response = await server.call('PUT', `/files?path=${path}`, { body: 'x' });
      expect([path, response.status, response.json().code]).toEqual([path, 400, 'INVALID_PATH']);
    }
    expect((await server.call('PUT', '/files?path=/s', { body: 'x' })).status).toBe(400);
  });
});
