/** Pipelined requests on a direct connection while appends wait for a log: order of effects and of responses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createError } from '../../../src/errors/index.ts';
import type { Appender, FileInfo, Plugin } from '../../../src/fs/index.ts';
import { BaseFileSystem } from '../../../src/plugins/index.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo, parseResponse, type Wire, type WireResponse } from '../../harness/wire.ts';
import { type Running, start } from '../harness.ts';

/** An append that has its place and waits to be completed by the test. */
interface PendingAppend {
  readonly text: string;
  complete(): void;
  fail(): void;
}

/** One stream, `/a`, whose appends are complete when the test says so. */
class SlowFileSystem extends BaseFileSystem {
  readonly begun: PendingAppend[] = [];
  /** All bytes, in the order in which their appends began. */
  text = '';
  isPlaced = true;

  constructor() {
    super('slowfs');
  }

  async stat(path: string): Promise<FileInfo> {
    const meta = { Name: 'slowfs', Type: '', Content: null };
    return { name: path.slice(1), size: 0, mode: 0o644, modTime: new Date(0), isDir: path === '/', meta };
  }

  async readDir(): Promise<FileInfo[]> {
    return [];
  }

  override async openWrite(): Promise<never> {
    throw createError('STREAM_CLOSED');
  }

  async open(): Promise<never> {
    throw createError('NOT_SUPPORTED', { operation: 'reading', plugin: 'slowfs' });
  }

  openAppend(): Appender {
    const { isPlaced } = this;
    const append = (piece: Uint8Array) => this.append(Buffer.from(piece).toString());
    return { generation: 'g', endOffset: 0, isOver: false, isPlaced, append };
  }

  private append(text: string): Promise<number> | undefined {
    if (text === 'refused') throw createError('STREAM_CLOSED');
    this.text += text;
    const end = this.text.length;
    return new Promise((resolve, reject) => {
      this.begun.push({
        text,
        complete: () => resolve(end),
        fail: () => reject(createError('STREAM_CLOSED')),
      });
    });
  }
}

async function slowServer(): Promise<{ server: Running; slow: SlowFileSystem }> {
  const slow = new SlowFileSystem();
  const plugin: Plugin = {
    name: 'slowfs',
    readme: 'slowfs - appends that wait',
    configParameters: [],
    validate: () => undefined,
    initialize: async () => ({ fileSystem: slow, shutdown: async () => undefined }),
  };
  const server = await start({ plugins: [plugin], mounted: { '/slow': 'slowfs', '/s': 'streamfs', '/mem': 'memfs' } });
  return { server, slow };
}

