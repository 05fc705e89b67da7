/** Clients that close their sending side after their requests, as `nc -N` does, and clients that may have disconnected. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LimitCounters } from '../../src/fs/index.ts';
import { waitFor } from '../harness/wait.ts';
import { Authority, type Certificate } from '../tls/certificates.ts';
import { type Running, type StartOptions, start } from './harness.ts';

const MB = 1024 * 1024;
const SIZE = 6 * MB;
const CONTENT = Buffer.alloc(SIZE);
for (let n = 0; n < SIZE; n++) CONTENT[n] = (n * 7) % 251;

let authority: Authority;
let certificate: Certificate;

beforeAll(() => {
  authority = new Authority();
  certificate = authority.issue();
});
afterAll(() => authority.remove());

/** Both kinds of sockets of the server. */
const WIRES = ['plain', 'TLS'] as const;
type WireKind = (typeof WIRES)[number];

async function begin(kind: WireKind, options: StartOptions = {}): Promise<Running> {
  const roomy = { fstype: 'streamfs', config: { ring_buffer_size: '8MB', channel_buffer_size: '8MB' } };
  return start({
    mounted: { '/s': roomy, '/mem': 'memfs' },
    maxRequestBodyBytes: 2 * SIZE,
    ...(kind === 'TLS' ? { tls: certificate } : {}),
    ...options,
  });
}

async function open(kind: WireKind, { port }: Running): Promise<Socket> {
  const where = { host: '127.0.0.1', port, allowHalfOpen: true };
  const socket = kind === 'TLS' ? connectTls({ ...where, ca: authority.ca }) : connect(where);
  socket.on('error', () => undefined);
  await once(socket, kind === 'TLS' ? 'secureConnect' : 'connect');
  return socket;
}

/** Sends requests, closes its sending side, and reads only once the server has noticed that; returns everything. */
async function ask(kind: WireKind, server: Running, requests: string): Promise<Buffer> {
  const socket = await open(kind, server);
  socket.pause().end(requests);
  await once(socket, 'finish');
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece)).resume();
  await once(socket, 'end');
  return Buffer.concat(pieces);
}

const bodyOf = (response: Buffer) => response.subarray(response.indexOf('\r\n\r\n') + 4);

function unchunked(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, end), 16);
    if (size === 0) return Buffer.concat(pieces);
    pieces.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

const readersOf = ({ mounts }: Running) => mounts.totals()[0]!.totals.readers;

async function fill(server: Running, end: boolean): Promise<void> {
  for (let at = 0; at < SIZE; at += MB) await server.mounts.write('/s/a', CONTENT.subarray(at, at + MB));
  await server.mounts.write('/mem/a', CONTENT);
  if (end) await server.mounts.end('/s/a');
}

const LIVE = '/api/v1/files?path=/s/a&stream=true&from=earliest';

