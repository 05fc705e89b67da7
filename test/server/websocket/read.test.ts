import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RingStream } from '../../../src/core/internal.ts';
import { startLive } from '../../../src/server/egress/index.ts';
import { frameEncoding } from '../../../src/server/encoding/index.ts';
import { Limits } from '../../../src/server/limits/index.ts';
import { recordEncoding } from '../../../src/server/websocket/records.ts';
import { webSocketTransfer } from '../../../src/server/websocket/transfer.ts';
import { waitFor } from '../../harness/wait.ts';
import { follow, type StartOptions, start } from '../harness.ts';
import { connectClient, refusal } from './peer.ts';
import { ping, rawPeer } from './wire-frames.ts';

const KiB = 1024;
const STREAMS: StartOptions = { mounted: { '/s': 'streamfs', '/mem': 'memfs', '/dev': 'devfs' } };
const small = (config: Record<string, unknown> = {}): StartOptions => ({
  mounted: {
    '/s': { fstype: 'streamfs', config: { ring_buffer_size: '64KB', channel_buffer_size: '64KB', ...config } },
  },
});

describe('contract 101: reading over WebSocket', () => {
  it('gives an open record, the bytes as binary messages, the news of having caught up, and the end', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/a&type=text/csv', { body: 'one,' });
    const peer = await connectClient(server.port, 'path=/s/a');
    expect(peer.ws.protocol).toBe('streamfs.v1');
    await peer.record('caught-up');
    await server.call('PUT', '/files?path=/s/a&end=true&end_status=exit%203', { body: 'two' });
    expect(await peer.closed).toEqual({ code: 1000, reason: 'ended' });
    const { generation } = peer.records[0]!;
    expect(generation).toMatch(/^[\dA-Za-z]{12}$/);
    expect(peer.messages).toEqual([
      { type: 'open', offset: 0, generation, content_type: 'text/csv' },
      'one,',
      { type: 'caught-up', offset: 4 },
      'two',
      { type: 'end', reason: 'ended', offset: 7, skipped: 0, status: 'exit 3' },
    ]);
  });

  it.each([
    ['', 0, '0123456789'],
    ['&from=earliest', 0, '0123456789'],
    ['&from=live', 10, ''],
    ['&offset=4', 4, '456789'],
    ['&offset=10', 10, ''],
    ['&last=3', 7, '789'],
    ['&last_lines=1', 0, '0123456789'],
  ])('begins where %s says', async (start_, offset, bytes) => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/a', { body: '0123456789' });
    const peer = await connectClient(server.port, `path=/s/a${start_}`);
    await peer.record('caught-up');
    expect(peer.records[0]).toMatchObject({ type: 'open', offset });
    expect(peer.bytes().toString()).toBe(bytes);
  });

  it('continues at an offset and generation, and gets an error if that is not possible', async () => {
    const server = await start(small());
    await server.call('PUT', '/files?path=/s/a', { body: 'x'.repeat(1000) });
    const first = await connectClient(server.port, 'path=/s/a');
    await first.until(1000);
    const { generation } = first.records[0]!;
    await server.call('PUT', '/files?path=/s/a', { body: 'y'.repeat(100) });
    const second = await connectClient(server.port, `path=/s/a&offset=1000&generation=${generation}`);
    expect((await second.until(100)).toString()).toBe('y'.repeat(100));
    await server.call('PUT', '/files?path=/s/a', { body: 'z'.repeat(70 * KiB) });
    expect(await refusal(server.port, `path=/s/a&offset=1000&generation=${generation}`)).toMatchObject({
      ...{ status: 410, code: 'OFFSET_GONE', earliest: 1100 + 6 * KiB },
    });
    const third = await connectClient(server.port, 'path=/s/a&offset=1000&on_expired=skip');
    await third.record('caught-up');
    expect(third.records.slice(0, 2)).toMatchObject([
      { type: 'open', offset: 1000 },
      { type: 'gap', from: 1000, to: 1100 + 6 * KiB },
    ]);
    await server.call('DELETE', '/files?path=/s/a');
    await server.call('PUT', '/files?path=/s/a', { body: 'another' });
    expect(await refusal(server.port, `path=/s/a&offset=7&generation=${generation}`)).toMatchObject({
      ...{ status: 409, code: 'STREAM_RECREATED' },
    });
    expect(await refusal(server.port, 'path=/s/none&create=false')).toMatchObject({ status: 404 });
  });

  it('says from the earliest byte on what is gone already, as a gap before the first', async () => {
    const server = await start(small());
    await server.call('PUT', '/files?path=/s/a', { body: 'z'.repeat(65 * KiB) });
    const peer = await connectClient(server.port, 'path=/s/a');
    await peer.record('caught-up');
    expect(peer.records).toMatchObject([
      { type: 'open', offset: 0 },
      { type: 'gap', from: 0, to: KiB },
      { type: 'caught-up', offset: 65 * KiB },
    ]);
  });

  it('ends with timeout, and sends heartbeats meanwhile', async () => {
    const server = await start(STREAMS);
    const quiet = await connectClient(server.port, 'path=/s/a&timeout=0');
    expect(await quiet.closed).toEqual({ code: 1000, reason: 'timeout' });
    const peer = await connectClient(server.port, 'path=/s/a&heartbeat=20ms&offset=5');
    expect(await peer.record('heartbeat', 2)).toEqual({ type: 'heartbeat', offset: 5, end: 0 });
  });

  it('as frames has one frame in each message, the first of which says the generation and the type', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/a&type=text/csv', { body: '0123456789' });
    const peer = await connectClient(server.port, 'path=/s/a&offset=4&heartbeat=0', {
      protocols: ['streamfs.frames.v1'],
    });
    await waitFor(() => peer.messages.length === 3);
    await server.call('POST', '/end?path=/s/a');
    expect(await peer.closed).toEqual({ code: 1000, reason: 'ended' });
    const frames = peer.messages.map((message) => {
      const bytes = Buffer.from(message as string, 'latin1');
      expect(bytes.readUInt32BE(4)).toBe(bytes.length - 16);
      return [bytes[0], Number(bytes.readBigUInt64BE(8)), bytes.subarray(16).toString()];
    });
    const { generation } = await facts(server);
    expect(frames).toEqual([
      [6, 4, `${generation} text/csv`],
      [1, 4, '456789'],
      [3, 10, ''],
      [4, 10, 'ended'],
    ]);
    const live = await follow(server.port, '/files?path=/s/a&stream=true&format=frames&offset=4');
    expect(Buffer.from(await live.end(), 'latin1')[0]).toBe(1);
  });

  it('sends an ordinary file to its end, and a device until the client closes', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/mem/a', { body: 'all of it' });
    const peer = await connectClient(server.port, 'path=/mem/a');
    expect(await peer.closed).toEqual({ code: 1000, reason: 'ended' });
    expect(peer.messages).toEqual([
      { type: 'open', offset: 0, content_type: 'application/octet-stream' },
      'all of it',
      { type: 'caught-up', offset: 9 },
      { type: 'end', reason: 'ended', offset: 9, skipped: 0 },
    ]);
    const rest = await connectClient(server.port, 'path=/mem/a&offset=7');
    await rest.closed;
    expect(rest.messages).toEqual([
      { type: 'open', offset: 7, content_type: 'application/octet-stream' },
      'it',
      { type: 'caught-up', offset: 9 },
      { type: 'end', reason: 'ended', offset: 9, skipped: 0 },
    ]);
    const zeros = await connectClient(server.port, 'path=/dev/zero');
    await zeros.until(1024 * KiB);
    zeros.ws.close(1000);
    await zeros.closed;
    await waitFor('the read to be over', async () => {
      return (await server.call('GET', '/metrics')).text.includes('\nstreamfs_live_reads 0\n');
    });
  });

  it('takes no messages, and says what would', async () => {
    const server = await start(STREAMS);
    const peer = await connectClient(server.port, 'path=/s/a');
    peer.ws.send('hello');
    expect(await peer.closed).toEqual({
      code: 1003,
      reason: 'this connection reads: to write, open one with mode=write',
    });
    expect((await server.call('GET', '/stat?path=/s/a')).status).toBe(404);
  });

  it('gives long runs in messages of at most 256 KiB, on the way through history too', async () => {
    const server = await start(STREAMS);
    const body = Buffer.alloc(3 * 1024 * KiB, 'abc');
    await server.call('PUT', '/files?path=/s/a&end=true', { body });
    for (const [protocol, head] of [
      ['streamfs.v1', 0],
      ['streamfs.frames.v1', 16],
    ] as const) {
      const peer = await connectClient(server.port, 'path=/s/a', { protocols: [protocol] });
      await peer.closed;
      const binary = peer.messages.filter((message): message is string => typeof message === 'string');
      const longest = Math.max(...binary.map(({ length }) => length));
      expect(longest).toBeGreaterThan(200 * KiB);
      expect(longest).toBeLessThanOrEqual(256 * KiB + head);
      if (head === 0) expect(peer.bytes().equals(body)).toBe(true);
    }
  });
});

