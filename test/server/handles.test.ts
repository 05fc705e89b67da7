import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/fs/index.ts';
import { waitFor } from '../harness/wait.ts';
import { connectTo } from '../harness/wire.ts';
import { follow, type Running, start } from './harness.ts';

const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };

async function open(server: Running, path: string, parameters = ''): Promise<number> {
  const response = await server.call('POST', `/handles/open?path=${path}${parameters}`);
  expect(response.status).toBe(200);
  return response.json().handle_id as number;
}

const write = (server: Running, path: string, body: string) => server.call('PUT', `/files?path=${path}`, { body });

describe('opening a handle', () => {
  it('contract 48, 63: answers 200 with an id counting from 1 over all mounts, under both names', async () => {
    const server = await start(STREAMS);
    const first = await server.call('POST', '/handles/open?path=//s/live&flags=0&mode=420&lease=30');
    expect(first.status).toBe(200);
    expect(first.json()).toMatchObject({ handle_id: 1, id: 1, path: '//s/live', flags: 0, lease: 30 });
    for (const name of ['expires_at', 'created_at', 'last_access']) {
      expect(first.json()[name]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    }
    expect(await open(server, '/mem/a', '&flags=18')).toBe(2);
    expect(await open(server, '/s/live')).toBe(3);
  });

  it('contract 35: creates a stream that is absent', async () => {
    const server = await start(STREAMS);
    await open(server, '/s/new');
    expect((await server.call('GET', '/stat?path=/s/new')).status).toBe(200);
  });

  it('contract 49: accepts bits it does not know, and refuses what is not a number', async () => {
    const server = await start(STREAMS);
    for (const flags of [8, 16, 64, 2 | 64 | 512, 0x7fffffff]) await open(server, '/s/live', `&flags=${flags}`);
    for (const parameter of ['flags=rw', 'flags=-1', 'flags=2147483648', 'lease=0', 'lease=soon', 'mode=9999']) {
      const response = await server.call('POST', `/handles/open?path=/s/live&${parameter}`);
      expect([parameter, response.status, response.json().code]).toEqual([parameter, 400, 'INVALID_PARAMETER']);
      expect(response.json().error).toContain(`invalid ${parameter.split('=')[0]} parameter`);
    }
  });

  it('contract 60: handles are listed, limited, and leases cut at 300 seconds', async () => {
    const server = await start({ ...STREAMS, maxHandles: 2 });
    await open(server, '/s/a');
    expect((await server.call('POST', '/handles/open?path=/s/b&lease=999')).json().lease).toBe(300);
    const full = await server.call('POST', '/handles/open?path=/s/c');
    expect([full.status, full.json().error]).toEqual([429, 'too many open handles: 2 are allowed']);
    expect((await server.call('GET', '/handles')).json()).toMatchObject({
      count: 2,
      max: 2,
      handles: [
        { handle_id: 1, path: '/s/a' },
        { handle_id: 2, path: '/s/b' },
      ],
    });
  });

  it('contract 60: renew restarts the lease', async () => {
    const server = await start(STREAMS);
    const id = await open(server, '/s/a');
    expect((await server.call('POST', `/handles/${id}/renew?lease=120`)).json()).toMatchObject({
      handle_id: id,
      lease: 120,
    });
    expect((await server.call('POST', `/handles/${id}/renew`)).json()).toMatchObject({ lease: 120 });
    expect((await server.call('POST', `/handles/${id}/renew?lease=0`)).status).toBe(400);
    expect((await server.call('POST', '/handles/99/renew')).status).toBe(404);
  });

  it('contract 64: closing answers handle closed, then not found', async () => {
    const server = await start(STREAMS);
    const id = await open(server, '/s/a');
    expect((await server.call('GET', `/handles/${id}`)).json()).toMatchObject({ id, path: '/s/a' });
    expect((await server.call('DELETE', `/handles/${id}`)).json()).toEqual({ message: 'handle closed' });
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/read'],
      ['GET', '/stat'],
      ['POST', '/sync'],
      ['GET', '/stream'],
    ]) {
      const gone = await server.call(method!, `/handles/${id}${rest}`);
      expect([rest, gone.status, gone.json().error]).toEqual([rest, 404, 'not found']);
    }
  });

  it('contract 64: unmounting closes the handles of the mount, and no others', async () => {
    const server = await start(STREAMS);
    const stream = await open(server, '/s/a');
    const file = await open(server, '/mem/a', '&flags=18');
    await server.post('/unmount', { path: '/s' });
    expect((await server.call('GET', `/handles/${stream}`)).status).toBe(404);
    expect((await server.call('GET', `/handles/${file}`)).status).toBe(200);
  });

  it('an id that is not a number is 400, and an unknown operation 404', async () => {
    const { call } = await start();
    const response = await call('GET', '/handles/abc/read');
    expect([response.status, response.json().error]).toEqual([400, 'invalid handle ID: must be a number']);
    expect((await call('GET', '/handles/abc')).status).toBe(400);
    expect((await call('GET', '/handles/1/fly')).status).toBe(404);
    expect((await call('GET', '/handles/-1')).status).toBe(404);
  });
});

