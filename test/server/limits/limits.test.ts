import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { MAX_OFFSET, MemoryBudget } from '../../../src/core/index.ts';
import { internalOf } from '../../../src/core/internal.ts';
import type { Plugin } from '../../../src/fs/index.ts';
import { LimitCounters } from '../../../src/fs/index.ts';
import { StreamFileSystem } from '../../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../../src/plugins/streamfs/settings.ts';
import { frameEncoding } from '../../../src/server/encoding/index.ts';
import { type LiveRead, LiveReads } from '../../../src/server/limits/live-reads.ts';
import { FakeClock } from '../../fs/fake-clock.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo, type Wire } from '../../harness/wire.ts';
import { follow, type Running, type StartOptions, start } from '../harness.ts';

const MB = 1024 * 1024;
const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };
const VERSION = 'GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n';

/** A server with access to its memory and its counters. */
async function bounded(limits: StartOptions['limits'], options: StartOptions = STREAMS) {
  const memory = new MemoryBudget(0);
  const counters = new LimitCounters();
  const server = await start({ ...options, memory, counters, limits: limits ?? {} });
  return { server, memory, counters };
}

/** The response of `GET /stats`. */
async function stats({ call }: Running): Promise<Record<string, number> & { limits: Record<string, number> }> {
  return (await call('GET', '/stats')).json() as never;
}

const NOTHING = { recent: () => [], forget: () => undefined };

const jsonOf = (response: string) =>
  JSON.parse(response.slice(response.indexOf('\r\n\r\n'))) as Record<string, unknown>;

/** A response that comes before the body of its request is complete. The server would wait for the rest for a while. */
async function refusalOf(upload: Wire): Promise<string> {
  const response = await upload.until('}');
  upload.socket.destroy();
  return response;
}

const SECOND = 1000;

/** Advances the clock until the server's sweep, once a second, has found the condition. */
async function lookingUntil(clock: FakeClock, condition: () => boolean): Promise<void> {
  await waitFor('what the next looks find', () => {
    clock.advance(SECOND);
    return condition();
  });
}

