import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../src/app/index.ts';
import { type FollowRecord, StreamFSClient } from '../../src/client/index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function realServer(): Promise<string> {
  const app = await startApp({ address: '127.0.0.1:0', logger: silent });
  onTestFinished(() => app.shutdown());
  return app.url;
}

/** A proxy that breaks each connection after some bytes of response, until it is told to stop. */
async function breakingProxy(target: string, bytes: () => number) {
  const sockets = new Set<Socket>();
  let closed = false;
  const facts = {
    url: '',
    cuts: 0,
    /** Breaks all connections, and every new one. */
    close() {
      closed = true;
      for (const socket of sockets) socket.destroy();
    },
    open() {
      closed = false;
    },
  };
  const server = createServer((client) => {
    if (closed) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(new URL(target).port), '127.0.0.1');
    let left = bytes();
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (piece) => {
      const part = piece.subarray(0, left);
      left -= part.length;
      client.write(part);
      if (left > 0) return;
      facts.cuts += 1;
      upstream.pause();
      client.end();
    });
    upstream.on('end', () => client.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    facts.close();
    server.close();
    await once(server, 'close');
  });
  facts.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return facts;
}

async function collect(records: AsyncIterable<FollowRecord>): Promise<FollowRecord[]> {
  const all: FollowRecord[] = [];
  for await (const record of records) all.push(record);
  return all;
}

function bytesOf(records: readonly FollowRecord[]): Buffer {
  return Buffer.concat(records.flatMap((record) => (record.type === 'data' ? [Buffer.from(record.data)] : [])));
}

