import { describe, expect, it } from 'vitest';
import { settled, waitFor } from '../harness/wait.ts';
import { connectTo, get, parseResponse, type Wire } from '../harness/wire.ts';
import { start, streamfs } from './harness/commands.ts';
import { cuttableProxyTo } from './harness/cuttable-proxy.ts';
import { parseFrames } from './harness/frames.ts';
import { MB } from './harness/memory.ts';
import { isPattern, pattern } from './harness/pattern.ts';
import { type ServerProcess, server, startServer } from './harness/server.ts';

const PATH = '/streamfs/live';
const STREAM = `/files?path=${PATH}&stream=true`;

/** Appends a piece of the pattern every few milliseconds, until the server refuses it. */
async function steadyWriter(at: ServerProcess): Promise<{ wire: Wire; stop: () => void }> {
  const wire = await connectTo(at.port);
  wire.send(`PUT /api/v1/files?path=${PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const size = 8 * 1024;
  let offset = 0;
  const timer = setInterval(() => {
    if (!wire.socket.writable) return;
    wire.send(`${size.toString(16)}\r\n`);
    wire.send(pattern(offset, size));
    wire.send('\r\n');
    offset += size;
  }, 10);
  return { wire, stop: () => clearInterval(timer) };
}

/** Raw and framed readers, each of which has already read something. */
async function manyReaders(at: ServerProcess, each: number): Promise<{ raw: Wire[]; framed: Wire[] }> {
  const open = (parameters: string) =>
    Promise.all(Array.from({ length: each }, () => get(at.port, STREAM + parameters)));
  const raw = await open('');
  const framed = await open('&format=frames');
  await at.untilReaders(PATH, 2 * each);
  await waitFor('every reader to be reading', () => [...raw, ...framed].every((wire) => wire.received > 64 * 1024));
  return { raw, framed };
}

/** Every reader received everything up to the same offset, and then the end with its reason. */
async function expectProperEnd({ raw, framed }: { raw: Wire[]; framed: Wire[] }, reason: string): Promise<void> {
  const ends = new Set<number>();
  for (const wire of raw) {
    const response = await wire.lastResponse();
    expect(response).toMatchObject({ status: 200, complete: true });
    expect(response.trailers).toEqual({
      'x-stream-end': reason,
      'x-stream-end-offset': String(response.body.length),
      'x-stream-skipped': '0',
    });
    expect(isPattern(response.body, 0)).toBe(true);
    expect(response.rest.length).toBe(0);
    ends.add(response.body.length);
  }
  for (const wire of framed) {
    const response = await wire.lastResponse();
    expect(response).toMatchObject({ complete: true, trailers: { 'x-stream-end': reason } });
    const end = parseFrames(response.body).at(-1)!;
    expect([end.type, end.payload.toString()]).toEqual(['end', reason]);
    ends.add(end.offset);
  }
  expect(ends.size).toBe(1);
}

describe('the end of a server', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'contract 28: by %s under load gives a hundred readers a proper end, and leaves nothing',
    async (signal) => {
      const at = await server();
      const writer = await steadyWriter(at);
      try {
        const readers = await manyReaders(at, 50);
        at.process.kill(signal);
        await expectProperEnd(readers, 'shutdown');
      } finally {
        writer.stop();
      }
      expect(await at.process.result()).toMatchObject({ code: 0, signal: null });
      await expect(connectTo(at.port)).rejects.toThrow('ECONNREFUSED');
      // The writer gets a response, too, instead of a broken connection.
      await writer.wire.closed();
      const refused = parseResponse(writer.wire.bytes, true);
      expect(refused).toMatchObject({ status: 503, complete: true });
      expect(refused!.body.toString()).toContain('STREAM_SHUT_DOWN');
    },
  );

  it('contract 28: comes within its deadline also when a reader takes nothing', async () => {
    const at = await server({ server: { shutdown_timeout: '1s' } });
    const stalled = await get(at.port, STREAM);
    await stalled.head();
    stalled.socket.pause();
    await at.put(PATH, pattern(0, 32 * MB));
    const asked = performance.now();
    at.process.kill('SIGTERM');
    expect(await at.process.result()).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
    stalled.socket.resume();
    expect(await stalled.lastResponse()).toMatchObject({ complete: false, trailers: undefined });
  });

  it('contract 28: comes immediately when it is asked for twice', async () => {
    const at = await server({ server: { shutdown_timeout: '600s' } });
    const stalled = await get(at.port, STREAM);
    await stalled.head();
    stalled.socket.pause();
    await at.put(PATH, pattern(0, 32 * MB));
    at.process.kill('SIGTERM');
    await waitFor('the server to be closing', async () => {
      const closing = await connectTo(at.port).catch(() => undefined);
      closing?.socket.destroy();
      return closing === undefined;
    });
    expect(at.process.isRunning).toBe(true);
    at.process.kill('SIGTERM');
    expect(await at.process.result()).toMatchObject({ code: 143, signal: null });
  });

  it('contract 28: comes with idle and half-open connections of every kind', async () => {
    const at = await server({ server: { shutdown_timeout: '600s' } });
    const silent = await connectTo(at.port);
    const kept = await get(at.port, '/version');
    await kept.response();
    const half = await connectTo(at.port);
    half.send('GET /api/v1/version HTTP/1.1\r\nHo');
    const upload = await connectTo(at.port);
    upload.send(`PUT /api/v1/files?path=${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf`);
    await at.untilReaders(PATH, 0);
    at.process.kill('SIGTERM');
    for (const wire of [silent, kept, half]) await wire.closed();
    upload.socket.destroy();
    expect(await at.process.result()).toMatchObject({ code: 0, signal: null });
  });
});

describe('the end of a server with a writer that has nothing to say', () => {
  it('contract 28, 72: comes within its deadline, and the writer learns that it is cut', async () => {
    const at = await server({ server: { shutdown_timeout: '1s' } });
    const reader = streamfs(at.url, ['cat', '--stream', '--no-reconnect', PATH]);
    const writer = streamfs(at.url, ['write', '--stream', '--retry-for', '500ms', PATH]);
    await writer.write('so far');
    await reader.stdout.until('so far');
    at.process.kill('SIGTERM');
    // The reader gets its end at once, whatever the writer does.
    expect(await reader.result()).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('the server shut down at offset 6'),
    });
    expect(await at.process.result()).toMatchObject({ code: 0, signal: null });
    const { code, stderr } = await writer.result();
    expect([4, 6]).toContain(code);
    expect(stderr).toMatch(/^(streamfs: .+\n)+$/);
  });
});

describe('the end of a mount', () => {
  it('contract 28, 64: gives its readers a proper end, and its handles are gone', async () => {
    const at = await server();
    const { handle_id: handle } = await at.json('POST', `/handles/open?path=${PATH}&flags=1`);
    const writer = await steadyWriter(at);
    try {
      const readers = await manyReaders(at, 10);
      expect(await at.json('POST', '/unmount', { path: '/streamfs' })).toEqual({
        status: 200,
        message: 'plugin unmounted',
      });
      await expectProperEnd(readers, 'shutdown');
    } finally {
      writer.stop();
    }
    expect(await at.json('GET', `/handles/${handle}`)).toMatchObject({ status: 404, error: 'not found' });
    // The mount can be mounted again, as a new one.
    await at.json('POST', '/mount', { fstype: 'streamfs', path: '/streamfs', config: {} });
    expect(await at.json('GET', `/stat?path=${PATH}`)).toMatchObject({ status: 404, error: 'stream not found: /live' });
  });
});

describe('the end of a stream', () => {
  it('contract 23, 29: by its writer leaves history readable, and every later reader gets it and the end', async () => {
    const at = await server();
    const early = streamfs(at.url, ['cat', '--stream', PATH]);
    await at.untilReaders(PATH, 1);
    await at.put(PATH, 'to the end');
    expect(await at.json('POST', `/end?path=${PATH}`)).toEqual({ status: 200, message: 'ended' });
    expect(await at.json('POST', `/end?path=${PATH}`)).toEqual({ status: 200, message: 'ended' });
    const late = streamfs(at.url, ['cat', '--stream', PATH]);
    for (const reader of [early, late]) {
      expect(await reader.result()).toEqual({ code: 0, signal: null, stdout: 'to the end', stderr: '' });
    }
    expect(await at.json('PUT', `/files?path=${PATH}`, 'more')).toMatchObject({
      status: 409,
      error: 'stream is closed',
    });
  });

  it('contract 23, 33: by removal is an end for its readers, and the path is free', async () => {
    const at = await server();
    await at.put(PATH, 'what there was');
    const reader = await get(at.port, STREAM);
    await reader.until('what there was');
    const before = (await at.facts(PATH))!.generation;
    await at.json('DELETE', `/files?path=${PATH}`);
    expect(await reader.response()).toMatchObject({
      trailers: { 'x-stream-end': 'removed', 'x-stream-end-offset': '14' },
    });
    await at.put(PATH, 'new');
    const facts = (await at.facts(PATH))!;
    expect(facts.written).toBe(3);
    expect(facts.generation).not.toBe(before);
  });
});

describe('a server that was killed', () => {
  it('contract 19, 29: and is back gets its readers back, who say that the stream is a new one', async () => {
    const first = await startServer();
    const port = first.port;
    let reader: ReturnType<typeof streamfs>;
    try {
      reader = streamfs(first.url, ['cat', '--stream', PATH]);
      await first.put(PATH, 'of the first generation\n');
      await reader.stdout.until('of the first generation\n');
      first.process.kill('SIGKILL');
      await first.process.exited;
    } finally {
      await first.stop();
    }
    const second = await server({ port });
    await second.put(PATH, 'of the second generation\n');
    await reader.stdout.until('of the second generation\n');
    await second.json('POST', `/end?path=${PATH}`);
    const { code, stdout, stderr } = await reader.result();
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'of the first generation\nof the second generation\n' });
    expect(stderr).toContain('reconnecting');
    expect(stderr).toMatch(/this is a new stream, generation \w+ after \w+, of which 24 bytes had been reached/);
  });

  it('contract 19: is a distinct failure for a reader that must not reconnect', async () => {
    const at = await server();
    const reader = streamfs(at.url, ['cat', '--stream', '--no-reconnect', PATH]);
    await at.put(PATH, 'half');
    await reader.stdout.until('half');
    at.process.kill('SIGKILL');
    const { code, stderr } = await reader.result();
    expect(code).toBe(6);
    expect(stderr).toContain('cut at offset 4');
  });
});

describe('a connection that was cut', () => {
  it('contract 19: costs a reader no byte and repeats none, though the writer continues', async () => {
    const at = await server();
    const proxy = await cuttableProxyTo(at.port);
    const reader = streamfs(proxy.url, ['cat', '--stream', PATH]);
    const piece = 256 * 1024;
    for (let offset = 0; offset < 8 * piece; offset += piece) {
      await at.put(PATH, pattern(offset, piece));
      if (offset % (2 * piece) === 0) await reader.stdout.untilLength(offset + 1);
      proxy.cutAll();
    }
    await reader.stdout.untilLength(8 * piece);
    await at.json('POST', `/end?path=${PATH}`);
    expect(await reader.result()).toMatchObject({ code: 0, stderr: expect.stringContaining('resumed at offset') });
    expect(reader.stdout.length).toBe(8 * piece);
    expect(isPattern(reader.stdout.bytes, 0)).toBe(true);
  });
});

describe('a reader that was killed', () => {
  it('contract 26: is counted no more, without anything being written', async () => {
    const at = await server();
    const readers = [
      streamfs(at.url, ['cat', '--stream', PATH]),
      start('curl', ['-sN', at.api(STREAM)]),
      start('curl', ['-sN', at.api(STREAM)]),
    ];
    await at.untilReaders(PATH, 3);
    for (const [index, reader] of readers.entries()) {
      reader.kill('SIGKILL');
      await settled('the reader to be gone', reader.exited);
      // The stream was created by opening it, so it is removed with the last reader (contract 36).
      const left = readers.length - 1 - index;
      await waitFor(`${left} readers`, async () => ((await at.facts(PATH))?.readers ?? 0) === left);
    }
    expect(await at.facts(PATH)).toBeUndefined();
  });
});
