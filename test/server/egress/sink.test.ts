import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MemoryBudget, MIN_BUDGET } from '../../../src/core/index.ts';
import { RingStream, type StreamLog } from '../../../src/core/internal.ts';
import { joinFanout } from '../../../src/server/egress/fanout.ts';
import { Sink, type SinkOptions } from '../../../src/server/egress/sink.ts';
import { chunkedTransfer, closeTransfer, type Transfer } from '../../../src/server/egress/transfer.ts';
import { frameEncoding, rawEncoding } from '../../../src/server/encoding/index.ts';
import { QUEUED_SHARE } from '../../../src/server/limits/defaults.ts';
import { LiveReads } from '../../../src/server/limits/live-reads.ts';
import { waitFor } from '../../harness/wait.ts';

const KiB = 1024;
const open: { server: Server; sockets: Socket[] }[] = [];

/** A real connection on the loopback: what the server writes to `near`, the peer can read from `far`. */
async function connection(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  far.pause();
  const [near] = (await once(server, 'connection')) as [Socket];
  near.resume();
  open.push({ server, sockets: [near, far] });
  return { near, far };
}

afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

function sink(
  stream: RingStream,
  socket: Socket,
  options: Partial<SinkOptions> & { frames?: boolean; transfer?: Transfer } = {},
) {
  const encoding = options.frames ? frameEncoding : rawEncoding;
  const reader = stream.openReader();
  const done = vi.fn();
  const fanout = joinFanout(stream, encoding, options.transfer ?? (options.frames ? chunkedTransfer : closeTransfer));
  new Sink(reader, socket, fanout, { timeout: undefined, heartbeat: 0, ...options }, { readEnded: done }).pump();
  return { reader, done, fanout };
}

async function collect(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Bytes that identify their offset among their neighbours, made once for all tests. */
const CONTENT = Buffer.alloc(17 * 1024 * KiB);
for (let at = 0; at < CONTENT.length; at++) CONTENT[at] = ((at >>> 16) * 31 + (at >>> 8) * 7 + at) & 0xff;

const contentFrom = (offset: number, length: number) => CONTENT.subarray(offset, offset + length);

/** Parses received frames, and counts the wrong ones, which do not hold the bytes of their offset, and all bytes received. */
function checkFrames(all: Buffer): { received: number; wrong: number } {
  let received = 0;
  let wrong = 0;
  for (let at = 0; at + 16 <= all.length; ) {
    const length = all.readUInt32BE(at + 4);
    const offset = all.readUInt32BE(at + 8) * 2 ** 32 + all.readUInt32BE(at + 12);
    if (all[at] === 1) {
      if (!all.subarray(at + 16, at + 16 + length).equals(contentFrom(offset, length))) wrong++;
      received += length;
    }
    at += 16 + length;
  }
  return { received, wrong };
}

it('contract 18: a fault in one read is logged and ends that read, and no other', async () => {
  const stream = new RingStream({ retention: KiB, maxLag: KiB });
  const faulty = await connection();
  const other = await connection();
  const error = vi.fn();
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error };
  const { reader, done } = sink(stream, faulty.near, { logger });
  sink(stream, other.near, { logger });
  reader.borrowRun = () => {
    throw new RangeError('not in memory');
  };
  stream.append(Buffer.from('for the other reader'));
  stream.end('ended');
  expect(String(await collect(other.far))).toBe('for the other reader');
  expect(String(await collect(faulty.far).catch(() => ''))).toBe('');
  expect(done.mock.calls).toEqual([['cut']]);
  expect(reader.isClosed).toBe(true);
  expect(error.mock.calls).toEqual([['read failed', expect.objectContaining({ reader: reader.id, cursor: 0 })]]);
});