describe('too many connections', () => {
  it('one more is answered with 503 before it is closed, counted, and taken again when another has gone', async () => {
    const { server, counters } = await bounded({ connections: 2 });
    const first = await connectTo(server.port);
    await connectTo(server.port);
    const third = await connectTo(server.port);
    const response = await third.closed();
    expect(response).toMatch(/^HTTP\/1.1 503 [\s\S]*\r\nRetry-After: 1\r\n/);
    expect(jsonOf(response)).toMatchObject({ code: 'CONNECTION_LIMIT', limit: 'connections', max: 2 });
    expect(counters.get('connections')).toBe(1);
    first.socket.destroy();
    await waitFor(async () => (await server.call('GET', '/version')).status === 200);
  });

  it('the response reaches a client that had sent its request already, and the request is not carried out', async () => {
    const { server } = await bounded({ connections: 1 });
    const only = await connectTo(server.port);
    only.send('PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const late = await connectTo(server.port);
    late.send('PUT /api/v1/files?path=/s/refused HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx');
    expect(await late.closed()).toMatch(/^HTTP\/1.1 503 /);
    expect(await server.mounts.stat('/s/refused').catch((error) => error.code)).toBe('STREAM_NOT_FOUND');
    only.socket.destroy();
  });

  it('one that has had its responses and waits goes first', async () => {
    const { server, counters } = await bounded({ connections: 2 });
    const idle = await connectTo(server.port);
    idle.send(VERSION);
    await idle.until('9.8.7');
    const live = await follow(server.port, '/files?path=/s/live&stream=true');
    expect((await server.call('GET', '/version')).status).toBe(200);
    await idle.closed();
    expect(live.res.destroyed).toBe(false);
    expect(counters.get('connections')).toBe(0);
    live.cut();
  });

  it('beyond a few that get a response the rest is closed, and none is left behind', async () => {
    const { server, counters, memory } = await bounded({ connections: 1 });
    const only = await connectTo(server.port);
    const refused = await Promise.all(Array.from({ length: 100 }, () => connectTo(server.port).catch(() => undefined)));
    const responses = await Promise.all(refused.map((one) => one?.closed() ?? ''));
    expect(responses.filter((response) => response.includes('CONNECTION_LIMIT')).length).toBeGreaterThan(0);
    await waitFor(() => counters.get('connections') === 100);
    expect(server.log.filter(({ message }) => message === 'connections refused').length).toBeLessThan(5);
    only.socket.destroy();
    await waitFor(() => memory.fixed === 0);
  });

  it('from one address: 429', async () => {
    const { server, counters } = await bounded({ connectionsPerAddress: 1 });
    const first = await connectTo(server.port);
    const second = await connectTo(server.port);
    expect(jsonOf(await second.closed())).toMatchObject({ code: 'ADDRESS_LIMIT', limit: 'connections_per_address' });
    expect(counters.get('connections_per_address')).toBe(1);
    first.socket.destroy();
    await waitFor(async () => (await server.call('GET', '/version')).status === 200);
  });
});

describe('headers', () => {
  it('that are too large are refused with 431, and a path that is with 414; both name the limit', async () => {
    const { server, counters } = await bounded({ headerSize: 2000 });
    const big = await connectTo(server.port);
    big.send(`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(3000)}\r\n\r\n`);
    expect(jsonOf(await big.closed())).toMatchObject({ code: 'HEADERS_TOO_LARGE', limit: 'header_size', max: 2000 });
    const long = await connectTo(server.port);
    long.send(`GET /${'x'.repeat(3000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const response = await long.closed();
    expect(response).toMatch(/^HTTP\/1.1 414 /);
    expect(jsonOf(response)).toMatchObject({ code: 'PATH_TOO_LONG', limit: 'header_size', max: 2000 });
    expect(counters.get('header_size')).toBe(2);
  });

  it.each([
    ['nothing is sent', ''],
    ['they stop in the middle', 'GET /api/v1/version HTTP/1.1\r\nHost: x\r\nX-'],
  ])('that do not come in time are cut with 408: %s', async (_, sent) => {
    const { server, counters } = await bounded({ headerTimeout: 60 });
    const slow = await connectTo(server.port);
    slow.send(sent);
    const response = await slow.closed();
    expect(response).toMatch(/^HTTP\/1.1 408 /);
    expect(jsonOf(response)).toMatchObject({ code: 'REQUEST_TIMEOUT', limit: 'header_timeout', max: 0.06 });
    expect(counters.get('header_timeout')).toBe(1);
  });

  it('of a large number are all read, up to their size', async () => {
    const { server } = await bounded({ headerSize: 200_000, headerLines: 0 });
    const many = await connectTo(server.port);
    const lines = Array.from({ length: 5000 }, (_, n) => `x${n}: 1\r\n`).join('');
    many.send(`GET /api/v1/version HTTP/1.1\r\n${lines}Host: x\r\nConnection: close\r\n\r\n`);
    expect(await many.closed()).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe('a body that stands still', () => {
  const begin = async (server: Running, target: string) => {
    const upload = await connectTo(server.port);
    upload.send(`PUT /api/v1${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc`);
    return upload;
  };

  it('for an ordinary file is given up with 408, and the file is as it was', async () => {
    const { server, counters } = await bounded({ bodyTimeout: 60 });
    const upload = await begin(server, '/files?path=/mem/a');
    const response = await refusalOf(upload);
    expect(jsonOf(response)).toMatchObject({ code: 'BODY_TIMEOUT', limit: 'body_timeout', written: 3 });
    expect(counters.get('body_timeout')).toBe(1);
    expect((await server.call('GET', '/stat?path=/mem/a')).status).toBe(404);
  });

  it('for a stream waits by default, and with its own timeout keeps what has come', async () => {
    const patient = await bounded({ bodyTimeout: 60 });
    const live = await begin(patient.server, '/files?path=/s/live');
    const other = await begin(patient.server, '/files?path=/mem/a');
    await refusalOf(other);
    expect(live.socket.destroyed).toBe(false);
    live.send('x'.repeat(997));
    expect(await live.until('Written')).toContain('Written 1000 bytes');
    live.socket.destroy();

    const strict = await bounded({ streamBodyTimeout: 60 });
    const quiet = await begin(strict.server, '/files?path=/s/live&atomic=lines');
    expect(jsonOf(await refusalOf(quiet))).toMatchObject({ code: 'BODY_TIMEOUT', written: 3 });
    expect((await strict.server.call('GET', '/files?path=/s/live&snapshot=true')).text).toBe('abc\n');
  });

  it('that is JSON is given up too', async () => {
    const { server } = await bounded({ bodyTimeout: 60 });
    const upload = await connectTo(server.port);
    upload.send('POST /api/v1/mount HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{');
    expect(jsonOf(await refusalOf(upload))).toMatchObject({ code: 'BODY_TIMEOUT', limit: 'body_timeout' });
  });

  it('while the file makes it wait is not blamed', async () => {
    const { server } = await bounded(
      { streamBodyTimeout: 100 },
      { mounted: { '/s': { fstype: 'streamfs', config: { channel_buffer_size: '64KB', block_timeout: '24h' } } } },
    );
    const source = await server.mounts.openStream('/s/live', { onLag: 'block' });
    if (source.kind !== 'live') throw new Error('not live');
    const reader = internalOf(source.reader);
    while (reader.peek() !== undefined);
    const upload = await connectTo(server.port);
    upload.send('PUT /api/v1/files?path=/s/live HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
    upload.send(Buffer.alloc(1_000_000, 'x'));
    await waitFor(() => reader.lag >= 64 * 1024);
    // Meanwhile another connection, which has stalled by itself, is closed.
    const idle = await begin(server, '/files?path=/s/other');
    await refusalOf(idle);
    expect(upload.socket.destroyed).toBe(false);
    reader.close();
    expect(await upload.until('Written')).toContain('Written 1000000 bytes');
    upload.socket.destroy();
  });
});

describe('contract 27: a peer that takes nothing', () => {
  const fill = async (server: Running, path: string, size: number) => {
    await server.mounts.write(path, new Uint8Array(size));
  };

  it('is cut after the stall timeout with its reader; one that reads on, and one that is idle, stay', async () => {
    const { server, counters } = await bounded({ stallTimeout: 300 });
    const idle = await follow(server.port, '/files?path=/s/quiet&stream=true');
    const stalled = await connectTo(server.port);
    stalled.socket.pause();
    stalled.send('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    const good = await follow(server.port, '/files?path=/s/live&stream=true');
    const readers = async () => (await server.mounts.stat('/s/live')).meta.Content?.active_readers;
    await waitFor(async () => (await readers()) === '2');
    for (let n = 0; n < 5; n++) await fill(server, '/s/live', 4 * MB);
    await waitFor(() => counters.get('stall_timeout') === 1);
    await waitFor(async () => (await readers()) === '1');
    await fill(server, '/s/live', 3);
    expect(good.res.destroyed).toBe(false);
    expect(idle.res.destroyed).toBe(false);
    expect(server.log.find(({ message }) => message === 'stalled connections closed')).toMatchObject({
      level: 'warn',
      facts: { count: 1 },
    });
    stalled.socket.destroy();
    good.cut();
    idle.cut();
  });

  it.each([
    ['a large file', '/files?path=/mem/big'],
    ['a large file as a stream', '/files?path=/mem/big&stream=true'],
    ['/dev/zero', '/files?path=/dev/zero&stream=true'],
  ])('is cut in the middle of %s as well, and gives back its memory', async (_, target) => {
    const { server, counters, memory } = await bounded(
      { stallTimeout: 200 },
      { mounted: { '/mem': 'memfs', '/dev': 'devfs' } },
    );
    await fill(server, '/mem/big', 32 * MB);
    const before = memory.fixed;
    const stalled = await connectTo(server.port);
    stalled.socket.pause();
    stalled.send(`GET /api/v1${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waitFor(() => memory.fixed > before);
    await waitFor(() => counters.get('stall_timeout') === 1 && memory.fixed === before);
    stalled.socket.destroy();
  });

  it.each([
    ['a file', '/files?path=/mem/big'],
    ['a live read', '/files?path=/s/big&stream=true'],
  ])('of %s, but keeps sending requests, is cut all the same', async (_, target) => {
    const config = { ring_buffer_size: '32MB' };
    const { server, counters } = await bounded(
      { stallTimeout: 200 },
      { mounted: { '/mem': 'memfs', '/s': { fstype: 'streamfs', config } } },
    );
    await fill(server, target.includes('/mem') ? '/mem/big' : '/s/big', 32 * MB);
    const stalled = await connectTo(server.port);
    stalled.socket.pause();
    stalled.send(`GET /api/v1${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const more = setInterval(() => stalled.send(VERSION), 5);
    await waitFor(() => counters.get('stall_timeout') === 1);
    clearInterval(more);
    stalled.socket.destroy();
  });

  it('is not blamed for the time in which the event loop stood still', async () => {
    const clock = new FakeClock();
    const { server, counters } = await bounded({ stallTimeout: 400 }, { ...STREAMS, clock });
    await fill(server, '/mem/big', 32 * MB);
    const slow = await connectTo(server.port);
    slow.socket.pause();
    slow.send('GET /api/v1/files?path=/mem/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await waitFor(async () => (await stats(server)).connections === 2);
    // The server has noticed that data is queued for the peer.
    clock.advance(100);
    clock.standStill(1500);
    clock.advance(0);
    slow.socket.resume();
    expect((await slow.closed()).length).toBeGreaterThan(32 * MB);
    expect(counters.get('stall_timeout')).toBe(0);
  });

  it('but that begins to read again before the timeout gets all of it', async () => {
    const { server, counters } = await bounded({ stallTimeout: 60_000 });
    await fill(server, '/mem/big', 32 * MB);
    const slow = await connectTo(server.port);
    const accepted = once(slow.socket, 'readable');
    slow.socket.pause();
    slow.send('GET /api/v1/files?path=/mem/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await Promise.race([accepted, new Promise((resolve) => setImmediate(resolve))]);
    slow.socket.resume();
    expect((await slow.closed()).length).toBeGreaterThan(32 * MB);
    expect(counters.get('stall_timeout')).toBe(0);
  });
});

describe('memory that stays because it waits in sockets', () => {
  /** A read of several buffers of a megabyte that are no longer in the ring. */
  const read = (...buffers: Uint8Array[]) =>
    ({ socket: {} as Socket, socketOnlyMemory: () => buffers, shared: NOTHING }) as unknown as LiveRead;

  it('is counted once, however many wait for it', () => {
    const memory = new MemoryBudget(64 * MB);
    const reads = new LiveReads(0, memory);
    const [a, b] = [new Uint8Array(MB), new Uint8Array(MB)];
    for (const one of [read(a), read(a, b), read(b)]) reads.add(one);
    reads.settle(
      () => 0,
      () => expect.unreachable(),
    );
    expect(memory.queued).toBe(2 * MB);
  });

  it('beyond an eighth of all goes, with those that have stood still longest', () => {
    const memory = new MemoryBudget(16 * MB);
    const reads = new LiveReads(0, memory);
    const all = Array.from({ length: 5 }, () => read(new Uint8Array(MB)));
    for (const one of all) reads.add(one);
    const since = new Map(all.map((one, n) => [one.socket, (n * 3) % 5]));
    const cut: number[] = [];
    reads.settle(
      (socket) => since.get(socket)!,
      (socket) => cut.push(since.get(socket)!),
    );
    expect(cut).toEqual([0, 1, 2]);
    expect(memory.queued).toBe(2 * MB);
  });

  it('of a file that many are sent is charged once, and given back with the last', () => {
    const memory = new MemoryBudget(64 * MB);
    const held = memory.shared;
    const file = new Uint8Array(MB);
    held.hold(file);
    held.hold(file.subarray(10));
    expect(memory.fixed).toBe(MB);
    held.release(file);
    expect(memory.fixed).toBe(MB);
    held.release(file.subarray(10));
    expect(memory.fixed).toBe(0);
    expect(() => held.hold(new Uint8Array(63 * MB))).toThrow('no memory left');
  });
});

describe('memory of encoded runs for many readers', () => {
  it('counts as queued, once, and is released if there is no room for it', () => {
    const memory = new MemoryBudget(16 * MB);
    const reads = new LiveReads(0, memory);
    const laid = [new Uint8Array(MB), new Uint8Array(MB / 2)];
    const shared = { recent: () => laid, forget: vi.fn() };
    const one = { socket: {} as Socket, socketOnlyMemory: () => [laid[0]!], shared } as unknown as LiveRead;
    const other = { socket: {} as Socket, socketOnlyMemory: () => [], shared } as unknown as LiveRead;
    for (const read of [one, other]) reads.add(read);
    const settle = (incoming: number) =>
      reads.settle(
        () => 0,
        () => expect.unreachable(),
        incoming,
      );
    settle(0);
    expect(memory.queued).toBe(1.5 * MB);
    expect(shared.forget).not.toHaveBeenCalled();
    settle(MB * 0.75);
    expect(memory.queued).toBe(1.75 * MB);
    expect(shared.forget).toHaveBeenCalledTimes(1);
  });

  it('is given back when the stream is quiet, although its readers stay', async () => {
    const clock = new FakeClock();
    const { server, memory } = await bounded({}, { ...STREAMS, clock });
    const readers = await Promise.all(
      Array.from({ length: 10 }, () => follow(server.port, '/files?path=/s/a&stream=true')),
    );
    // Until the sweep has measured it.
    while (memory.queued < 128 * 1024) {
      await server.call('PUT', '/files?path=/s/a', { body: Buffer.alloc(MB) });
      clock.advance(SECOND);
    }
    await lookingUntil(clock, () => memory.queued === 0);
    for (const reader of readers) reader.cut();
  });
});

describe('memory of bodies that are only partly here', () => {
  const head = (path: string, length: number) =>
    `PUT /api/v1/files?path=${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;

  it('counts as what waits; of too much the bodies go that have stood still longest, told so, with what they were', async () => {
    const memory = new MemoryBudget(4 * MB);
    const counters = new LimitCounters();
    const clock = new FakeClock();
    const server = await start({ ...STREAMS, memory, counters, clock });
    const part = Buffer.alloc(60_000, 'x');
    const send = async (path: string) => {
      const one = await connectTo(server.port);
      one.send(head(path, 65_536));
      one.send(part);
      return one;
    };
    const first = await send('/s/first');
    await lookingUntil(clock, () => memory.queued >= 65_536);
    const others: Wire[] = [];
    // A sixteenth is 256 KiB: room for four.
    for (let n = 0; n < 4; n++) others.push(await send(`/s/${n}`));
    const refused = refusalOf(first);
    await lookingUntil(clock, () => counters.get('memory') === 1);
    const response = await refused;
    expect(response).toMatch(/^HTTP\/1.1 503 /);
    expect(jsonOf(response)).toMatchObject({ code: 'MEMORY_LIMIT', limit: 'memory', max: 4 * MB, written: 60_000 });
    expect(counters.get('memory')).toBe(1);
    expect(memory.queued).toBeLessThanOrEqual(4 * 65_536);
    for (const one of others) one.send(Buffer.alloc(5_536, 'y'));
    for (const one of others) await one.until('Written 65536 bytes');
    await lookingUntil(clock, () => memory.queued === 0);
    for (const one of others) one.socket.destroy();
  });

  it('of one that is short is its own length, not that of a chunk', async () => {
    const clock = new FakeClock();
    const { server, memory } = await bounded({}, { ...STREAMS, clock });
    const slow = await Promise.all(Array.from({ length: 20 }, () => connectTo(server.port)));
    for (const one of slow) one.send(`${head('/s/a', 2)}x`);
    await lookingUntil(clock, () => memory.queued === 20 * 2);
    for (const one of slow) one.socket.destroy();
  });

  it('that is not read yet, after a slow request, counts too', async () => {
    const clock = new FakeClock();
    const { server, memory } = await bounded({}, { ...STREAMS, clock });
    const { handle_id: id } = (await server.call('POST', '/handles/open?path=/s/a')).json();
    const one = await connectTo(server.port);
    one.send(`GET /api/v1/handles/${id}/read?timeout=60s HTTP/1.1\r\nHost: x\r\n\r\n`);
    one.send(head('/s/b', MB));
    one.send(Buffer.alloc(MB));
    await lookingUntil(clock, () => memory.queued >= 64 * 1024);
    expect(memory.queued).toBeLessThan(MB / 2);
    await server.call('PUT', '/files?path=/s/a', { body: 'x' });
    await one.until(`Written ${MB} bytes`);
    await lookingUntil(clock, () => memory.queued === 0);
    one.socket.destroy();
  });
});

describe('memory that runs short', () => {
  const tight = async () => {
    const memory = new MemoryBudget(4 * MB);
    const server = await start({ ...STREAMS, memory, maxRequestBodyBytes: 16 * MB });
    return { server, memory };
  };

  it('refuses what an ordinary file would need with 507, and takes it when another is gone', async () => {
    const { server } = await tight();
    const put = (path: string, size: number) =>
      server.call('PUT', `/files?path=${path}`, { body: Buffer.alloc(size, 'x') });
    expect((await put('/mem/a', MB)).status).toBe(200);
    const refused = await put('/mem/b', 2 * MB);
    expect([refused.status, refused.json()]).toMatchObject([507, { code: 'STORAGE_FULL', limit: 'memory' }]);
    expect((await server.call('GET', '/stat?path=/mem/b')).status).toBe(404);
    await server.call('DELETE', '/files?path=/mem/a');
    expect((await put('/mem/b', 1.2 * MB)).status).toBe(200);
  });

  it('never refuses an append, and tells a reader what it has cost', async () => {
    const { server } = await tight();
    const reader = await follow(server.port, '/files?path=/s/a&stream=true&timeout=0');
    expect(await reader.end()).toBe('');
    for (let n = 0; n < 8; n++) {
      const { status } = await server.call('PUT', '/files?path=/s/a', { body: Buffer.alloc(MB, 'x') });
      expect(status).toBe(200);
    }
    const late = await follow(server.port, '/files?path=/s/a&stream=true&offset=0&on_expired=skip&timeout=0');
    const got = (await late.end()).length;
    expect(got).toBeGreaterThan(MB);
    expect(Number(late.res.trailers['x-stream-skipped'])).toBe(8 * MB - got);
    const { memory } = (await stats(server)) as unknown as { memory: Record<string, number> };
    expect(memory.used).toBeLessThanOrEqual(4 * MB);
    expect(memory).toMatchObject({ limit: 4 * MB, given_up: expect.any(Number) });
    expect(memory.given_up).toBeGreaterThan(MB);
  });

  it.each([
    // Each client has a part of it queued, however long it is.
    ['a whole listing, a part at a time', '', MB / 16],
    ['a page of a listing', '&limit=2000', 2 * MB],
  ])('is charged with %s, while it is sent', async (_, page, least) => {
    const { server, memory } = await bounded({});
    for (let n = 0; n < 2000; n++) await server.mounts.create(`/s/${String(n).padEnd(250, 'x')}`);
    const before = memory.fixed;
    const all = await Promise.all(Array.from({ length: 4 }, () => connectTo(server.port)));
    for (const stalled of all) {
      stalled.socket.pause();
      stalled.send(`GET /api/v1/directories?path=/s${page} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(40));
    }
    await waitFor(() => memory.fixed > before + least);
    for (const stalled of all) stalled.socket.destroy();
    await waitFor(() => memory.fixed === before);
  });

  it.each([
    ['a live read', '/files?path=/s/b&stream=true'],
    ['a file as a stream', '/files?path=/mem/big&stream=true'],
    ['a file', '/files?path=/mem/big'],
  ])(
    'is not taken by %s that waits after another response, and nothing is left when its client disconnects',
    async (_, target) => {
      const { server, memory } = await bounded({});
      await server.mounts.write('/mem/big', new Uint8Array(MB));
      const before = memory.fixed;
      const one = await connectTo(server.port);
      // A request with an id is not served by the fast path; behind one that is, nothing waits.
      for (const each of ['/files?path=/s/a&stream=true', target]) {
        one.send(`GET /api/v1${each} HTTP/1.1\r\nHost: x\r\nX-Request-Id: 1\r\n\r\n`);
      }
      await waitFor(async () => (await stats(server)).connections === 2);
      await waitFor(async () => (await stats(server)).readers === 1);
      one.socket.destroy();
      await waitFor(async () => (await stats(server)).readers === 0);
      await waitFor(() => memory.fixed === before);
    },
  );

  it('refuses a response that does not fit in addition to the others with 503, and a body of JSON', async () => {
    const { server } = await tight();
    await server.mounts.write('/mem/a', new Uint8Array(1.4 * MB));
    await server.mounts.write('/s/a', new Uint8Array(1.5 * MB));
    const response = await server.call('GET', '/files?path=/s/a&snapshot=true');
    expect([response.status, response.json()]).toMatchObject([503, { code: 'MEMORY_LIMIT', limit: 'memory' }]);
    expect(response.headers['retry-after']).toBe('1');
    const body = JSON.stringify({ data: 'x'.repeat(900_000) });
    const headers = { 'Content-Type': 'application/json' };
    expect((await server.call('POST', '/write?path=/mem/b', { body, headers })).json()).toMatchObject({
      code: 'MEMORY_LIMIT',
    });
    await server.call('DELETE', '/files?path=/mem/a');
    expect((await server.call('POST', '/write?path=/mem/b', { body: '{"data":"x"}', headers })).status).toBe(200);
  });
});

describe('readers and mounts', () => {
  it('too many live reads in all: 503, until one has gone', async () => {
    const { server, counters } = await bounded({ readers: 1 });
    const first = await follow(server.port, '/files?path=/s/a&stream=true');
    const refused = await server.call('GET', '/files?path=/s/b&stream=true');
    expect([refused.status, refused.json()]).toMatchObject([503, { code: 'READER_LIMIT', limit: 'readers', max: 1 }]);
    expect((await server.call('GET', '/stat?path=/s/b')).status).toBe(404);
    expect(counters.get('readers')).toBe(1);
    expect(await stats(server)).toMatchObject({ readers: 1, limits: { readers: 1 } });
    first.cut();
    const handle = (await server.call('POST', '/handles/open?path=/s/a')).json();
    await waitFor(async () => (await server.call('GET', `/handles/${handle.id}/stream?timeout=0`)).status === 200);
    await waitFor(() => counters.get('readers') >= 1);
    expect((await server.call('GET', '/files?path=/mem/none&stream=true')).status).toBe(404);
    expect(await stats(server)).toMatchObject({ readers: 0 });
  });

  it('too many of one stream, and too many streams: 429, until one has gone', async () => {
    const config = { max_streams: 1, max_readers: 1 };
    const { server, counters } = await bounded({}, { mounted: { '/s': { fstype: 'streamfs', config } } });
    const first = await follow(server.port, '/files?path=/s/a&stream=true');
    const readers = await server.call('GET', '/files?path=/s/a&stream=true');
    expect([readers.status, readers.json()]).toMatchObject([429, { code: 'STREAM_READER_LIMIT', max: 1 }]);
    expect((await server.call('POST', '/handles/open?path=/s/a&flags=0')).status).toBe(429);
    expect((await server.call('POST', '/handles/open?path=/s/a&flags=1')).status).toBe(200);
    const streams = await server.call('PUT', '/files?path=/s/b', { body: 'x' });
    expect([streams.status, streams.json()]).toMatchObject([429, { code: 'STREAM_LIMIT', limit: 'streams', max: 1 }]);
    expect(counters.get('stream_readers')).toBe(2);
    expect(counters.get('streams')).toBe(1);
    first.cut();
    await server.call('DELETE', '/files?path=/s/a');
    expect((await server.call('PUT', '/files?path=/s/b', { body: 'x' })).status).toBe(200);
  });

  it('too many mounts: 429, until one has gone', async () => {
    const server = await start({ ...STREAMS, maxMounts: 3 });
    expect((await server.post('/mount', { fstype: 'memfs', path: '/a' })).status).toBe(200);
    const refused = await server.post('/mount', { fstype: 'memfs', path: '/b' });
    expect([refused.status, refused.json()]).toMatchObject([429, { code: 'MOUNT_LIMIT', limit: 'mounts', max: 3 }]);
    expect(await stats(server)).toMatchObject({ limits: { mounts: 1 } });
    await server.post('/unmount', { path: '/a' });
    expect((await server.post('/mount', { fstype: 'memfs', path: '/b' })).status).toBe(200);
  });

  it('too many handles: 429, until one has gone', async () => {
    const server = await start({ ...STREAMS, maxHandles: 1 });
    const open = () => server.call('POST', '/handles/open?path=/s/a');
    const first = (await open()).json();
    const refused = await open();
    expect([refused.status, refused.json()]).toMatchObject([429, { code: 'HANDLE_LIMIT', limit: 'handles', max: 1 }]);
    expect(refused.headers['retry-after']).toBe('1');
    await server.call('DELETE', `/handles/${first.id}`);
    expect((await open()).status).toBe(200);
    expect(await stats(server)).toMatchObject({ handles: 1, limits: { handles: 1 } });
  });

  it('a path that is too long or too deep: 414, wherever it stands', async () => {
    const { server, counters } = await bounded({});
    const long = `/s/${'a/'.repeat(30)}${'x'.repeat(250)}/`.padEnd(4100, 'y'.repeat(200).concat('/'));
    const response = await server.call('PUT', `/files?path=${long}`, { body: 'x' });
    expect([response.status, response.json()]).toMatchObject([
      414,
      { code: 'PATH_TOO_LONG', limit: 'path_length', max: 4096 },
    ]);
    const deep = await server.call('PUT', `/files?path=/s${'/a'.repeat(64)}`, { body: 'x' });
    expect([deep.status, deep.json()]).toMatchObject([414, { code: 'PATH_TOO_DEEP', limit: 'path_depth', max: 64 }]);
    expect((await server.post('/mount', { fstype: 'memfs', path: '/a'.repeat(65) })).status).toBe(414);
    expect([counters.get('path_length'), counters.get('path_depth')]).toEqual([1, 2]);
  });

  it('contract 36: a request says whether a handle may create what is absent', async () => {
    const { server } = await bounded({});
    for (const path of ['/s/a', '/mem/a']) {
      expect((await server.call('POST', `/handles/open?path=${path}&flags=2&create=false`)).status).toBe(404);
      expect((await server.call('POST', `/handles/open?path=${path}&flags=2&create=true`)).status).toBe(200);
    }
    // By default a stream is created and an ordinary file is not (contract 35, 91).
    expect((await server.call('POST', '/handles/open?path=/s/b&flags=2')).status).toBe(200);
    expect((await server.call('POST', '/handles/open?path=/mem/b&flags=2')).status).toBe(404);
  });
});

describe('contract 15: the largest offset', () => {
  it('over HTTP: what does not fit is 409 and not written; readers get every byte up to it, and the offsets are exact', async () => {
    const firstOffset = MAX_OFFSET - 100;
    const late: Plugin = {
      name: 'late',
      readme: 'late - streams that are almost full',
      configParameters: [],
      validate: () => undefined,
      initialize: async (_config, context) => {
        const fileSystem = new StreamFileSystem({ ...parseSettings({}), firstOffset }, context);
        return { fileSystem, shutdown: async () => fileSystem.shutdown() };
      },
    };
    const server = await start({ mounted: { '/s': 'late' }, plugins: [late] });
    const put = (size: number) => server.call('PUT', '/files?path=/s/a', { body: 'x'.repeat(size) });
    const first = await put(60);
    expect(first.headers['x-stream-end-offset']).toBe(String(MAX_OFFSET - 40));
    const refused = await put(41);
    expect([refused.status, refused.json()]).toMatchObject([409, { code: 'STREAM_FULL' }]);
    // An append that fits is still accepted: the stream is full at the last byte, not before.
    expect((await put(40)).headers['x-stream-end-offset']).toBe('9007199254740991');
    expect((await put(1)).status).toBe(409);
    expect((await put(0)).status).toBe(200);

    const raw = await follow(server.port, `/files?path=/s/a&stream=true&offset=${MAX_OFFSET - 50}&timeout=0`);
    expect(raw.res.headers['x-stream-offset']).toBe('9007199254740941');
    expect(await raw.end()).toBe('x'.repeat(50));
    expect(raw.res.trailers).toMatchObject({ 'x-stream-end': 'timeout', 'x-stream-end-offset': '9007199254740991' });

    const waiting = await follow(server.port, `/files?path=/s/a&stream=true&offset=${MAX_OFFSET}&format=frames`);
    await server.call('POST', '/end?path=/s/a');
    const frames = Buffer.from(await waiting.end(), 'latin1');
    const caughtUp = frameEncoding.control!.caughtUp(MAX_OFFSET, { generation: undefined })!;
    expect(
      frames.equals(
        Buffer.concat([
          caughtUp,
          frameEncoding.control!.end(
            { reason: 'ended', offset: MAX_OFFSET, skippedBytes: 0 },
            { generation: undefined },
          )!,
        ]),
      ),
    ).toBe(true);
    expect(frames.readBigUInt64BE(8)).toBe(BigInt(MAX_OFFSET));
    const beyond = await server.call('GET', '/files?path=/s/a&stream=true&offset=9007199254740992');
    expect(beyond.json()).toMatchObject({ code: 'INVALID_PARAMETER' });
  });
});
