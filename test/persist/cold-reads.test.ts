/** Every way of reading a stream on disk reaches back to everything there, even if memory no longer holds it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MemoryBudget } from '../../src/core/index.ts';
import { internalOf } from '../../src/core/internal.ts';
import { follow, type Running, start } from '../server/harness.ts';

const durableStreams = { mount: '/s', prefixes: ['/api/v1x'], longPollTimeout: 50 };

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'streamfs-cold-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const withDisk = (options: { memory?: MemoryBudget } = {}) =>
  start({
    mounted: { '/s': { fstype: 'streamfs', config: { persist: directory, ring_buffer_size: '64KB' } } },
    ...{ durableStreams, maxRequestBodyBytes: 8 * 1024 * 1024, ...options },
  });

/** Lines of different lengths, in total much longer than the ring. */
const line = (n: number) => `line ${n} ${'.'.repeat(n % 300)}\n`;
const LINES = Array.from({ length: 6000 }, (_, n) => line(n));
const ALL = LINES.join('');

async function written(at: Running, path = '/s/long'): Promise<void> {
  for (let n = 0; n < LINES.length; n += 50) {
    const body = LINES.slice(n, n + 50).join('');
    expect((await at.call('PUT', `/files?path=${path}`, { body })).status).toBe(200);
  }
  const { Content } = (await at.call('GET', `/stat?path=${path}`)).json().meta as { Content: Record<string, string> };
  expect(Content).toMatchObject({ start_offset: '0', end_offset: String(ALL.length) });
  const { stream } = await inner(at, path.slice(2));
  expect(stream.startOffset).toBeGreaterThan(ALL.length / 2);
}

async function inner(at: Running, path: string) {
  const source = await at.mounts.openStream(`/s${path}`, { create: false });
  if (source.kind !== 'live') throw new Error('no stream');
  source.reader.close();
  return { stream: internalOf(source.reader.stream) };
}

/** Without all of it where it is not: only what is told apart. */
function expectSame(actual: string, wanted: string): void {
  let at = 0;
  while (at < wanted.length && actual[at] === wanted[at]) at++;
  const around = (text: string) => ({ length: text.length, at, next: text.slice(at, at + 60) });
  expect(around(actual)).toEqual(around(wanted));
}

/** Flips one bit of a segment that contains a text, or of a journal. */
function damage(text: string): void {
  for (const folder of ['data', 'journal']) {
    for (const name of readdirSync(join(directory, folder))) {
      const file = join(directory, folder, name);
      const bytes = readFileSync(file);
      const at = bytes.indexOf(text);
      if (at < 0) continue;
      bytes[at]! ^= 1;
      writeFileSync(file, bytes);
      return;
    }
  }
  throw new Error(`${text} is in no file`);
}

/** One of the recordings, much longer than the ring: its parts repeated after one header. */
function recording(name: string): Buffer {
  const once = readFileSync(join(import.meta.dirname, '../media/fixtures', name));
  const end = once.lastIndexOf('mfra');
  const from = Math.max(0, once.indexOf('moof') - 4);
  const parts = once.subarray(from, end < 0 ? once.length : end - 4);
  const again = Array.from({ length: Math.ceil(400_000 / parts.length) }, () => parts);
  return Buffer.concat([once.subarray(0, from), ...again]);
}