function put(path: string, body: string): string {
  return `PUT /api/v1/files?path=${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** All complete responses so far. */
function responses(wire: Wire): WireResponse[] {
  const all: WireResponse[] = [];
  for (let rest = wire.bytes; ; ) {
    const response = parseResponse(rest);
    if (response === undefined || !response.complete) return all;
    all.push(response);
    rest = response.rest;
  }
}

/** Waits for so many responses, and gives the statuses of all, with the end offset of those that have one. */
async function outcomes(wire: Wire, count: number): Promise<string[]> {
  const all = await waitFor(`${count} responses`, () => {
    const complete = responses(wire);
    return complete.length >= count ? complete : undefined;
  });
  return all.map(({ headers, status }) => [status, headers['x-stream-end-offset']].join(' ').trim());
}

describe('pipelined appends that wait', () => {
  it('begin in order without waiting for each other, and are answered in order with the offset after each', async () => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    one.send(['one', 'two!', 'three'].map((body) => put('/slow/a', body)).join(''));
    await waitFor(() => slow.begun.length === 3);
    expect(slow.text).toBe('onetwo!three');
    slow.begun[2]!.complete();
    slow.begun[1]!.complete();
    await server.call('GET', '/health');
    expect(responses(one)).toEqual([]);
    slow.begun[0]!.complete();
    expect(await outcomes(one, 3)).toEqual(['200 3', '200 7', '200 12']);
  });

  it('wait for each other as long as one has no place yet', async () => {
    const { server, slow } = await slowServer();
    slow.isPlaced = false;
    const one = await connectTo(server.port);
    one.send(put('/slow/a', 'one') + put('/slow/a', 'two'));
    await waitFor(() => slow.begun.length === 1);
    await server.call('GET', '/health');
    expect(slow.text).toBe('one');
    slow.begun[0]!.complete();
    await waitFor(() => slow.begun.length === 2);
    slow.begun[1]!.complete();
    expect(await outcomes(one, 2)).toEqual(['200 3', '200 6']);
  });

  it('are answered one by one where one fails, and the connection continues', async () => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    one.send(['one', 'two', 'three'].map((body) => put('/slow/a', body)).join(''));
    await waitFor(() => slow.begun.length === 3);
    slow.begun[1]!.fail();
    slow.begun[2]!.complete();
    slow.begun[0]!.complete();
    expect(await outcomes(one, 3)).toEqual(['200 3', '409', '200 11']);
    one.send(put('/s/a', 'more'));
    expect(await outcomes(one, 4)).toEqual(['200 3', '409', '200 11', '200 4']);
    expect((await server.call('GET', '/metrics')).text).toMatch(
      /request_duration_seconds_count\{[^}]*="4xx"[^}]*\} 1\n/,
    );
  });

  it.each([
    ['another stream, in memory', put('/s/a', 'x'), '200 1'],
    ['a request that node:http serves', 'GET /api/v1/files?path=/mem/none HTTP/1.1\r\nHost: x\r\n\r\n', '404'],
    ['a long body', put('/s/a', 'x'.repeat(100_000)), '200 100000'],
    ['an append that is refused at once', put('/slow/a', 'refused'), '409'],
    ['what is not a request', 'NONSENSE\r\n\r\n', '400'],
  ])('are answered before %s', async (_what, next, outcome) => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    one.send(put('/slow/a', 'one') + put('/slow/a', 'two') + next);
    await waitFor(() => slow.begun.length === 2);
    await server.call('GET', '/health');
    expect(responses(one)).toEqual([]);
    slow.begun[1]!.complete();
    slow.begun[0]!.complete();
    expect(await outcomes(one, 3)).toEqual(['200 3', '200 6', outcome]);
  });

  it('are answered before a live read that follows them', async () => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    await server.call('PUT', '/files?path=/s/a', { body: 'hello' });
    one.send(`${put('/slow/a', 'one')}GET /api/v1/files?path=/s/a&stream=true HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waitFor(() => slow.begun.length === 1);
    slow.begun[0]!.complete();
    expect(await one.until('hello')).toMatch(/Written 3 bytes.*hello/s);
  });

  it('are all answered where the client closes its sending side', async () => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    one.send(put('/slow/a', 'one') + put('/slow/a', 'two'));
    one.socket.end();
    await waitFor(() => slow.begun.length === 2);
    for (const append of slow.begun) append.complete();
    expect(await one.closed()).toMatch(/Written 3 bytes.*Written 3 bytes/s);
  });

  it('are answered before the error of a body that breaks off after them', async () => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    one.send(put('/slow/a', 'one') + put('/slow/a', 'two').slice(0, -1));
    one.socket.end();
    await waitFor(() => slow.begun.length === 2);
    slow.begun[0]!.complete();
    expect(await one.closed()).toMatch(/^HTTP\/1.1 200 .*HTTP\/1.1 400 .*Connection: close/s);
    expect(slow.text).toBe('onetw');
  });

  it('are waited for when the server closes', async () => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    one.send(put('/slow/a', 'one') + put('/slow/a', 'two'));
    await waitFor(() => slow.begun.length === 2);
    const stopped = server.stop();
    for (const append of slow.begun) append.complete();
    expect(await one.closed()).toMatch(/Written 3 bytes.*Written 3 bytes/s);
    await stopped;
  });

  it('do no harm where the client has gone', async () => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    one.send(put('/slow/a', 'one') + put('/slow/a', 'two'));
    await waitFor(() => slow.begun.length === 2);
    one.socket.resetAndDestroy();
    const connections = async () =>
      (await server.call('GET', '/metrics')).text.match(/^streamfs_connections (\d+)/m)?.[1];
    await waitFor('the server to notice', async () => (await connections()) === '1');
    slow.begun[0]!.fail();
    slow.begun[1]!.complete();
    expect((await server.call('GET', '/health')).status).toBe(200);
    expect(server.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('are at most 256 at a time for one connection', async () => {
    const { server, slow } = await slowServer();
    const one = await connectTo(server.port);
    one.send(put('/slow/a', 'x').repeat(300));
    await waitFor(() => slow.begun.length === 256);
    await server.call('GET', '/health');
    expect(slow.begun.length).toBe(256);
    for (const append of slow.begun) append.complete();
    await waitFor(() => slow.begun.length === 300);
    for (const append of slow.begun) append.complete();
    expect((await outcomes(one, 300)).at(-1)).toBe('200 300');
  });

  it('keep their order and that of their responses, however they are completed and cut on their way', async () => {
    const { server, slow } = await slowServer();
    const bodies = fc.array(fc.constantFrom('a', 'bb', 'ccc', 'dddd'), { minLength: 1, maxLength: 12 });
    const ranks = fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 });
    const cut = fc.integer({ min: 1, max: 200 });
    await fc.assert(
      fc.asyncProperty(bodies, ranks, cut, async (sent, ranked, size) => {
        slow.text = '';
        slow.begun.length = 0;
        const one = await connectTo(server.port);
        const bytes = sent.map((body) => put('/slow/a', body)).join('');
        for (let at = 0; at < bytes.length; at += size) {
          one.send(bytes.slice(at, at + size));
          await new Promise((resolve) => setImmediate(resolve));
        }
        await waitFor(() => slow.begun.length === sent.length);
        expect(slow.begun.map(({ text }) => text)).toEqual(sent);
        const order = sent.map((_, n) => n).sort((a, b) => ranked[a]! - ranked[b]!);
        for (const n of order) slow.begun[n]!.complete();
        const ends = sent.map((_, n) => sent.slice(0, n + 1).join('').length);
        expect(await outcomes(one, sent.length)).toEqual(ends.map((end) => `200 ${end}`));
        one.socket.destroy();
      }),
      { numRuns: 30 },
    );
  });
});