describe('reading a handle', () => {
  it('contract 49, 52, 53, 56: gives history first, from its position, with offsets and the end', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', '0123456789');
    const id = await open(server, '/s/live');
    const first = await server.call('GET', `/handles/${id}/read?size=4`);
    expect([first.status, first.text]).toEqual([200, '0123']);
    expect(first.headers).toMatchObject({
      'x-bytes-read': '4',
      'x-eof': 'false',
      'x-stream-offset': '0',
      'x-stream-skipped': '0',
    });
    const rest = await server.call('GET', `/handles/${id}/read`);
    expect([rest.text, rest.headers['x-stream-offset']]).toEqual(['456789', '4']);
    await server.call('POST', '/end?path=/s/live');
    const end = await server.call('GET', `/handles/${id}/read`);
    expect([end.text, end.headers['x-bytes-read'], end.headers['x-eof']]).toEqual(['', '0', 'true']);
  });

  it('contract 56: read-at leaves the position alone', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', '0123456789');
    const id = await open(server, '/s/live');
    expect((await server.call('GET', `/handles/${id}/read?offset=5&size=3`)).text).toBe('567');
    expect((await server.call('GET', `/handles/${id}/read?size=3`)).text).toBe('012');
  });

  it('contract 52, 53: waits for the given time, then returns 0 bytes and no end', async () => {
    const server = await start(STREAMS);
    const id = await open(server, '/s/live');
    const none = await server.call('GET', `/handles/${id}/read?timeout=0`);
    expect([none.status, none.text, none.headers['x-eof']]).toEqual([200, '', 'false']);
    const waiting = server.call('GET', `/handles/${id}/read?timeout=10s`);
    await write(server, '/s/live', 'now');
    expect((await waiting).text).toBe('now');
  });

  it('contract 54: a client that goes away while it waits loses nothing', async () => {
    // The clock advances at each look, so that two accesses are never at the same time.
    let time = systemClock.now();
    const clock = { ...systemClock, now: () => (time += 1) };
    const server = await start({ ...STREAMS, clock });
    const id = await open(server, '/s/live');
    const gone = await connectTo(server.port);
    gone.send(`GET /api/v1/handles/${id}/read?timeout=20s HTTP/1.1\r\nHost: x\r\n\r\n`);
    // A use in progress moves the expiry; once it does, the read is waiting.
    const lastAccess = server.handles.get(id).lastAccess.getTime();
    await waitFor(() => server.handles.get(id).lastAccess.getTime() > lastAccess);
    const waitingSince = server.handles.get(id).lastAccess.getTime();
    gone.socket.destroy();
    // The end of a use is an access as well: the read was given up, twenty seconds early.
    await waitFor(() => server.handles.get(id).lastAccess.getTime() > waitingSince);
    await write(server, '/s/live', 'abc');
    const read = await server.call('GET', `/handles/${id}/read`);
    expect([read.text, read.headers['x-stream-offset']]).toEqual(['abc', '0']);
  });

  it('contract 55: a read that waits delays no other request, and closing ends it', async () => {
    const server = await start(STREAMS);
    const id = await open(server, '/s/live', '&flags=2');
    const waiting = server.call('GET', `/handles/${id}/read?timeout=20s`);
    expect((await server.call('POST', `/handles/${id}/seek?offset=0&whence=1`)).status).toBe(200);
    expect((await server.call('GET', `/handles/${id}/stat`)).status).toBe(200);
    expect((await server.call('DELETE', `/handles/${id}`)).status).toBe(200);
    expect([200, 404, 409]).toContain((await waiting).status);
  });

  it('contract 59: sizes and offsets that make no sense are 400', async () => {
    const server = await start(STREAMS);
    const id = await open(server, '/s/live');
    for (const parameter of [
      'size=-2',
      'size=67108865',
      'size=x',
      'size=1e3',
      'offset=-1',
      'offset=x',
      'timeout=x',
      'timeout=-1',
    ]) {
      const response = await server.call('GET', `/handles/${id}/read?${parameter}`);
      expect([parameter, response.status, response.json().code]).toEqual([parameter, 400, 'INVALID_PARAMETER']);
    }
    expect((await server.call('GET', `/handles/${id}/read?size=0`)).headers['x-bytes-read']).toBe('0');
    expect((await server.call('GET', '/handles/99/read?size=0')).status).toBe(404);
  });

  it('contract 52: size -1 gives up to 1 MiB', async () => {
    const server = await start({ maxRequestBodyBytes: 4 * 1024 * 1024 });
    await server.call('PUT', '/files?path=/mem/a', { body: Buffer.alloc(3_000_000, 'x') });
    const id = await open(server, '/mem/a');
    expect((await server.call('GET', `/handles/${id}/read?size=-1`)).body.length).toBe(1024 * 1024);
  });

  it('contract 51: a handle that only writes reads 0 bytes', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', 'x');
    const id = await open(server, '/s/live', '&flags=1');
    const read = await server.call('GET', `/handles/${id}/read?timeout=0`);
    expect([read.status, read.headers['x-bytes-read']]).toEqual([200, '0']);
  });

  it('contract 78: HEAD of a read or a stream consumes nothing', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', 'abc');
    const id = await open(server, '/s/live');
    for (const operation of ['read', 'stream']) {
      expect((await server.call('HEAD', `/handles/${id}/${operation}`)).status).toBe(200);
      expect((await server.call('HEAD', `/handles/99/${operation}`)).status).toBe(404);
    }
    expect((await server.call('GET', `/handles/${id}/read`)).text).toBe('abc');
  });

  it('contract 78: HEAD of a read has the headers that the read would have now, and does not wait', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', 'abcdef');
    const id = await open(server, '/s/live');
    await server.call('POST', `/handles/${id}/seek?offset=2&whence=0`);
    const names = ['content-length', 'x-bytes-read', 'x-eof', 'x-stream-offset', 'x-stream-skipped'];
    const headers = async (method: string, parameters: string) => {
      const response = await server.call(method, `/handles/${id}/read${parameters}`);
      return [response.status, ...names.map((name) => response.headers[name])];
    };
    const head = await headers('HEAD', '?size=3');
    expect(head).toEqual([200, '3', '3', 'false', '2', '0']);
    expect(await headers('GET', '?size=3')).toEqual(head);
    expect(await headers('HEAD', '')).toEqual([200, '1', '1', 'false', '5', '0']);
    expect(await headers('HEAD', '?offset=6')).toEqual([200, '0', '0', 'false', '6', '0']);
    expect((await headers('HEAD', '?size=nonsense'))[0]).toBe(400);
  });

  it('contract 65, 78: HEAD of a handle stream has the headers that GET would have, also where that is refused', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', 'abcdef');
    const id = await open(server, '/s/live');
    await server.call('POST', `/handles/${id}/seek?offset=2&whence=0`);
    const head = await server.call('HEAD', `/handles/${id}/stream`);
    const live = await follow(server.port, `/handles/${id}/stream`);
    for (const name of ['x-stream-offset', 'x-stream-generation', 'content-type', 'trailer']) {
      expect([name, head.headers[name]]).toEqual([name, live.res.headers[name]]);
    }
    expect(head.headers['x-stream-offset']).toBe('2');
    for (const operation of ['stream', 'read']) {
      expect((await server.call('HEAD', `/handles/${id}/${operation}`)).status).toBe(409);
    }
    live.cut();
    await waitFor(async () => (await server.call('HEAD', `/handles/${id}/stream`)).status === 200);
  });
});

