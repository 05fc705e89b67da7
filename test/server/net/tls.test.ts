import { once } from 'node:events';
import { request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/core/index.ts';
import { Wire } from '../../../src/logs/index.ts';
import { CONNECTION_BYTES, TLS_BYTES } from '../../../src/server/limits/connections.ts';
import { waitFor } from '../../harness/wait.ts';
import { sharedPlugin } from '../../logs/shared-streams.ts';
import { Authority, type Certificate } from '../../tls/certificates.ts';
import { type Running, type StartOptions, start } from '../harness.ts';

let authority: Authority;
let certificate: Certificate;

beforeAll(() => {
  authority = new Authority();
  certificate = authority.issue();
});
afterAll(() => authority.remove());

const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };

function secure(options: StartOptions = {}): Promise<Running> {
  return start({ ...STREAMS, tls: certificate, ...options });
}

const append = 'PUT /api/v1/files?path=/s/one HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na';
const longBody = `PUT /api/v1/files?path=/s/one HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n${'b'.repeat(100_000)}`;

interface Peer {
  socket: TLSSocket;
  text: () => string;
  closed: Promise<void>;
}

async function peer(port: number, options: ConnectionOptions = {}): Promise<Peer> {
  const socket = connect({ port, host: '127.0.0.1', ca: authority.ca, ...options });
  let text = '';
  socket.on('data', (piece: Buffer) => {
    text += piece.toString('latin1');
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return { socket, text: () => text, closed };
}

/** A connection that sends nothing, or only what the test writes. */
function silent(port: number): Socket {
  return connectTcp({ port, host: '127.0.0.1' })
    .on('error', () => undefined)
    .resume();
}

function get(port: number, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: `/api/v1${path}`, ca: authority.ca, agent: false }, async (res) => {
      let text = '';
      for await (const piece of res) text += piece;
      resolve({ status: res.statusCode ?? 0, text });
    })
      .on('error', reject)
      .end();
  });
}