describe('reads of what memory has no more', () => {
  it('contract 107: a snapshot has all that is kept, from the beginning and from anywhere', async () => {
    const at = await withDisk();
    await written(at);
    const whole = await at.call('GET', '/files?path=/s/long&snapshot=true');
    expect([whole.status, whole.headers['content-length'], whole.headers['x-stream-offset']]).toEqual([
      200,
      String(ALL.length),
      '0',
    ]);
    expectSame(whole.text, ALL);
    const head = await at.call('HEAD', '/files?path=/s/long&snapshot=true&offset=1000');
    expect(head.headers['content-length']).toBe(String(ALL.length - 1000));
    for (const from of [1, 777, 65_536, 300_000, ALL.length - 10]) {
      expectSame((await at.call('GET', `/files?path=/s/long&snapshot=true&offset=${from}`)).text, ALL.slice(from));
    }
    const last = await at.call('GET', '/files?path=/s/long&snapshot=true&last=500000');
    expectSame(last.text, ALL.slice(-500_000));
  });

  it('contract 107: the last lines are those of the disk too', async () => {
    const at = await withDisk();
    await written(at);
    await at.call('POST', '/end?path=/s/long');
    for (const count of [0, 1, 10, 1000, 3333, 5999, 6000, 7000]) {
      const wanted = LINES.slice(LINES.length - Math.min(count, LINES.length)).join('');
      expectSame((await at.call('GET', `/files?path=/s/long&snapshot=true&last_lines=${count}`)).text, wanted);
      expectSame((await at.call('GET', `/files?path=/s/long&stream=true&last_lines=${count}`)).text, wanted);
    }
  });

  it('contract 107: a reader of lines joins at whole ones that only the disk has', async () => {
    const at = await withDisk();
    await at.call('POST', '/files?path=/s/long&type=text/plain&container=lines');
    await written(at);
    await at.call('POST', '/end?path=/s/long');
    const read = async (query: string) => (await at.call('GET', `/files?path=/s/long&stream=true&${query}`)).text;
    expectSame(await read('from=earliest'), ALL);
    for (const back of [500_000, 300_001, 70_003]) {
      const wanted = ALL.slice(-back);
      const isWhole = ALL.at(-back - 1) === '\n';
      expectSame(await read(`last=${back}`), isWhole ? wanted : wanted.slice(wanted.indexOf('\n') + 1));
    }
    expectSame(await read('offset=1003&join=boundary'), ALL.slice(ALL.indexOf('\n', 1003) + 1));
    expectSame(await read('last_lines=5000'), LINES.slice(-5000).join(''));
  });

  it('contract 107: a player joins at places that only the disk has, with the header of the format', async () => {
    const at = await withDisk();
    for (const [name, type] of [
      ['h264-aac.mp4', 'video/mp4'],
      ['sine.mp3', 'audio/mpeg'],
      ['h264-aac.m2ts', 'video/mp2t'],
      ['sine.aac', 'audio/aac'],
    ] as const) {
      const all = recording(name);
      const path = `/s/${name}`;
      await at.call('POST', `/files?path=${path}&type=${type}`);
      for (let from = 0; from < all.length; from += 50_000) {
        await at.call('PUT', `/files?path=${path}`, { body: all.subarray(from, from + 50_000) });
      }
      await at.call('POST', `/end?path=${path}`);
      const { stream } = await inner(at, `/${name}`);
      const wanted = all.length - 3 * 65_536;
      const response = await fetch(
        `http://${at.host}:${at.port}/api/v1/files?path=${path}&stream=true&last=${3 * 65_536}`,
      );
      const body = Buffer.from(await response.arrayBuffer());
      const offset = Number(response.headers.get('x-stream-offset'));
      const header = Number(response.headers.get('x-stream-header') ?? 0);
      expect(offset, name).toBeGreaterThanOrEqual(wanted);
      expect(offset, `${name} joins on the disk`).toBeLessThan(stream.startOffset);
      expect(stream.format?.boundaryFrom(offset), `${name} joins at a place to begin`).toBe(offset);
      expect(body.subarray(header).equals(all.subarray(offset)), name).toBe(true);
    }
  });

  it('contract 107: a handle reads at any offset that is kept', async () => {
    const at = await withDisk();
    await written(at);
    const { handle_id } = (await at.call('POST', '/handles/open?path=/s/long&flags=0')).json();
    for (const offset of [0, 5, 100_000, 400_001, ALL.length - 3]) {
      const response = await at.call('GET', `/handles/${handle_id}/read?offset=${offset}&size=3000`);
      const expected = ALL.slice(offset, offset + response.body.length);
      expect(response.status).toBe(200);
      expectSame(response.text, expected);
      expect(response.body.length).toBeGreaterThan(0);
    }
  });

  it('contract 105, 107: Durable Streams catches up from the disk, page by page and by long poll', async () => {
    const at = await withDisk();
    await at.call('PUT', '/api/v1x/long', { headers: { 'Content-Type': 'text/plain' } });
    await written(at);
    for (const live of ['', '&live=long-poll']) {
      let text = '';
      for await (const { page, body } of pages(at, '/long', live)) {
        text += body;
        expect(page.headers['stream-earliest-offset']).toBeUndefined();
      }
      expectSame(text, ALL);
    }
    const { headers } = await at.call('HEAD', '/api/v1x/long');
    const inside = `${String(headers['stream-next-offset']).slice(0, 17)}${String(100_001).padStart(16, '0')}`;
    const rounded = await at.call('GET', `/api/v1x/long?offset=${inside}`);
    expect([rounded.status, ALL.includes(rounded.text), rounded.text.length > 0]).toEqual([200, true, true]);
  });

  it('contract 105, 107: events of Durable Streams come from the disk, and continue in memory when their client comes back', async () => {
    const at = await withDisk();
    await at.call('PUT', '/api/v1x/text', { headers: { 'Content-Type': 'text/plain' } });
    // Multi-byte characters whose bytes the writer sends separately.
    const letters = Buffer.from('žluťoučký kůň '.repeat(15_000));
    for (let n = 0; n < letters.length; n += 10_001) {
      const body = letters.subarray(n, n + 10_001);
      await at.call('POST', '/api/v1x/text', { headers: { 'Content-Type': 'text/plain' }, body });
    }
    await at.call('POST', '/api/v1x/text', { headers: { 'Stream-Closed': 'true' } });
    const { text, responses } = await events(at, '/text');
    expectSame(text, letters.toString());
    expect(responses).toBe(2);
  });

  it('contract 105, 107: messages of JSON come from the disk whole, the long ones too', async () => {
    const at = await withDisk();
    const json = { 'Content-Type': 'application/json' };
    await at.call('PUT', '/api/v1x/json', { headers: json });
    const messages: unknown[] = [];
    for (let n = 0; n < 60; n++) {
      const some = Array.from({ length: 20 }, (_, m) => ({ n, m, text: 'x'.repeat(m === 7 ? 20_000 : 300) }));
      messages.push(...some);
      await at.call('POST', '/api/v1x/json', { headers: json, body: JSON.stringify(some) });
    }
    await at.call('POST', '/api/v1x/json', { headers: { 'Stream-Closed': 'true' } });
    const paged: unknown[] = [];
    for await (const { body } of pages(at, '/json', '')) paged.push(...JSON.parse(body));
    expect(paged).toEqual(messages);
    const { data } = await events(at, '/json');
    expect(data.flatMap((one) => JSON.parse(one))).toEqual(messages);
  });

  it('contract 105, 107: a fork has what its source has on disk, and keeps it over a restart', async () => {
    const at = await withDisk();
    await at.call('PUT', '/api/v1x/long', { headers: { 'Content-Type': 'text/plain' } });
    await written(at);
    const made = await at.call('PUT', '/api/v1x/fork', {
      headers: { 'Content-Type': 'text/plain', 'Stream-Forked-From': '/api/v1x/long' },
      body: 'and more',
    });
    expect(made.status).toBe(201);
    const fork = async (on: Running) => (await on.call('GET', '/files?path=/s/fork&snapshot=true')).text;
    expectSame(await fork(at), `${ALL}and more`);
    const chunks = async (path: string) =>
      (await at.call('GET', `/stat?path=${path}`)).json().meta as { Content: object };
    expect((await chunks('/s/fork')).Content).toMatchObject({ total_chunks: String(LINES.length / 50 + 1) });
    const again = await at.call('PUT', '/api/v1x/fork', {
      headers: { 'Content-Type': 'text/plain', 'Stream-Forked-From': '/api/v1x/long' },
    });
    expect(again.status).toBe(200);
    await at.stop();
    const next = await withDisk();
    expectSame(await fork(next), `${ALL}and more`);
    await next.call('DELETE', '/files?path=/s/fork');
    expectSame((await next.call('GET', '/files?path=/s/long&snapshot=true&last=10')).text, ALL.slice(-10));
  });
});