async function facts({ call }: Awaited<ReturnType<typeof start>>): Promise<{ generation: string }> {
  const { meta } = (await call('GET', '/stat?path=/s/a')).json() as unknown as {
    meta: { Content: { generation: string } };
  };
  return meta.Content;
}

describe('contract 101: a slow WebSocket reader', () => {
  it('delays no other reader, and gets an exact gap', { timeout: 60_000 }, async () => {
    const server = await start(small());
    const slow = await rawPeer(server.port, '/api/v1/ws?path=/s/a&heartbeat=0');
    await waitFor(() => slow.frames().length >= 2);
    slow.socket.pause();
    const quick = await connectClient(server.port, 'path=/s/a&on_lag=block');
    const piece = Buffer.alloc(64 * KiB, 'p');
    const pieces = 300;
    for (let n = 0; n < pieces; n++) await server.mounts.write('/s/a', piece);
    await quick.until(pieces * piece.length);
    slow.socket.resume();
    await server.call('POST', '/end?path=/s/a');
    await waitFor(() => slow.frames().some(({ opcode }) => opcode === 8));
    let at = 0;
    let skipped = 0;
    for (const { opcode, payload } of slow.frames()) {
      if (opcode === 2) at += payload.length;
      const record = opcode === 1 ? (JSON.parse(payload.toString()) as Record<string, number | string>) : {};
      if (record.type !== 'gap') continue;
      expect(record.from).toBe(at);
      skipped += Number(record.to) - at;
      at = Number(record.to);
    }
    expect(at).toBe(pieces * piece.length);
    expect(skipped).toBeGreaterThan(0);
    const end = slow.frames().find(({ payload }) => payload.includes('"end"'));
    expect(JSON.parse(end!.payload.toString())).toEqual({ type: 'end', reason: 'ended', offset: at, skipped });
  });

  it('with disconnect receives the reason and is closed with 1013', async () => {
    const server = await start(small());
    const slow = await rawPeer(server.port, '/api/v1/ws?path=/s/a&heartbeat=0&on_lag=disconnect');
    await waitFor(() => slow.frames().length >= 2);
    slow.socket.pause();
    const piece = Buffer.alloc(64 * KiB, 'p');
    await waitFor('the reader to be cut off', async () => {
      await server.mounts.write('/s/a', piece);
      return (await server.call('GET', '/readers')).json().count === 0;
    });
    slow.socket.resume();
    await waitFor(() => slow.frames().some(({ opcode }) => opcode === 8));
    expect(slow.frames().at(-1)!.payload.readUInt16BE(0)).toBe(1013);
    expect(JSON.parse(slow.frames().at(-2)!.payload.toString())).toMatchObject({ type: 'end', reason: 'too-slow' });
  });

  it('that pings without reading is owed one pong, not all of them', async () => {
    const { call, mounts, port } = await start(small());
    const peer = await rawPeer(port, '/api/v1/ws?path=/s/a&heartbeat=0');
    await waitFor(() => peer.frames().length >= 2);
    peer.socket.pause();
    await waitFor('the socket to be full', async () => {
      for (let n = 0; n < 10; n++) await mounts.write('/s/a', Buffer.alloc(64 * KiB));
      const { readers } = (await call('GET', '/readers')).json() as unknown as { readers: { lag: number }[] };
      return readers[0]!.lag > 64 * KiB;
    });
    const count = 5000;
    const pings = Buffer.concat(Array.from({ length: count }, (_, n) => ping(String(n))));
    await new Promise<void>((resolve) => peer.socket.write(pings, () => resolve()));
    // Requests during which the server reads the messages.
    for (let n = 0; n < 50; n++) await call('GET', '/version');
    peer.socket.resume();
    const pongs = () => peer.frames().filter(({ opcode }) => opcode === 10);
    await waitFor('the last pong', () => pongs().some(({ payload }) => payload.toString() === String(count - 1)));
    expect(pongs().length).toBeLessThan(count);
    peer.socket.destroy();
  });
});