describe('a server with a certificate', () => {
  it('answers requests inside TLS, one after the other on a connection', async () => {
    const { port } = await secure();
    const one = await peer(port);
    for (const count of [1, 2]) {
      one.socket.write('GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n');
      await waitFor(() => one.text().split('"version":"9.8.7"').length === count + 1);
    }
    expect(one.text()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    one.socket.destroy();
  });

  it.each([
    { next: 'another append', request: append, status: 200 },
    {
      next: 'a request of another kind',
      request: 'GET /api/v1/stat?path=/s/one HTTP/1.1\r\nHost: x\r\n\r\n',
      status: 200,
    },
    { next: 'a request that fails', request: 'GET /api/v1/stat?path=/s/two HTTP/1.1\r\nHost: x\r\n\r\n', status: 404 },
    { next: 'a long body', request: longBody, status: 200 },
  ])('answers $next that came before the client had closed its side, after an append that waits', async (row) => {
    const wire = new Wire();
    const { port } = await secure({ streamfs: sharedPlugin({ wire }), mounted: { '/s': 'streamfs' } });
    const one = await peer(port, { allowHalfOpen: true } as ConnectionOptions);
    wire.hold();
    one.socket.end(append + row.request);
    // By then the server has read everything of the first one, its end included.
    for (let n = 0; n < 3; n++) expect((await get(port, '/version')).status).toBe(200);
    wire.release();
    await one.closed;
    const statuses = [...one.text().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
    expect(statuses).toEqual([200, row.status]);
  });

  it('speaks HTTP/1.1 with those who would speak HTTP/2 too, and refuses those who would only', async () => {
    const { port } = await secure();
    const both = await peer(port, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(both.socket.alpnProtocol).toBe('http/1.1');
    both.socket.destroy();
    await expect(peer(port, { ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol/);
  });

  it('refuses TLS older than 1.2', async () => {
    const { port } = await secure();
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(peer(port, old)).rejects.toThrow(/protocol version/);
    const enough = await peer(port, { maxVersion: 'TLSv1.2' });
    expect(enough.socket.getProtocol()).toBe('TLSv1.2');
    enough.socket.destroy();
  });

  it('says in the log that handshakes fail, and is there for the next', async () => {
    const { port, log } = await secure();
    const plain = silent(port);
    plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(plain, 'close');
    await waitFor(() => log.some(({ message }) => message === 'TLS handshakes failed'));
    expect((await get(port, '/version')).status).toBe(200);
  });

  it.each([
    'GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n',
    `PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`,
    'DELETE /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  ])('tells a client that speaks HTTP without TLS, in clear text: %.7s', async (request) => {
    const { port } = await secure();
    for (const packets of [[request], [...request.slice(0, 8), request.slice(8)]]) {
      const one = connectTcp({ port, host: '127.0.0.1' }).setNoDelay(true);
      let text = '';
      one.on('data', (bytes) => {
        text += bytes.toString('latin1');
      });
      const over = new Promise((resolve) => one.on('error', () => undefined).once('close', resolve));
      for (const packet of packets) one.write(packet);
      await over;
      expect(text).toMatch(/^HTTP\/1.1 400 Bad Request\r\n[\s\S]*"code":"BAD_REQUEST"/);
      expect(text).toContain('https://');
    }
  });

  it('cuts a connection whose bytes become nonsense after the handshake', async () => {
    const { port, server } = await secure();
    const connected = once(server.http, 'connection');
    const wire = connectTcp({ port, host: '127.0.0.1' });
    const one = connect({ socket: wire, ca: authority.ca, servername: 'localhost' }).on('error', () => undefined);
    one.write('GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(one, 'data');
    const [socket] = (await connected) as [Socket];
    const gone = new Promise((resolve) => socket.once('close', resolve));
    wire.write('nonsense that is no record of TLS');
    await gone;
  });
});

describe('bounds of a server with a certificate', () => {
  it('a handshake that does not come to its end is cut after header_timeout', async () => {
    const { port, server } = await secure({ limits: { headerTimeout: 50 } });
    const connected = once(server.http, 'connection');
    const slow = silent(port);
    slow.write(Buffer.from([22, 3, 1]));
    await connected;
    let came = 0;
    slow.on('data', (bytes: Buffer) => {
      came += bytes.length;
    });
    await once(slow, 'close');
    // No response in clear text.
    expect(came).toBe(0);
  });

  it('connections are counted before the handshake, and one too many gets its refusal inside TLS', async () => {
    const { port, server } = await secure({ limits: { connections: 1 } });
    const connected = once(server.http, 'connection');
    const first = silent(port);
    await connected;
    const second = await peer(port);
    await second.closed;
    expect(second.text()).toMatch(/^HTTP\/1.1 503 [\s\S]*"code":"CONNECTION_LIMIT"/);
    const gone = new Promise((resolve) => first.once('close', resolve));
    first.destroy();
    await gone;
    await waitFor(() => server.metrics.text().includes('streamfs_connections 0'));
    expect((await get(port, '/version')).status).toBe(200);
  });

  it('a connection is charged for what TLS keeps for it', async () => {
    const memory = new MemoryBudget(64 * 1024 * 1024);
    const { port, server } = await secure({ memory });
    const connected = once(server.http, 'connection');
    const one = silent(port);
    await connected;
    expect(memory.used).toBe(CONNECTION_BYTES + TLS_BYTES);
    one.destroy();
    await waitFor(() => memory.used === 0);
  });

  it('an idle connection gives way to a new one', async () => {
    const { port } = await secure({ limits: { connections: 1 } });
    const idle = await peer(port);
    idle.socket.write('GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n');
    await waitFor(() => idle.text().includes('9.8.7'));
    expect((await get(port, '/version')).status).toBe(200);
    await idle.closed;
  });
});

describe('live reads inside TLS', () => {
  it('contract 69: begin at once, get what is written, and end with the stream', async () => {
    const { port, mounts } = await secure();
    const one = await peer(port);
    one.socket.write('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    await waitFor(() => one.text().includes('\r\n\r\n'));
    expect(one.text()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    await mounts.write('/s/live', Buffer.from('hello'));
    await waitFor(() => one.text().includes('hello'));
    await mounts.write('/s/live', Buffer.alloc(300_000, 'x'));
    await mounts.remove('/s/live');
    await one.closed;
    expect(one.text().split('x').length - 1).toBeGreaterThanOrEqual(300_000);
    expect(one.text()).toMatch(/0\r\nX-Stream-End: removed\r\n[\s\S]*\r\n\r\n$/);
  });

  it('contract 26: a peer that goes is gone at once, also where it has left bytes untaken', async () => {
    const { port, mounts } = await secure();
    const one = await peer(port);
    one.socket.pause();
    one.socket.write('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    const readers = async () => {
      const info = await mounts.stat('/s/live').catch(() => undefined);
      return (info?.meta.Content as Record<string, string> | undefined)?.active_readers;
    };
    while ((await readers()) !== '1') await new Promise(setImmediate);
    for (let count = 0; count < 40; count++) await mounts.write('/s/live', Buffer.alloc(256 * 1024));
    one.socket.destroy();
    while ((await readers()) !== '0') await new Promise(setImmediate);
  });

  it('a stalled one is cut after stall_timeout, and has held no more than a piece in addition to its run', async () => {
    const memory = new MemoryBudget(64 * 1024 * 1024);
    const { port, mounts, server } = await secure({ memory, limits: { stallTimeout: 200 } });
    const connected = once(server.http, 'connection');
    const one = await peer(port);
    const [socket] = (await connected) as [Socket & { _handle?: { writeQueueSize: number } }];
    one.socket.pause();
    one.socket.write('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    let most = 0;
    let isCut = false;
    socket.once('close', () => {
      isCut = true;
    });
    while (!isCut) {
      await mounts.write('/s/live', Buffer.alloc(512 * 1024));
      most = Math.max(most, socket._handle?.writeQueueSize ?? 0);
      await new Promise(setImmediate);
    }
    expect(most).toBeGreaterThan(0);
    // 64 KiB, and the overhead of TLS.
    expect(most).toBeLessThan(72 * 1024);
    one.socket.destroy();
  });

  it('data encrypted for a stalled reader counts as queued, even while it is still in the history', async () => {
    const memory = new MemoryBudget(64 * 1024 * 1024);
    const mounted = { '/s': { fstype: 'streamfs', config: { ring_buffer_size: '32MB' } } };
    // Connections are checked four times in the shortest of the timeouts.
    const { port, mounts } = await secure({ memory, mounted, limits: { bodyTimeout: 40 } });
    const one = await peer(port);
    one.socket.pause();
    one.socket.write('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    for (let written = 0; memory.queued === 0; written += 64 * 1024) {
      if (written < 24 * 1024 * 1024) await mounts.write('/s/live', Buffer.alloc(64 * 1024));
      await new Promise(setImmediate);
    }
    expect(memory.queued).toBeLessThan(72 * 1024);
    one.socket.destroy();
    await waitFor(() => memory.queued === 0);
  });

  it('contract 28: get the end at shutdown, and a handshake under way holds nothing up', async () => {
    const running = await secure();
    const { port, server, mounts } = running;
    const one = await peer(port);
    one.socket.write('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    await waitFor(() => one.text().includes('\r\n\r\n'));
    const connected = once(server.http, 'connection');
    const halfway = silent(port);
    const gone = new Promise((resolve) => halfway.once('close', resolve));
    halfway.write(Buffer.from([22, 3, 1]));
    await connected;
    const stopped = server.close(2 ** 31 - 1);
    await mounts.shutdown();
    await stopped;
    await one.closed;
    expect(one.text()).toContain('X-Stream-End: shutdown');
    await gone;
  });
});

describe('long responses inside TLS', () => {
  it('come whole, and are encrypted a piece at a time', async () => {
    const { port, mounts, server } = await secure();
    const content = Buffer.alloc(5_000_000, '0123456789');
    await mounts.write('/mem/long', content);
    const connected = once(server.http, 'connection');
    const response = get(port, '/files?path=/mem/long');
    const [socket] = (await connected) as [Socket & { _handle?: { writeQueueSize: number } }];
    let most = 0;
    let isOver = false;
    socket.once('close', () => {
      isOver = true;
    });
    while (!isOver) {
      most = Math.max(most, socket._handle?.writeQueueSize ?? 0);
      await new Promise(setImmediate);
    }
    const { text } = await response;
    expect(text === content.toString()).toBe(true);
    expect(most).toBeLessThan(72 * 1024);
  });
});

describe('another certificate', () => {
  it('is for new connections: those that are there go on', async () => {
    const { port, server, mounts } = await secure();
    const old = await peer(port);
    old.socket.write('GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    await waitFor(() => old.text().includes('\r\n\r\n'));
    const next = authority.issue();
    server.replaceTls(next);
    const late = await peer(port);
    expect(late.socket.getPeerCertificate().fingerprint256).not.toBe(old.socket.getPeerCertificate().fingerprint256);
    await mounts.write('/s/live', Buffer.from('still here'));
    await waitFor(() => old.text().includes('still here'));
    expect(() => server.replaceTls({ certificate: next.certificate, key: certificate.key })).toThrow();
    const later = await peer(port);
    expect(later.socket.getPeerCertificate().fingerprint256).toBe(late.socket.getPeerCertificate().fingerprint256);
    for (const { socket } of [old, late, later]) socket.destroy();
  });
});