describe('sending a stream to sockets', () => {
  it('contract 2: readers at the same place are sent the same memory', async () => {
    const stream = new RingStream({ retention: 1024 * KiB, maxLag: 1024 * KiB });
    const connections = await Promise.all([connection(), connection(), connection(), connection()]);
    const writes = connections.map(({ near }) => {
      sink(stream, near, { frames: true });
      return vi.spyOn(near, 'write');
    });
    stream.append(Buffer.alloc(30 * KiB, 1));
    stream.append(Buffer.alloc(30 * KiB, 2));
    await turn();
    for (const write of writes) {
      const sent = write.mock.calls.map(([bytes]) => bytes);
      expect(sent.length).toBeGreaterThan(0);
      for (const [at, bytes] of sent.entries()) expect(bytes).toBe(writes[0]!.mock.calls[at]![0]);
    }
  });

  it('contract 17: a reader on its way through history is sent longer runs of the stream’s own memory', async () => {
    const size = 9 * 1024 * KiB;
    const stream = new RingStream({ retention: size, maxLag: size });
    for (let at = 0; at < size; at += 64 * KiB) {
      stream.append(contentFrom(at, 64 * KiB));
    }
    const joining = await connection();
    const write = vi.spyOn(joining.near, 'uncork');
    const received = collect(joining.far);
    sink(stream, joining.near, { frames: true });
    stream.end();
    const all = await received;
    const sizes: number[] = [];
    for (let at = all.indexOf('\r\n') + 2; at < all.length && all[at] === 1; ) {
      const length = all.readUInt32BE(at + 4);
      expect(all.subarray(at + 16, at + 16 + length).equals(contentFrom(all.readUInt32BE(at + 12), length))).toBe(true);
      sizes.push(length);
      at = all.indexOf('\r\n', at + 16 + length + 2) + 2;
    }
    expect(sizes.reduce((sum, length) => sum + length, 0)).toBe(size);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4096 * KiB);
    expect(sizes).toHaveLength(3);
    expect(write).toHaveBeenCalled();
  });

  it('contract 16: a peer that does not read holds on to one run, and no other reader is affected', async () => {
    const size = 4 * 1024 * KiB;
    const stream = new RingStream({ retention: size, maxLag: size });
    const stalled = await connection();
    const good = await connection();
    const slow = sink(stream, stalled.near);
    const fast = sink(stream, good.near);
    let received = 0;
    good.far.on('data', (part: Buffer) => {
      received += part.length;
    });
    good.far.resume();
    const total = 64 * 1024 * KiB;
    for (let written = 0; written < total; written += 64 * KiB) {
      stream.append(Buffer.alloc(64 * KiB, written / (64 * KiB)));
      await turn();
      // The normal reader is given time to keep up: a writer this fast would outrun any reader.
      while (fast.reader.lag > size / 2) await turn();
    }
    await waitFor(() => received === total);
    expect(fast.reader.skippedBytes).toBe(0);
    expect(stalled.near.writableLength).toBeLessThanOrEqual(256 * KiB);
    expect(slow.reader.lag).toBeGreaterThan(size);
    // It continues reading: data in flight, then a gap, then the retained rest; received + skipped = written.
    const rest = collect(stalled.far);
    stream.end();
    const got = await rest;
    expect(slow.reader.skippedBytes).toBeGreaterThan(0);
    expect(got.length + slow.reader.skippedBytes).toBe(total);
    await waitFor(() => slow.done.mock.calls.length > 0);
    expect(slow.done).toHaveBeenCalledWith('ended');
  });

  it('contract 26: the reader of a disconnected peer is removed without a write', async () => {
    const stream = new RingStream({ retention: 100, maxLag: 100 });
    const { near, far } = await connection();
    const { done } = sink(stream, near);
    expect(stream.readerCount).toBe(1);
    far.destroy();
    await waitFor(() => stream.readerCount === 0);
    expect(done).toHaveBeenCalledWith('cut');
  });

  it.each([
    ['raw', false],
    ['framed', true],
  ])(
    'contract 20: a reader that is cut off while stalled gets the reason when its peer continues to read: %s',
    async (_, frames) => {
      const stream = new RingStream({ retention: 64 * KiB, maxLag: 64 * KiB, onLag: 'disconnect' });
      const { near, far } = await connection();
      const reads = new LiveReads(0, new MemoryBudget(1024 * KiB * KiB));
      const { done, reader } = sink(stream, near, { frames, transfer: chunkedTransfer, limits: { reads } });
      // Unread input must not turn the end of the connection into a reset.
      far.write('GET / HTTP/1.1\r\n\r\n');
      while (near.writableLength === 0) {
        stream.append(Buffer.alloc(64 * KiB));
        await turn();
      }
      stream.append(Buffer.alloc(64 * KiB));
      stream.append(Buffer.alloc(64 * KiB));
      await waitFor(() => done.mock.calls.length > 0);
      expect(done).toHaveBeenCalledWith('too-slow');
      // Its reader is removed at once, and its queued data counts as memory.
      expect(stream.readerCount).toBe(0);
      expect([...reads]).toEqual([]);
      const counted = vi.fn();
      reads.settle(() => 0, counted);
      expect(counted).not.toHaveBeenCalled();
      const got = (await collect(far)).toString('latin1');
      expect(
        got.endsWith(
          `0\r\nX-Stream-End: too-slow\r\nX-Stream-End-Offset: ${reader.cursor}\r\nX-Stream-Skipped: 0\r\n\r\n`,
        ),
      ).toBe(true);
      expect(got.includes('too-slow\r\n0\r\n')).toBe(frames);
    },
  );

  it('contract 27: data queued after the end of a read counts as memory, and its connection is cut if there is none', async () => {
    const budget = new MemoryBudget(MIN_BUDGET);
    const stream = new RingStream({ retention: 64 * KiB, maxLag: 64 * KiB, onLag: 'disconnect' });
    const { near } = await connection();
    const reads = new LiveReads(0, budget);
    sink(stream, near, { limits: { reads } });
    while (stream.readerCount > 0) {
      stream.append(Buffer.alloc(64 * KiB));
      await turn();
    }
    for (let n = 0; n < 8; n++) stream.append(Buffer.alloc(64 * KiB));
    expect(near.writableLength).toBeGreaterThan(0);
    const cut: Socket[] = [];
    reads.settle(
      () => 0,
      (socket) => cut.push(socket),
      MIN_BUDGET * QUEUED_SHARE,
    );
    expect(cut).toEqual([near]);
    near.destroy();
    await once(near, 'close');
    reads.settle(
      () => 0,
      (socket) => cut.push(socket),
      MIN_BUDGET * QUEUED_SHARE,
    );
    expect(cut).toHaveLength(1);
  });

  it.each([
    [400, 'shutdown'],
    [12_000, 'shutdown retry-after-ms=2400'],
  ])('with the end of a shutdown, a reader of %i learns when to reconnect, if that matters', async (count, text) => {
    const stream = new RingStream({ retention: 1024, maxLag: 1024 });
    const { near, far } = await connection();
    const reads = new LiveReads(0, new MemoryBudget(0));
    reads.count = count;
    sink(stream, near, { frames: true, limits: { reads } });
    stream.end('shutdown');
    expect(/shutdown[^\r]*/.exec((await collect(far)).toString('latin1'))?.[0]).toBe(text);
  });

  it('contract 23: the end comes after what was owed, and the connection is closed', async () => {
    const stream = new RingStream({ retention: 1024, maxLag: 1024 });
    const { near, far } = await connection();
    const { done } = sink(stream, near, { frames: true });
    stream.append(Buffer.from('owed'));
    stream.end();
    const got = await collect(far);
    expect(got.includes('owed')).toBe(true);
    expect(got.toString('latin1')).toMatch(
      /0\r\nX-Stream-End: ended\r\nX-Stream-End-Offset: 4\r\nX-Stream-Skipped: 0\r\n\r\n$/,
    );
    expect(done).toHaveBeenCalledTimes(1);
  });

  it('a read with a timeout ends when nothing comes; with a heartbeat it says that it is there', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const stream = new RingStream({ retention: 1024, maxLag: 1024 });
    const { near, far } = await connection();
    const { done } = sink(stream, near, { frames: true, timeout: 40, heartbeat: 10 });
    vi.advanceTimersByTime(30);
    expect(done).not.toHaveBeenCalled();
    vi.advanceTimersByTime(10);
    expect(done).toHaveBeenCalledWith('timeout');
    expect(stream.readerCount).toBe(0);
    // A heartbeat: a chunk of sixteen bytes that begins with the frame's type.
    const got = (await collect(far)).toString('latin1');
    expect(got.split('10\r\n\u0005\0\0\0')).toHaveLength(1 + 3);
  });

  it('a read says that it is there, and ends with its timeout, while a log does not save what was written', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const stream = new RingStream({ retention: 1024, maxLag: 1024 });
    const stalled: Partial<StreamLog> = { readable: 0, saved: 0, isEndReadable: false };
    stream.attachLog({ ...stalled, requireRoom: () => undefined, changed: () => undefined } as StreamLog);
    const { near, far } = await connection();
    const { done } = sink(stream, near, { frames: true, timeout: 40, heartbeat: 10 });
    stream.append(Buffer.from('not saved yet'));
    vi.advanceTimersByTime(40);
    expect(done).toHaveBeenCalledWith('timeout');
    expect((await collect(far)).toString('latin1').split('10\r\n\u0005\0\0\0')).toHaveLength(1 + 3);
  });

  it('a read with a timeout does not end while bytes wait for its peer, and is not looked at all the time', async () => {
    const stream = new RingStream({ retention: 64 * KiB * KiB, maxLag: 64 * KiB * KiB });
    const { near, far } = await connection();
    while (near.writableLength === 0) near.write(Buffer.alloc(64 * KiB));
    const taken = near.writableLength;
    const looks = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => looks.mockRestore());
    const { done, reader } = sink(stream, near, { timeout: 0 });
    const longest = () => Math.max(...looks.mock.calls.map(([, milliseconds]) => Number(milliseconds)));
    while (longest() < 32) await turn();
    expect(done).not.toHaveBeenCalled();
    expect(near.writableLength).toBeGreaterThanOrEqual(taken);
    // After 0, 2, 4, 8, 16 and 32 milliseconds; if a timer was early, the rest is waited for as well.
    expect(looks.mock.calls.length).toBeLessThan(20);
    stream.append(Buffer.from('the last'));
    const got = await collect(far);
    expect(got.subarray(-8).toString()).toBe('the last');
    expect(done).toHaveBeenCalledWith('timeout');
    expect(reader.isClosed).toBe(true);
  });

  it('contract 23: a reader closed from outside, with its handle, ends its response properly', async () => {
    const stream = new RingStream({ retention: 1024, maxLag: 1024 });
    const { near, far } = await connection();
    const { reader, done } = sink(stream, near);
    reader.close();
    await collect(far);
    expect(done).toHaveBeenCalledWith('closed');
  });

  it.each([1, 3, 12])(
    'a peer that pauses gets what it was sent, although its memory is in use again: %i readers',
    async (count) => {
      const stream = new RingStream({ retention: 1024 * KiB, maxLag: 1024 * KiB });
      const connections = await Promise.all(Array.from({ length: count }, connection));
      const closed = connections.map(({ near, far }) => {
        const reader = stream.openReader();
        const fanout = joinFanout(stream, frameEncoding, closeTransfer);
        new Sink(reader, near, fanout, { timeout: undefined, heartbeat: 0 }, { readEnded: () => undefined }).pump();
        return { reader, far };
      });
      // The first reads nothing from the beginning, the others read on.
      const others = closed.slice(1).map(({ far }) => collect(far));
      for (let n = 0; n < 350; n++) {
        stream.append(contentFrom(stream.endOffset, 48 * KiB));
        if (n % 4 === 3) await turn();
      }
      const stalled = collect(closed[0]!.far);
      stream.end();
      for (const [index, bytes] of (await Promise.all([stalled, ...others])).entries()) {
        const { received, wrong } = checkFrames(bytes);
        expect(wrong).toBe(0);
        expect(received + closed[index]!.reader.skippedBytes).toBe(stream.totalWritten);
      }
      expect(closed[0]!.reader.skippedBytes).toBeGreaterThan(0);
    },
  );
});