describe('writing a handle', () => {
  it('contract 1, 62: a stream appends whatever the offset, and says its end offset', async () => {
    const server = await start(STREAMS);
    const id = await open(server, '/s/live', '&flags=1');
    const put = (parameters: string, body: string) => server.call('PUT', `/handles/${id}/write${parameters}`, { body });
    expect((await put('', 'abc')).json()).toEqual({ bytes_written: 3, position: 3 });
    expect((await put('?offset=0', 'def')).json()).toEqual({ bytes_written: 3, position: 6 });
    expect((await put('', '')).json()).toEqual({ bytes_written: 0, position: 6 });
    expect((await server.call('GET', '/files?path=/s/live&snapshot=true')).text).toBe('abcdef');
  });

  it('a file is written at the position, or at an offset, across pieces', async () => {
    const server = await start({ maxRequestBodyBytes: 1024 * 1024 });
    const id = await open(server, '/mem/a', '&flags=18');
    const big = Buffer.alloc(300_000, 'ab');
    const written = await server.call('PUT', `/handles/${id}/write`, { body: big });
    expect(written.json()).toEqual({ bytes_written: 300_000, position: 300_000 });
    await server.call('PUT', `/handles/${id}/write?offset=1`, { body: Buffer.alloc(200_000, 'z') });
    const content = (await server.call('GET', '/files?path=/mem/a')).text;
    expect(content).toBe(`a${'z'.repeat(200_000)}${big.toString().slice(200_001)}`);
  });

  it('contract 51: a handle that only reads is refused, also with an empty body', async () => {
    const server = await start(STREAMS);
    const id = await open(server, '/s/live');
    for (const body of ['x', '']) {
      const response = await server.call('PUT', `/handles/${id}/write`, { body });
      expect([response.status, response.json().error]).toEqual([403, 'handle is not open for writing']);
    }
  });

  it('contract 50: the handle of README reads and seeks, and is never written', async () => {
    const server = await start(STREAMS);
    const id = await open(server, '/s/README', '&flags=2');
    expect((await server.call('GET', `/handles/${id}/read?size=8`)).text).toHaveLength(8);
    const end = await server.call('POST', `/handles/${id}/seek?offset=0&whence=2`);
    expect((await server.call('GET', `/handles/${id}/read`)).headers['x-eof']).toBe('true');
    expect(end.json().position).toBe((await server.call('GET', '/stat?path=/s/README')).json().size);
    expect((await server.call('PUT', `/handles/${id}/write`, { body: 'x' })).json().error).toBe(
      'stream not initialized',
    );
  });

  it('contract 70: a file takes no more than the limit through a handle, a stream any length', async () => {
    const server = await start({ ...STREAMS, maxRequestBodyBytes: 1000 });
    const file = await open(server, '/mem/a', '&flags=17');
    const stream = await open(server, '/s/live', '&flags=1');
    const body = Buffer.alloc(200_000, 'x');
    expect((await server.call('PUT', `/handles/${file}/write`, { body })).status).toBe(413);
    expect((await server.call('PUT', `/handles/${stream}/write`, { body })).json().bytes_written).toBe(200_000);
  });
});