describe('bytes lost on the disk', () => {
  it('contract 109: a snapshot that would begin with it is refused, and one that comes to it is cut', async () => {
    const before = await withDisk();
    await written(before);
    const lost = await damagedAppend(before);
    const at = await withDisk();
    const refused = await at.call('GET', `/files?path=/s/long&snapshot=true&offset=${lost.from + 5}`);
    expect([refused.status, refused.json().code, refused.json().earliest]).toEqual([410, 'OFFSET_GONE', lost.to]);
    await expect(at.call('GET', '/files?path=/s/long&snapshot=true')).rejects.toThrow();
    const rest = await at.call('GET', `/files?path=/s/long&snapshot=true&offset=${lost.to}`);
    expectSame(rest.text, ALL.slice(lost.to));
  });

  it('contract 105, 109: Durable Streams gives what comes before, then says at which offset to continue', async () => {
    const first = await withDisk();
    await first.call('PUT', '/api/v1x/long', { headers: { 'Content-Type': 'text/plain' } });
    await written(first);
    const lost = await damagedAppend(first);
    const at = await withDisk();
    const before = await at.call('GET', '/api/v1x/long?offset=-1');
    expect(before.status).toBe(200);
    expectSame(before.text, ALL.slice(0, lost.from));
    const gone = await at.call('GET', `/api/v1x/long?offset=${before.headers['stream-next-offset']}`);
    expect([gone.status, gone.json().code]).toEqual([410, 'OFFSET_GONE']);
    const on = await at.call('GET', `/api/v1x/long?offset=${gone.headers['stream-earliest-offset']}`);
    expect(ALL.slice(lost.to).startsWith(on.text)).toBe(true);
    expect(on.text.length).toBeGreaterThan(0);
  });
});