describe('client with a real server', () => {
  it('contract 19: over a connection that is cut again and again every byte comes once', async () => {
    const url = await realServer();
    const content = randomBytes(2_000_000);
    const writer = new StreamFSClient({ url });
    await writer.write('/streamfs/x', content.subarray(0, 1_000_000));
    let cutsLeft = 30;
    const proxy = await breakingProxy(url, () => {
      cutsLeft -= 1;
      return cutsLeft > 0 ? 600 + Math.floor(Math.random() * 100_000) : Number.POSITIVE_INFINITY;
    });
    const reader = new StreamFSClient({ url: proxy.url, retry: { initial: 1, max: 5 } });
    const reading = collect(reader.follow('/streamfs/x'));
    await writer.write('/streamfs/x', content.subarray(1_000_000), { end: true });
    const records = await reading;
    expect(proxy.cuts).toBeGreaterThan(5);
    expect(records.some(({ type }) => type === 'gap')).toBe(false);
    expect(bytesOf(records).equals(content)).toBe(true);
    expect(records.at(-1)).toEqual({ type: 'end', offset: 2_000_000, reason: 'ended' });
  });

  it('contract 9, 25: a start that is no longer retained is a gap of exact size where that is asked for', async () => {
    const url = await realServer();
    const client = new StreamFSClient({ url });
    await client.mount('streamfs', '/small', { ring_buffer_size: '64KB' });
    const content = randomBytes(200_000);
    await client.write('/small/x', content, { end: true });
    const records = await collect(client.follow('/small/x', { offset: 10, onExpired: 'skip' }));
    const gap = records.find((record) => record.type === 'gap');
    expect(gap).toMatchObject({ from: 10, to: 200_000 - 65_536 });
    expect(bytesOf(records).equals(content.subarray(200_000 - 65_536))).toBe(true);
    await expect(collect(client.follow('/small/x', { offset: 10 }))).rejects.toMatchObject({
      code: 'OFFSET_GONE',
      status: 410,
      details: { earliest: 200_000 - 65_536 },
    });
  });

  it('contract 29: a stream that is created again while the reader is disconnected shows as recreated', async () => {
    const url = await realServer();
    const writer = new StreamFSClient({ url });
    const first = await writer.write('/streamfs/x', 'old');
    const proxy = await breakingProxy(url, () => Number.POSITIVE_INFINITY);
    const records = new StreamFSClient({ url: proxy.url, retry: { initial: 1, max: 5 } }).follow('/streamfs/x');
    expect(await records.next()).toMatchObject({ value: { type: 'open', generation: first.generation } });
    expect(await records.next()).toMatchObject({ value: { type: 'data', offset: 0 } });
    // Its end does not get through: the reader only sees a broken connection.
    proxy.close();
    await writer.remove('/streamfs/x');
    const second = await writer.write('/streamfs/x', 'new', { end: true });
    expect(second.generation).not.toBe(first.generation);
    proxy.open();
    const rest = await collect(records);
    expect(rest.find(({ type }) => type === 'recreated')).toEqual({
      type: 'recreated',
      previous: first.generation,
      generation: second.generation,
      lastOffset: 3,
    });
    expect(bytesOf(rest).toString()).toBe('new');
    expect(rest.at(-1)).toEqual({ type: 'end', offset: 3, reason: 'ended' });
    const exact = writer.follow('/streamfs/x', { offset: 3, generation: first.generation ?? '' });
    await expect(collect(exact)).rejects.toMatchObject({ code: 'STREAM_RECREATED', status: 409 });
  });

  it('contract 100: the status of an end comes to followers, whichever way it was said', async () => {
    const client = new StreamFSClient({ url: await realServer() });
    let code: number | undefined;
    const source = async function* () {
      yield Buffer.from('out');
      code = 3;
    };
    await client.write('/streamfs/a', source(), { reconnect: true, end: true, endStatus: () => `exit ${code}` });
    await client.write('/streamfs/b', 'out', { reconnect: true, end: true, endStatus: 'exit 3' });
    await client.write('/streamfs/c', 'out', { end: true, endStatus: 'exit 3' });
    await client.write('/streamfs/d', 'out');
    await client.end('/streamfs/d', { status: 'exit 3' });
    for (const path of ['/streamfs/a', '/streamfs/b', '/streamfs/c', '/streamfs/d']) {
      const records = await collect(client.follow(path));
      expect(records.at(-1)).toEqual({ type: 'end', offset: 3, reason: 'ended', status: 'exit 3' });
      expect((await client.stat(path)).meta.Content).toMatchObject({ end_status: 'exit 3' });
    }
  });

  it('a status that the server would refuse, or that nothing could carry, is a TypeError before anything is sent', async () => {
    const client = new StreamFSClient({ url: 'http://127.0.0.1:1' });
    const wrong = [{ end: true, endStatus: 'a\nb' }, { endStatus: 'exit 3' }, { end: true, endStatus: () => 'exit 3' }];
    for (const options of wrong) await expect(client.write('/s/x', 'x', options)).rejects.toBeInstanceOf(TypeError);
    await expect(client.end('/s/x', { status: '' })).rejects.toBeInstanceOf(TypeError);
  });

  it('contract 30: it has caught up before the next byte is written', async () => {
    const url = await realServer();
    const client = new StreamFSClient({ url });
    await client.write('/streamfs/x', 'history');
    const types: string[] = [];
    for await (const record of client.follow('/streamfs/x')) {
      types.push(record.type);
      if (record.type === 'caught-up') await client.write('/streamfs/x', 'live', { end: true });
    }
    expect(types.slice(0, 4)).toEqual(['open', 'data', 'caught-up', 'data']);
    expect(types.at(-1)).toBe('end');
  });

  it('contract 52, 53, 56, 62, 64: a handle reads, writes, seeks and closes', async () => {
    const url = await realServer();
    const client = new StreamFSClient({ url });
    await client.write('/streamfs/x', 'history');
    const handle = await client.openHandle('/streamfs/x', { flags: 2, lease: 30 });
    expect((await client.handles()).map(({ path }) => path)).toEqual(['/streamfs/x']);
    expect(await handle.read({ size: 4 })).toEqual({ data: new Uint8Array(Buffer.from('hist')), eof: false });
    expect(await handle.readAt(1, { size: 3 })).toEqual({ data: new Uint8Array(Buffer.from('ist')), eof: false });
    expect(await handle.write('!!')).toEqual({ written: 2, position: 9 });
    expect(await handle.seek(-2, 'end')).toBe(7);
    expect(Buffer.from((await handle.read()).data).toString()).toBe('!!');
    expect(await handle.read({ timeout: 0 })).toEqual({ data: new Uint8Array(0), eof: false });
    await client.end('/streamfs/x');
    expect(await handle.read()).toEqual({ data: new Uint8Array(0), eof: true });
    expect(await handle.info()).toMatchObject({ handle_id: handle.id, path: '/streamfs/x', lease: 30 });
    expect(await handle.renew(60)).toMatchObject({ lease: 60 });
    expect(await handle.stat()).toMatchObject({ name: 'x', size: 9 });
    await handle.sync();
    await handle.truncate(0);
    await handle.seek(0);
    const pieces: Uint8Array[] = [];
    for await (const piece of handle.stream()) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe('history!!');
    await handle.close();
    await expect(handle.info()).rejects.toMatchObject({ status: 404, code: 'HANDLE_NOT_FOUND' });
  });

  it('a reader that is kicked gets an error, and does not come back by itself', async () => {
    const url = await realServer();
    const client = new StreamFSClient({ url });
    await client.write('/streamfs/x', 'history');
    const seen: string[] = [];
    const following = (async () => {
      for await (const record of client.follow('/streamfs/x')) {
        seen.push(record.type);
        if (record.type !== 'caught-up') continue;
        const { readers } = await client.readers({ path: '/streamfs/x' });
        expect(readers).toMatchObject([{ kind: 'frames', state: 'live', bytes: 7, offset: 7 }]);
        await client.kick(readers[0]!.id);
      }
    })();
    await expect(following).rejects.toMatchObject({
      ...{ kind: 'http', status: 403, code: 'READER_KICKED', details: { offset: 7 } },
      message: 'an administrator disconnected this reader at offset 7',
    });
    expect(seen).toEqual(['open', 'data', 'caught-up']);
    expect(await client.readers()).toEqual({ readers: [], count: 0 });
    await expect(client.kick(1e9)).rejects.toMatchObject({ status: 404, code: 'READER_NOT_FOUND' });
  });

  it('the live read of a handle that is kicked is an error too, not an end', async () => {
    const url = await realServer();
    const client = new StreamFSClient({ url });
    await client.write('/streamfs/x', 'history');
    const handle = await client.openHandle('/streamfs/x');
    let got = '';
    const reading = (async () => {
      for await (const piece of handle.stream()) {
        got += Buffer.from(piece).toString();
        const { readers } = await client.readers();
        await client.kick(readers[0]!.id);
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'READER_KICKED', details: { offset: 7 } });
    expect(got).toBe('history');
    await expect(handle.info()).rejects.toMatchObject({ code: 'HANDLE_NOT_FOUND' });
  });

  it('a live read of a handle that is closed, or of a file, ends', async () => {
    const url = await realServer();
    const client = new StreamFSClient({ url });
    await client.write('/streamfs/x', 'history');
    await client.write('/memfs/x', 'a file');
    for (const path of ['/streamfs/x', '/memfs/x']) {
      const handle = await client.openHandle(path);
      let got = '';
      for await (const piece of handle.stream()) {
        got += Buffer.from(piece).toString();
        if (path === '/streamfs/x') await handle.close();
      }
      expect(got).toBe(path === '/streamfs/x' ? 'history' : 'a file');
    }
  });

  it('contract 66, 76, 77: the rest of the calls are understood', async () => {
    const url = await realServer();
    const client = new StreamFSClient({ url });
    expect(await client.health()).toMatchObject({ ready: true, mounts: { failed: 0 } });
    expect(await client.ready()).toBe(true);
    expect((await client.version()).version).toMatch(/^\d/);
    expect((await client.capabilities()).features).toContain('stream');
    expect(await client.capabilities('/streamfs/x')).toMatchObject({ isAppendOnly: true, supportsStreamRead: true });
    await client.mkdir('/memfs/d', 0o700);
    await client.create('/memfs/d/f');
    await client.write('/memfs/d/f', 'one\ntwo\n');
    expect(Buffer.from(await client.read('/memfs/d/f', { offset: 4, size: 3 })).toString()).toBe('two');
    await client.chmod('/memfs/d/f', 0o600);
    await client.rename('/memfs/d/f', '/memfs/d/g');
    await client.truncate('/memfs/d/g', 4);
    await client.touch('/memfs/d/g');
    expect(await client.stat('/memfs/d/g')).toMatchObject({ name: 'g', size: 4, mode: 0o600, isDir: false });
    expect((await client.list('/memfs/d')).map(({ name }) => name)).toEqual(['g']);
    expect(await client.digest('/memfs/d/g', 'md5')).toMatchObject({ digest: '5bbf5a52328e7439ae6e719dfe712200' });
    const found = await client.grep('/memfs/d', 'ONE', { recursive: true, caseInsensitive: true });
    expect(found).toMatchObject({ count: 1, matches: [{ line: 1, content: 'one' }] });
    await client.remove('/memfs/d', { recursive: true });
    expect((await client.plugins()).map(({ name }) => name)).toContain('streamfs');
    expect((await client.mounts()).map(({ path }) => path)).toContain('/memfs');
    await client.write('/streamfs/x', 'abcdef');
    const snapshot = await client.snapshot('/streamfs/x', { last: 2 });
    expect(snapshot).toMatchObject({ offset: 4, data: new Uint8Array(Buffer.from('ef')) });
    expect(snapshot.generation).toMatch(/\w+/);
  });
});

describe('contract 72: writing with reconnect', () => {
  it('a source that is quiet for longer than the server waits for a body is not given up, and loses nothing', async () => {
    // An append ends after a second. The next has nothing to send yet, not even its head.
    const limits = { stream_body_timeout: '60ms', limits: { header_timeout: '1200ms' } };
    const app = await startApp({
      config: { server: { address: '127.0.0.1:0', ...limits }, plugins: { streamfs: {} } },
      logger: silent,
    });
    onTestFinished(() => app.shutdown());
    const client = new StreamFSClient({ url: app.url });
    const retryFor = 200;
    const codes = new Set<string | undefined>();
    let quietSince: number | undefined;
    let goOn = () => {};
    const enough = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* source() {
      yield Buffer.from('before ');
      await enough;
      yield Buffer.from('behind');
    }
    const { written } = await client.write('/streamfs/a', source(), {
      reconnect: { initial: 1, max: 1 },
      retryFor,
      onRetry: ({ error }) => {
        codes.add(error.code);
        quietSince ??= performance.now();
        if (performance.now() - quietSince > 2 * retryFor) goOn();
      },
    });
    expect(written).toBe(13);
    expect([...codes].filter((code) => code !== 'REQUEST_TIMEOUT')).toEqual(['BODY_TIMEOUT']);
    const bytes = await fetch(`${app.url}/api/v1/files?path=/streamfs/a&snapshot=true`);
    expect(await bytes.text()).toBe('before behind');
  });

  it('nor is one over connections that do not last, as long as nothing waits to be acknowledged', async () => {
    const proxy = await breakingProxy(await realServer(), () => Number.POSITIVE_INFINITY);
    const client = new StreamFSClient({ url: proxy.url });
    let goOn = () => {};
    const enough = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* source() {
      await enough;
      yield Buffer.from('at last');
    }
    let retries = 0;
    const writing = client.write('/streamfs/a', source(), {
      reconnect: { initial: 1, max: 1 },
      retryFor: 1000,
      onRetry: () => {
        retries += 1;
      },
    });
    for (let n = 1; n <= 2; n++) {
      // The duration of the silence is the point of this test.
      await new Promise((resolve) => setTimeout(resolve, 1200));
      proxy.close();
      proxy.open();
      while (retries < n) await new Promise((resolve) => setImmediate(resolve));
    }
    goOn();
    expect((await writing).written).toBe(7);
    proxy.close();
  });
});