describe('the other operations of a handle', () => {
  it('contract 58, 63: seek moves, and answers position and offset', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', '0123456789');
    const id = await open(server, '/s/live');
    const seek = (parameters: string) => server.call('POST', `/handles/${id}/seek?${parameters}`);
    expect((await seek('offset=4')).json()).toEqual({ position: 4, offset: 4 });
    expect((await seek('offset=2&whence=1')).json().position).toBe(6);
    expect((await seek('offset=-3&whence=2')).json().position).toBe(7);
    expect((await server.call('GET', `/handles/${id}/read`)).text).toBe('789');
    expect((await seek('')).json().error).toBe('offset parameter is required');
    expect((await seek('offset=x')).json().error).toMatch(/^invalid offset parameter/);
    const negative = await seek('offset=-1');
    expect([negative.status, negative.json().error]).toEqual([400, 'negative offset']);
    for (const whence of ['3', '-1', 'start', '1.0']) {
      const wrong = await seek(`offset=0&whence=${whence}`);
      expect([wrong.status, wrong.json().error]).toEqual([400, 'invalid whence parameter (must be 0, 1, or 2)']);
    }
  });

  it('contract 45, 58, 66: sync, stat and truncate answer as the original', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', 'abc');
    const id = await open(server, '/s/live', '&flags=2');
    expect((await server.call('POST', `/handles/${id}/sync`)).json()).toEqual({ message: 'synced' });
    expect((await server.call('GET', `/handles/${id}/stat`)).json()).toMatchObject({
      name: 'live',
      size: 3,
      mode: 420,
    });
    expect((await server.call('POST', `/handles/${id}/truncate?size=0`)).json()).toEqual({ message: 'truncated' });
    expect((await server.call('POST', `/handles/${id}/truncate`)).json().error).toBe('size parameter is required');
    expect((await server.call('GET', `/handles/${id}/stat`)).json().size).toBe(3);
  });

  it('contract 65: stream follows live from the position; a second user is 409', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', 'abcdef');
    const id = await open(server, '/s/live');
    await server.call('POST', `/handles/${id}/seek?offset=3`);
    const live = await follow(server.port, `/handles/${id}/stream`);
    expect(live.res.headers).toMatchObject({ 'transfer-encoding': 'chunked', 'x-stream-offset': '3' });
    expect(await live.until(3)).toBe('def');
    const second = await server.call('GET', `/handles/${id}/stream`);
    expect([second.status, second.json().code]).toEqual([409, 'HANDLE_BUSY']);
    await write(server, '/s/live', 'ghi');
    expect(await live.until(6)).toBe('defghi');
    await server.call('DELETE', `/handles/${id}`);
    expect(await live.end()).toBe('defghi');
  });

  it('contract 65: when a live read of a handle is cut, the handle can be streamed again', async () => {
    const server = await start(STREAMS);
    await write(server, '/s/live', 'abc');
    const id = await open(server, '/s/live');
    const live = await follow(server.port, `/handles/${id}/stream`);
    await live.until(3);
    live.cut();
    await waitFor(() => server.log.some(({ facts }) => facts.route === '/api/v1/handles/:id/stream'));
    await write(server, '/s/live', 'def');
    const again = await follow(server.port, `/handles/${id}/stream`);
    expect(again.res.statusCode).toBe(200);
    again.cut();
  });

  it('contract 10, 53: a read at an offset that is not retained any more is refused, though memory may still hold it', async () => {
    const config = { ring_buffer_size: 1, channel_buffer_size: 1 };
    const { call } = await start({ mounted: { '/s': { fstype: 'streamfs', config } } });
    await call('PUT', '/files?path=/s/a', { body: 'ah' });
    const id = Number((await call('POST', '/handles/open?path=/s/a&flags=0')).json().handle_id);
    const gone = await call('GET', `/handles/${id}/read?size=1&offset=0`);
    expect([gone.status, gone.json().code, gone.json().earliest]).toEqual([410, 'OFFSET_GONE', 1]);
    expect((await call('GET', `/handles/${id}/read?size=1&offset=1`)).text).toBe('h');
  });
});
