/** Appends of Durable Streams that are answered without node:http, with the same results as by it (contract 105). */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Tokens } from '../../../src/server/index.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo } from '../../harness/wire.ts';
import { type Running, type StartOptions, start } from '../harness.ts';

const durableStreams = { mount: '/s', prefixes: ['/v1/stream', '/api/v1x'], longPollTimeout: 50 };
const KB = 1024;

/** A server, and the number of its requests that node:http has served. */
async function counted(options: StartOptions = {}): Promise<Running & { seen: () => number }> {
  const server = await start({ mounted: { '/s': 'streamfs' }, durableStreams, ...options });
  let seen = 0;
  server.server.http.on('request', () => seen++);
  return Object.assign(server, { seen: () => seen });
}

function post(name: string, type: string, body: string | Buffer, more = ''): string {
  return `POST /v1/stream/${name} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
}

/** The content of a response, independent of the order of its headers, without values that differ between responses. */
function comparable(response: string): string[] {
  const [head = '', body = ''] = response.split('\r\n\r\n');
  const left = head.split('\r\n').filter((line) => !/^(Date|X-Request-Id|Stream-Next-Offset):/i.test(line));
  return [...left.sort(), body];
}

/** The first response to bytes that are sent at once. */
async function responseTo(port: number, text: string): Promise<string> {
  const one = await connectTo(port);
  one.send(text);
  const response = await one.until('\r\n\r\n');
  one.socket.end();
  await one.closed();
  return response;
}

describe('an append of Durable Streams that is served directly', () => {
  it('contract 105: appends in order without node:http, each body as one append, and tells the offset after each', async () => {
    const server = await counted();
    await server.call('PUT', '/api/v1x/a', { headers: { 'Content-Type': 'text/plain' } });
    const before = server.seen();
    const one = await connectTo(server.port);
    const bodies = Array.from({ length: 50 }, (_, n) => `message ${n}${'.'.repeat(n % 7)} é\n`);
    const bytes = Buffer.from(bodies.map((body) => post('a', 'text/plain', body)).join(''));
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 97) {
      one.send(bytes.subarray(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor(() => one.text.split('204 No Content').length > 50);
    const offsets = [...one.text.matchAll(/Stream-Next-Offset: (\d+_\d+)/g)].map(([, offset]) => offset!);
    let end = 0;
    const ends = bodies.map((body) => {
      end += Buffer.byteLength(body);
      return end;
    });
    expect(offsets.map((offset) => Number(offset.split('_')[1]))).toEqual(ends);
    expect(server.seen()).toBe(before);
    const read = await server.call('GET', `/api/v1x/a?offset=${offsets[48]}`);
    expect(read.text).toBe(bodies[49]);
    expect((await server.call('GET', '/api/v1x/a')).text).toBe(bodies.join(''));
    one.socket.destroy();
  });

  it('contract 105: is that of a program by fetch of Node too, and so is its live read', async () => {
    const server = await counted();
    const url = `http://127.0.0.1:${server.port}/v1/stream/a`;
    const headers = { 'Content-Type': 'text/plain' };
    await server.call('PUT', '/api/v1x/a', { headers });
    const before = server.seen();
    const live = await fetch(`${url}?offset=-1&live=sse`);
    const append = await fetch(url, { method: 'POST', headers, body: 'hello' });
    expect([live.status, append.status]).toEqual([200, 204]);
    await server.mounts.remove('/s/a');
    expect(await live.text()).toContain('data:hello');
    expect(server.seen()).toBe(before);
  });

  it('contract 105: is answered as node:http answers it, errors too', async () => {
    const memory: StartOptions = { maxRequestBodyBytes: 4 * KB, maxJsonBodyBytes: 200 };
    const server = await counted(memory);
    const { call, port } = server;
    const created = (name: string, type: string, headers: Record<string, string> = {}) =>
      call('PUT', `/api/v1x/${name}`, { headers: { 'Content-Type': type, ...headers } });
    const cases: [name: string, type: string, body: string, target?: string][] = [
      ['a', 'text/plain', 'abc'],
      ['a', 'TEXT/Plain; charset=utf-8', 'abc'],
      ['a', 'application/json', '1'],
      ['a', '', 'abc'],
      ['a', 'text/plain', ''],
      ['a', 'text/plain', 'x'.repeat(4 * KB)],
      ['a', 'text/plain', 'x'.repeat(4 * KB + 1)],
      ['j', 'application/json', '[1, {"a": [2]}]'],
      ['j', 'application/json; charset=utf-8', ' 12345678901234567890 '],
      ['j', 'application/json', '[]'],
      ['j', 'application/json', '[1,'],
      ['j', 'application/json', `"${'x'.repeat(900)}"`],
      ['closed', 'text/plain', 'abc'],
      ['none', 'text/plain', 'abc'],
      ['README', 'text/plain', 'abc'],
      ['dir', 'text/plain', 'abc'],
      ['held', 'text/plain', 'abc'],
      ['__ds/x', 'text/plain', 'abc'],
      ['%2e%2e/x', 'text/plain', 'abc'],
      ['a/', 'text/plain', 'abc'],
      ['dir%2Fb', 'text/plain', 'abc'],
      ['dir//b', 'text/plain', 'abc'],
      ['a?x=1', 'text/plain', 'abc'],
      ['', 'text/plain', 'abc'],
    ];
    await created('a', 'text/plain');
    await created('j', 'application/json');
    await created('dir/b', 'text/plain');
    await created('closed', 'text/plain', { 'Stream-Closed': 'true' });
    await created('held', 'text/plain');
    await created('fork', 'text/plain', { 'Stream-Forked-From': '/v1/stream/held' });
    await call('DELETE', '/api/v1x/held');
    for (const [name, type, body] of cases) {
      const ours = comparable(await responseTo(port, post(name, type, body)));
      // A header that makes node:http serve the request.
      const theirs = comparable(await responseTo(port, post(name, type, body, 'X-Any: thing\r\n')));
      expect([name, type, ours]).toEqual([name, type, theirs]);
    }
    // Both ways have appended.
    const text = (await call('GET', '/api/v1x/a')).text;
    expect(text).toBe(`abcabcabcabc${'x'.repeat(8 * KB)}abcabcabcabc`);
    expect((await call('GET', '/api/v1x/j')).text).toBe(
      '[1,{"a": [2]},1,{"a": [2]},12345678901234567890,12345678901234567890]',
    );
    expect((await call('GET', '/api/v1x/dir/b')).text).toBe('abcabcabcabc');
  });

  it('contract 105: a body that breaks off, stands still or is cut with its connection is not appended in part', async () => {
    const { call, port, seen } = await counted({ limits: { bodyTimeout: 100, streamBodyTimeout: 0 } });
    await call('PUT', '/api/v1x/a', { body: 'before', headers: { 'Content-Type': 'text/plain' } });
    const before = seen();
    const request = post('a', 'text/plain', 'x'.repeat(10));
    const ended = await connectTo(port);
    ended.send(request.slice(0, -4));
    ended.socket.end();
    expect(await ended.closed()).toMatch(/^HTTP\/1.1 400 [\s\S]*BODY_BROKE_OFF/);
    const still = await connectTo(port);
    still.send(request.slice(0, -4));
    expect(await still.closed()).toMatch(/^HTTP\/1.1 408 [\s\S]*"written":0/);
    const cut = await connectTo(port);
    cut.send(request + request.slice(0, -4));
    await cut.until('\r\n\r\n');
    cut.socket.destroy();
    expect(seen()).toBe(before);
    await waitFor(() => cut.socket.destroyed);
    expect((await call('GET', '/api/v1x/a')).text).toBe('beforexxxxxxxxxx');
  });

  it('contract 105: looks its stream up again when it has been closed, removed, or created with another type', async () => {
    const server = await counted();
    const { call, port } = server;
    const created = (type: string) => call('PUT', '/api/v1x/a', { headers: { 'Content-Type': type } });
    await created('text/plain');
    const one = await connectTo(port);
    const next = async (type: string) => {
      const from = one.text.length;
      one.send(post('a', type, '11'));
      await waitFor(() => one.text.slice(from).includes('\r\n\r\n'));
      return one.text.slice(from + 9, from + 12);
    };
    expect(await next('text/plain')).toBe('204');
    await call('DELETE', '/api/v1x/a');
    await created('text/plain');
    expect(await next('text/plain')).toBe('204');
    expect((await call('GET', '/api/v1x/a')).text).toBe('11');
    const before = server.seen();
    await call('DELETE', '/api/v1x/a');
    await created('application/json');
    expect(await next('text/plain')).toBe('409');
    expect(server.seen()).toBe(before + 3);
    expect((await call('GET', '/api/v1x/a')).text).toBe('[]');
    one.socket.destroy();
  });

  it('contract 20, 105: comes after an append that waits and closes its stream', async () => {
    const small = { fstype: 'streamfs', config: { ring_buffer_size: '64KB', channel_buffer_size: '64KB' } };
    const server = await counted({ mounted: { '/s': small } });
    const { call, port, mounts } = server;
    const headers = { 'Content-Type': 'text/plain' };
    await call('PUT', '/api/v1x/a', { headers });
    const source = await mounts.openStream('/s/a', { onLag: 'block', create: false });
    if (source.kind !== 'live') throw new Error('not live');
    await call('POST', '/api/v1x/a', { headers, body: 'x'.repeat(64 * KB) });
    const last = call('POST', '/api/v1x/a', { headers: { ...headers, 'Stream-Closed': 'true' }, body: 'last' });
    await waitFor(() => server.seen() === 3);
    const late = responseTo(port, post('a', 'text/plain', 'late'));
    // The outcome of the waiting append is not known yet: node:http has to determine it.
    await waitFor(() => server.seen() === 4);
    let received = '';
    for await (const record of source.reader) {
      if (record.type === 'data') received += Buffer.from(record.data).toString();
    }
    expect(received).toBe(`${'x'.repeat(64 * KB)}last`);
    expect((await last).status).toBe(204);
    expect(await late).toMatch(/^HTTP\/1.1 409 [\s\S]*Stream-Closed: true/i);
  });

  it('contract 105: asks for the right to write, and is counted and logged as the append it is', async () => {
    const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');
    const tokens = new Tokens([
      { name: 'w', sha256: sha256('writer'), paths: ['/s/open/**'], rights: ['write'] },
      { name: 'r', sha256: sha256('reader'), paths: ['/**'], rights: ['read'] },
    ]);
    const server = await counted({ tokens });
    const auth = (token: string) => ({ Authorization: `Bearer ${token}` });
    await server.call('PUT', '/api/v1x/open/a', { headers: { 'Content-Type': 'text/plain', ...auth('writer') } });
    const status = async (name: string, token: string | undefined) => {
      const more = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
      return (await responseTo(server.port, post(name, 'text/plain', 'x', more))).slice(9, 12);
    };
    expect(await status('open/a', 'writer')).toBe('204');
    expect(await status('open/a', 'reader')).toBe('403');
    expect(await status('open/a', undefined)).toBe('401');
    expect(await status('open/../a', 'writer')).not.toBe('204');
    expect(await status('open%2Fa', 'writer')).toBe('204');
    const lines = server.log.filter(({ message, facts }) => message === 'request' && facts.method === 'POST');
    expect(lines.map(({ facts }) => [facts.route, facts.status])).toContainEqual(['/v1/stream/*', 204]);
    expect(server.server.metrics.text()).toMatch(
      /request_duration_seconds_count\{route="POST \/v1\/stream\/\*",status="2xx"\} 2\n/,
    );
  });
});