/** Stops a server, and damages one of the appends of its stream. Returns its position. */
async function damagedAppend(at: Running): Promise<{ from: number; to: number }> {
  await at.stop();
  const from = LINES.slice(0, 1000).join('').length;
  damage(LINES[1000]!.slice(0, 12));
  return { from, to: from + LINES.slice(1000, 1050).join('').length };
}

async function* pages(at: Running, path: string, live: string) {
  let offset = '-1';
  for (;;) {
    const page = await at.call('GET', `/api/v1x${path}?offset=${offset}${live}`);
    expect(page.status).toBe(200);
    yield { page, body: page.text };
    offset = page.headers['stream-next-offset'] as string;
    if (page.headers['stream-up-to-date'] === 'true') return;
  }
}

/** Everything sent as events to a client that reconnects until the stream is closed. */
async function events(at: Running, path: string) {
  let offset = '-1';
  let responses = 0;
  const data: string[] = [];
  for (let isClosed = false; !isClosed; responses++) {
    const live = await follow(at.port, `/api/v1x${path}?offset=${offset}&live=sse`);
    expect(live.res.statusCode).toBe(200);
    for (const event of Buffer.from(await live.end(), 'latin1')
      .toString()
      .split('\n\n')) {
      const lines = event.split('\n');
      const body = lines.slice(1).map((one) => one.replace(/^data: ?/, ''));
      if (lines[0] === 'event: data') data.push(body.join('\n'));
      if (lines[0] !== 'event: control') continue;
      const { streamNextOffset, streamClosed } = JSON.parse(body.join('')) as Record<string, unknown>;
      offset = String(streamNextOffset);
      isClosed = streamClosed === true;
    }
  }
  return { text: data.join(''), data, responses };
}