describe.each(WIRES)('a client that has closed its side, %s', (kind) => {
  it.each([
    ['an ended stream', LIVE, '1.1', ''],
    ['an ended stream, by node:http', LIVE, '1.1', 'X-Request-Id: 1\r\n'],
    ['an ended stream, of HTTP/1.0', LIVE, '1.0', ''],
    ['a snapshot', '/api/v1/files?path=/s/a&snapshot=true', '1.1', ''],
    ['a snapshot, of HTTP/1.0', '/api/v1/files?path=/s/a&snapshot=true', '1.0', ''],
    ['a file', '/api/v1/files?path=/mem/a', '1.1', ''],
    ['a file, of HTTP/1.0', '/api/v1/files?path=/mem/a', '1.0', ''],
    ['a file as a stream', '/api/v1/files?path=/mem/a&stream=true', '1.0', ''],
  ])('gets all of %s', async (_, target, version, headers) => {
    const server = await begin(kind);
    await fill(server, true);
    const response = await ask(kind, server, `GET ${target} HTTP/${version}\r\nHost: x\r\n${headers}\r\n`);
    const isChunked = response.subarray(0, 2000).toString('latin1').includes('Transfer-Encoding: chunked');
    const body = isChunked ? unchunked(bodyOf(response)) : bodyOf(response);
    expect([body.length, body.equals(CONTENT)]).toEqual([SIZE, true]);
    if (isChunked) expect(response.subarray(-200).toString('latin1')).toContain('X-Stream-End: ended');
    await waitFor(() => readersOf(server) === 0);
  });

  it('gets the responses to all its requests, in order', async () => {
    const server = await begin(kind);
    const put = (path: string, n: number) =>
      `PUT /api/v1/files?path=${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n${n}\n`;
    const ordinary = ['/s/a', '/s/a', '/mem/a', '/s/a'].map(put).join('');
    const behind = 'GET /api/v1/nope HTTP/1.1\r\nHost: x\r\n\r\n';
    expect((await ask(kind, server, ordinary + behind)).toString()).toMatch(
      /^(HTTP\/1.1 200 [^{]*\{[^}]*\}\n){4}HTTP\/1.1 404/,
    );
    expect(Buffer.concat((await server.mounts.snapshot('/s/a', {})).parts).toString()).toBe('0\n1\n3\n');
  });

  it('contract 20: gets the response to an append that has to wait', async () => {
    const small = { fstype: 'streamfs', config: { ring_buffer_size: '64KB', channel_buffer_size: '64KB' } };
    for (const more of ['', 'X-Request-Id: 1\r\n']) {
      for (const length of [64 * 1024, 100 * 1024]) {
        const server = await begin(kind, { mounted: { '/s': small } });
        const source = await server.mounts.openStream('/s/a', { onLag: 'block' });
        if (source.kind !== 'live') throw new Error('not live');
        await server.mounts.write('/s/a', Buffer.alloc(64 * 1024));
        const head = `PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${length}\r\n\r\n`;
        const response = ask(kind, server, head + 'x'.repeat(length));
        let read = 0;
        while (read < length + 64 * 1024) {
          const record = await source.reader.read();
          if (record.type === 'data') read += record.data.length;
        }
        expect((await response).toString()).toContain(`Written ${length} bytes`);
        source.reader.close();
        await server.stop();
      }
    }
  });

  it('contract 26: does not wait for more data, as it may have disconnected: it gets what is retained, and the end', async () => {
    const server = await begin(kind);
    await fill(server, false);
    for (const [version, headers] of [
      ['1.1', ''],
      ['1.1', 'X-Request-Id: 1\r\n'],
      ['1.0', ''],
    ] as const) {
      const response = await ask(kind, server, `GET ${LIVE} HTTP/${version}\r\nHost: x\r\n${headers}\r\n`);
      const body = version === '1.1' ? unchunked(bodyOf(response)) : bodyOf(response);
      expect([body.length, body.equals(CONTENT)]).toEqual([SIZE, true]);
      if (version === '1.1') expect(response.subarray(-200).toString('latin1')).toContain('X-Stream-End: closed');
    }
    await waitFor(() => readersOf(server) === 0);
  });

  it('contract 26: has left no reader behind when it followed an idle stream before', async () => {
    const server = await begin(kind);
    for (const headers of ['', 'X-Request-Id: 1\r\n']) {
      const socket = await open(kind, server);
      socket.resume().write(`GET /api/v1/files?path=/s/idle&stream=true HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
      await waitFor(() => readersOf(server) === 1);
      socket.end();
      await waitFor(() => readersOf(server) === 0);
    }
  });

  it('contract 52, 54: waits for nothing new on a handle, and takes nothing from it that has not come', async () => {
    const server = await begin(kind);
    const { id } = await server.handles.open('/s/h', { flags: 0, mode: 0o644 });
    const read = `GET /api/v1/handles/${id}/read?timeout=300s HTTP/1.1\r\nHost: x\r\n\r\n`;
    expect((await ask(kind, server, read)).toString()).toMatch(/^HTTP\/1.1 200 [\s\S]*X-Bytes-Read: 0/);
    await server.mounts.write('/s/h', Buffer.from('here'));
    expect((await ask(kind, server, read)).toString()).toMatch(/^HTTP\/1.1 200 [\s\S]*\r\n\r\nhere$/);
  });

  it.each([
    ['an ended stream', '/api/v1/files?path=/s/a&stream=true&from=earliest'],
    ['a file', '/api/v1/files?path=/mem/a'],
  ])('is disconnected after stall_timeout if it takes nothing of %s', async (_, target) => {
    const counters = new LimitCounters();
    const large = { fstype: 'streamfs', config: { ring_buffer_size: '32MB', channel_buffer_size: '32MB' } };
    const server = await begin(kind, {
      counters,
      limits: { stallTimeout: 200 },
      mounted: { '/s': large, '/mem': 'memfs' },
    });
    // More than the kernel's buffers between them hold.
    for (let n = 0; n < 30; n++) await server.mounts.write('/s/a', Buffer.alloc(MB));
    await server.mounts.end('/s/a');
    await server.mounts.write('/mem/a', Buffer.alloc(30 * MB));
    const socket = await open(kind, server);
    socket.pause().end(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waitFor(() => counters.get('stall_timeout') === 1 && readersOf(server) === 0);
    socket.destroy();
  });
});
