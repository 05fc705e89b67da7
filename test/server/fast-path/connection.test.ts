import { createHash } from 'node:crypto';
import { describe, expect, it, type MockInstance, vi } from 'vitest';
import type { Reader } from '../../../src/core/index.ts';
import { type TokenOptions, Tokens } from '../../../src/server/index.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo, type Wire } from '../../harness/wire.ts';
import { follow, type Running, start } from '../harness.ts';

const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };
const KB = 1024;

/** A server, and the number of its requests that node:http has served. */
async function counted(options: Parameters<typeof start>[0] = STREAMS): Promise<Running & { seen: () => number }> {
  const server = await start(options);
  let seen = 0;
  server.server.http.on('request', () => seen++);
  return Object.assign(server, { seen: () => seen });
}

function put(path: string, body: string, more = ''): string {
  return `PUT /api/v1/files?path=${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
}

/** A response without values that depend on time and place. */
function shape(text: string): string[] {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const lines = head.split('\r\n').map((line) => line.replace(/^((Date|X-Stream-\S+):).*/, '$1'));
  return [
    lines[0]!,
    ...lines
      .slice(1)
      .filter((line) => !line.startsWith('X-Request-Id'))
      .sort(),
    body,
  ];
}

/** A server, and a reader of its stream /s/a that makes writers wait when it lags by `size`. */
async function waitedFor(size: string): Promise<{ server: Running; reader: Reader }> {
  const small = { fstype: 'streamfs', config: { ring_buffer_size: size, channel_buffer_size: size } };
  const server = await start({ mounted: { '/s': small } });
  const source = await server.mounts.openStream('/s/a', { onLag: 'block' });
  if (source.kind !== 'live') throw new Error('not live');
  return { server, reader: source.reader };
}

async function snapshot(server: Running, path: string): Promise<string> {
  return (await server.call('GET', `/files?path=${path}&snapshot=true`)).text;
}

async function responses(one: Wire, count: number): Promise<string[]> {
  let all = '';
  await waitFor(() => {
    void one.until('').then((text) => {
      all = text;
    });
    return all.split('HTTP/1.1 ').length > count;
  });
  return all.split(/(?=HTTP\/1.1 )/);
}

describe('a connection that is served directly', () => {
  it('appends without node:http, in order, however its requests are cut on their way', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    const bodies = Array.from({ length: 50 }, (_, n) => `message ${n}${'.'.repeat(n % 7)}\n`);
    const bytes = bodies.map((body) => put('/s/a', body)).join('');
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 97) {
      one.send(bytes.slice(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const all = await responses(one, 50);
    expect(all.every((text, n) => text.includes(`"Written ${bodies[n]!.length} bytes"`))).toBe(true);
    expect(server.seen()).toBe(0);
    expect(await snapshot(server, '/s/a')).toBe(bodies.join(''));
    one.socket.destroy();
  });

  it('answers as node:http does', async () => {
    const server = await counted();
    for (const [path, body] of [
      ['/s/a', 'abc'],
      ['/s/b', 'x'.repeat(100 * KB)],
    ] as const) {
      const [ours, theirs] = await Promise.all(
        ['', 'X-Request-Id: 1\r\n'].map(async (more) => {
          const one = await connectTo(server.port);
          one.send(put(path, body, more));
          const text = await one.until('bytes"}\n');
          one.socket.destroy();
          return shape(text);
        }),
      );
      expect(ours).toEqual(theirs);
    }
    const [ours, theirs] = await Promise.all(
      ['', 'X-Request-Id: 1\r\n'].map(async (more) => {
        const one = await connectTo(server.port);
        one.send(`GET /api/v1/files?path=/s/a&stream=true&last=1 HTTP/1.1\r\nHost: x\r\n${more}\r\n`);
        const text = await one.until('\r\nc\r\n');
        one.socket.destroy();
        return shape(text);
      }),
    );
    expect(ours).toEqual(theirs);
    expect(server.seen()).toBe(3);
  });

  it('contract 70: takes long and chunked bodies as they arrive, and continues after them', async () => {
    const server = await counted();
    const live = await follow(server.port, '/files?path=/s/a&stream=true');
    const one = await connectTo(server.port);
    one.send('PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    expect(await live.until(3)).toBe('abc');
    one.send(`3;x=y\r\ndef\r\n0\r\nA: b\r\n\r\n${put('/s/a', 'y'.repeat(200 * KB))}${put('/s/a', 'end')}`);
    const all = await responses(one, 3);
    expect(all.map((text) => /Written \d+/.exec(text)?.[0])).toEqual(['Written 6', `Written ${200 * KB}`, 'Written 3']);
    expect(await live.until(6 + 200 * KB + 3)).toBe(`abcdef${'y'.repeat(200 * KB)}end`);
    expect(server.seen()).toBe(0);
    live.cut();
    one.socket.destroy();
  });

  it('tells a client that asks that it may send its body', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    const expects = 'Expect: 100-continue\r\n';
    one.send(put('/s/a', '', `${expects}`).replace('Length: 0', 'Length: 3'));
    await one.until('100 Continue\r\n\r\n');
    one.send('abc');
    await one.until('Written 3 bytes');
    one.send(`PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${expects}\r\n`);
    await waitFor(() => one.text.split('100 Continue').length === 3);
    one.send('3\r\ndef\r\n0\r\n\r\n');
    await responses(one, 4);
    expect(await snapshot(server, '/s/a')).toBe('abcdef');
    one.socket.destroy();
  });

  it('is node:http’s from the first request on that is another, and misses nothing', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    const stat = 'GET /api/v1/stat?path=/s/a HTTP/1.1\r\nHost: x\r\n\r\n';
    one.send(put('/s/a', 'abc') + put('/s/a', 'def') + stat + put('/s/a', 'ghi') + stat);
    const all = await responses(one, 5);
    expect(all.map((text) => /Written 3|"size":\d+/.exec(text)?.[0])).toEqual([
      ...['Written 3', 'Written 3', '"size":6', 'Written 3', '"size":9'],
    ]);
    expect(server.seen()).toBe(3);
    one.socket.destroy();
  });

  it.each([
    ['a file that is not a stream', '/mem/a', 200],
    ['the mount itself', '/s', 400],
    ['README', '/s/README', 403],
    ['a path nothing is mounted at', '/nowhere/a', 404],
    ['an invalid path', '/s/..', 400],
  ])('leaves %s to node:http', async (_, path, status) => {
    const server = await counted();
    const one = await connectTo(server.port);
    one.send(put(path, 'abc'));
    expect(await one.until('\r\n\r\n')).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(server.seen()).toBe(1);
    one.socket.destroy();
  });

  it('contract 3, 33: looks its stream up again when it has ended or was removed', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    one.send(put('/s/a', 'abc'));
    await responses(one, 1);
    await server.mounts.remove('/s/a');
    one.send(put('/s/a', 'def'));
    await responses(one, 2);
    expect([await snapshot(server, '/s/a'), server.seen()]).toEqual(['def', 1]);
    await server.mounts.end('/s/a');
    one.send(put('/s/a', 'ghi'));
    expect((await responses(one, 3))[2]).toMatch(/^HTTP\/1.1 409 [\s\S]*STREAM_CLOSED/);
    one.socket.destroy();
  });

  it('contract 75: looks its stream up again when another mount has taken its path', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    one.send(put('/s/deep/a', 'abc'));
    await responses(one, 1);
    await server.mounts.mount('memfs', '/s/deep', {});
    one.send(put('/s/deep/a', 'def'));
    await responses(one, 2);
    expect((await server.call('GET', '/files?path=/s/deep/a')).text).toBe('def');
    one.socket.destroy();
  });

  it('contract 20: waits where the stream makes its writers wait, and answers then', async () => {
    const { server, reader } = await waitedFor('64KB');
    const one = await connectTo(server.port);
    one.send(['x', 'y', 'z'].map((letter) => put('/s/a', letter.repeat(64 * KB))).join(''));
    await responses(one, 1);
    // Waiting bytes must not be in memory that other connections are read into.
    const other = await connectTo(server.port);
    other.send(put('/s/b', 'o'.repeat(64 * KB)).repeat(5));
    await responses(other, 5);
    let received = '';
    while (received.length < 192 * KB) {
      const record = await reader.read();
      if (record.type === 'data') received += Buffer.from(record.data).toString();
    }
    const lengths = [...received.matchAll(/(.)\1*/gs)].map(([all, letter]) => [letter, all.length]);
    expect(lengths).toEqual(['x', 'y', 'z'].map((letter) => [letter, 64 * KB]));
    other.socket.destroy();
    expect((await responses(one, 3)).every((text) => text.includes('200 OK'))).toBe(true);
    expect(reader.skippedBytes).toBe(0);
    reader.close();
    one.socket.destroy();
  });

  it('contract 72: keeps what has come of a body that breaks off, and says how much that is', async () => {
    const server = await counted();
    for (const [beginning, written] of [
      [put('/s/a', 'x'.repeat(10)).slice(0, -7), 3],
      ['PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcd', 4],
      ['PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nnonsense', 2],
    ] as const) {
      const one = await connectTo(server.port);
      one.send(beginning);
      if (!beginning.endsWith('nonsense')) one.socket.end();
      const text = await one.closed();
      expect(text).toMatch(/^HTTP\/1.1 400 /);
      expect(text).toContain(`"written":${written},`);
    }
    expect(await snapshot(server, '/s/a')).toBe('xxxabcdab');
    const cut = await connectTo(server.port);
    cut.send(put('/s/a', 'y'.repeat(10)).slice(0, -5));
    await waitFor(() => server.server.http.listening && cut.socket.bytesWritten > 0);
    cut.socket.end();
    await cut.closed();
    expect(await snapshot(server, '/s/a')).toBe('xxxabcdabyyyyy');
    expect(server.seen()).toBe(2);
  });

  it('tells a writer at once that its stream has ended, in the middle of a long body', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    one.send('PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\nabc');
    await waitFor(() => server.mounts.totals()[0]?.totals.receivedBytes === 3);
    await server.mounts.end('/s/a');
    expect(await one.until('\n')).toMatch(/^HTTP\/1.1 409 /);
    one.send('x'.repeat(10_000));
    one.socket.end();
    expect(await one.closed()).toMatch(/"written":3/);
  });

  it('is asked for its headers within their time', async () => {
    const server = await counted({ ...STREAMS, limits: { headerTimeout: 100 } });
    const silent = await connectTo(server.port);
    const slow = await connectTo(server.port);
    slow.send(`${put('/s/a', 'abc')}PUT /api`);
    expect(await silent.closed()).toMatch(/^HTTP\/1.1 408 [\s\S]*REQUEST_TIMEOUT/);
    expect(await slow.closed()).toMatch(/^HTTP\/1.1 200 [\s\S]*HTTP\/1.1 408 [\s\S]*"limit":"header_timeout"/);
  });

  it('contract 27: ends a short body that stands still, where that is bounded', async () => {
    const server = await counted({ ...STREAMS, limits: { streamBodyTimeout: 100 } });
    const one = await connectTo(server.port);
    one.send(put('/s/a', 'abcdef').slice(0, -3));
    expect(await one.closed()).toMatch(/^HTTP\/1.1 408 [\s\S]*"written":3/);
    expect(await snapshot(server, '/s/a')).toBe('abc');
    const none = await connectTo(server.port);
    none.send(put('/s/a', 'abcdef').slice(0, -6));
    expect(await none.closed()).toMatch(/^HTTP\/1.1 408 [\s\S]*"written":0/);
  });

  it('reads no more requests while the responses are not read', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    one.socket.pause();
    const request = put('/s/a', 'abc');
    const full = 64 * 1024 * 1024;
    let sent = 0;
    // Until its socket is full and stays so: the server reads no more.
    for (let quiet = 0; sent < full && quiet < 200; ) {
      if (one.socket.writableNeedDrain) {
        quiet++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      quiet = 0;
      one.send(request.repeat(100));
      sent += request.length * 100;
    }
    expect(sent).toBeLessThan(full);
    one.socket.resume();
    await waitFor(() => one.socket.writableLength === 0);
    const count = sent / request.length;
    await waitFor(() => server.mounts.totals()[0]?.totals.receivedBytes === 3 * count);
    one.socket.destroy();
  }, 60_000);

  it('counts and times its requests like all others', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    one.send(put('/s/a', 'abc').repeat(2));
    await responses(one, 2);
    const text = (await server.call('GET', '/metrics')).text;
    expect(text).toMatch(
      /streamfs_http_request_duration_seconds_count\{route="PUT \/api\/v1\/files",status="2xx"\} 2\n/,
    );
    const lines = server.log.filter(({ message, facts }) => message === 'request' && facts.method === 'PUT');
    expect(lines).toHaveLength(2);
    expect(lines[0]!.facts).toMatchObject({ route: '/api/v1/files', path: '/s/a', status: 200, address: '127.0.0.1' });
    one.socket.destroy();
  });

  it('contract 79: checks the same credentials again when tokens have changed', async () => {
    const key = 'a-token-of-some-length';
    const readable = (paths: string[]): TokenOptions[] => [
      { name: 'reader', sha256: createHash('sha256').update(key).digest('hex'), rights: ['read'], paths },
    ];
    const tokens = new Tokens(readable(['/**']));
    const server = await counted({ ...STREAMS, tokens });
    const ask = async (path: string) => {
      const one = await connectTo(server.port);
      one.send(
        `GET /api/v1/files?path=${path}&stream=true&timeout=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`,
      );
      const response = await one.until('\r\n\r\n');
      one.socket.destroy();
      return Number(response.slice(9, 12));
    };
    expect([await ask('/s/a'), await ask('/s/a')]).toEqual([200, 200]);
    expect(server.seen()).toBe(0);
    tokens.replace(readable(['/s/b']));
    expect([await ask('/s/a'), await ask('/s/b'), await ask('/s/b')]).toEqual([403, 200, 200]);
    tokens.replace([{ ...readable(['/**'])[0]!, sha256: '0'.repeat(64) }]);
    expect(await ask('/s/b')).toBe(401);
  });

  it('tells the log of a live read what it tells of other requests, when it is over', async () => {
    const server = await counted();
    const one = await connectTo(server.port);
    one.send('GET /api/v1/files?path=/s/a&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
    await one.until('X-Stream-Offset');
    one.socket.destroy();
    const lines = () => server.log.filter(({ message }) => message === 'request');
    await waitFor(() => lines().length > 0);
    const facts = { method: 'GET', route: '/api/v1/files', path: '/s/a', address: '127.0.0.1', status: 200 };
    expect(lines()).toMatchObject([{ level: 'debug', facts }]);
  });

  it('contract 20: makes little of many small bodies that have to wait in the middle of what has come', async () => {
    const { server, reader } = await waitedFor('1KB');
    const one = await connectTo(server.port);
    const COUNT = 3000;
    const bodies = Array.from({ length: COUNT }, (_, n) => String(n).padStart(50, '.'));
    const copied = vi.spyOn(Buffer, 'from') as MockInstance<(what: unknown) => Buffer>;
    one.send(bodies.map((body) => put('/s/a', body)).join(''));
    let received = '';
    while (received.length < COUNT * 50) {
      const record = await reader.read();
      if (record.type === 'data') received += Buffer.from(record.data).toString();
    }
    expect(received).toBe(bodies.join(''));
    const bytes = copied.mock.calls.reduce((sum, [what]) => sum + (what instanceof Uint8Array ? what.length : 0), 0);
    copied.mockRestore();
    // Copying took some 400 KB in all; copying the remainder each time a body waits took 35 MB.
    expect(bytes).toBeLessThan(8 * 1024 * KB);
    reader.close();
    one.socket.destroy();
  });

  it('contract 28: is closed when the server stops, immediately where it has nothing to do', async () => {
    const server = await counted();
    const idle = await connectTo(server.port);
    idle.send(put('/s/a', 'abc'));
    await responses(idle, 1);
    const busy = await connectTo(server.port);
    busy.send(put('/s/a', 'abcdef').slice(0, -3));
    await waitFor(() => server.log.length > 0);
    await server.call('GET', '/health');
    const closed = server.server.close(60_000);
    await idle.closed();
    busy.send('def');
    expect(await busy.closed()).toContain('Written 6 bytes');
    await closed;
  });
});