describe('contract 101: messages sent over WebSocket', () => {
  async function connections(count: number): Promise<{ near: Socket; written: Buffer[] }[]> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const peers: { near: Socket; written: Buffer[] }[] = [];
    while (peers.length < count) {
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const far = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
      const [near] = await accepted;
      onTestFinished(() => {
        near.destroy();
        far.destroy();
      });
      const written: Buffer[] = [];
      const write = near.write.bind(near) as (...parts: unknown[]) => boolean;
      near.write = ((...parts: unknown[]) => {
        written.push(parts[0] as Buffer);
        return write(...parts);
      }) as typeof near.write;
      peers.push({ near, written });
    }
    return peers;
  }

  it.each([
    ['records', recordEncoding],
    ['frames', frameEncoding],
  ])('is encoded once: as %s, all sockets get the same memory', async (_, encoding) => {
    const stream = new RingStream({ retention: 1024 * KiB, maxLag: 1024 * KiB });
    const limits = new Limits({ logger: silent, errorResponse: () => '' });
    const peers = await connections(10);
    for (const { near } of peers) {
      const options = { encoding, heartbeat: 0, timeout: undefined, limits, logger: silent };
      startLive(near, { reader: stream.openReader(), encoding }, webSocketTransfer, options, {
        readEnded: () => undefined,
      });
    }
    await waitFor('all to have caught up', () => peers.every(({ written }) => written.length > 0));
    for (const length of [100, 1000, 64 * KiB]) {
      for (const one of peers) one.written.length = 0;
      stream.append(Buffer.alloc(length, 'x'));
      await waitFor(() => peers.every(({ written }) => written.length > 0));
      const [first, ...others] = peers.map(({ written }) => written);
      expect(first).toHaveLength(1);
      for (const other of others) expect(other![0]).toBe(first![0]);
      const head = (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (encoding === frameEncoding ? 16 : 0);
      expect(first![0]!.length).toBe(length + head);
    }
    stream.end();
  });
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
