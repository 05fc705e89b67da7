import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { get, parseResponse, type Wire } from '../harness/wire.ts';
import { streamfs } from './harness/commands.ts';
import { parseFrames } from './harness/frames.ts';
import { MB } from './harness/memory.ts';
import { isPattern, pattern, patternHash } from './harness/pattern.ts';
import { type ServerProcess, server } from './harness/server.ts';

const PATH = '/streamfs/live';
const STREAM = `/files?path=${PATH}&stream=true`;
const PIECE = 2 * MB;

/** The bound on a stream's memory (README): the larger of ring and channel, three blocks more, an eighth for the chunk index. */
const BOUND = ((6 * MB + 3 * 256 * 1024) * 9) / 8;

/** How much the process may grow after startup: a stream, data queued in sockets, garbage. */
const PROCESS_BOUND = 96 * MB;

interface Lost {
  from: number;
  to: number;
}

/** The gaps reported by `cat --stream`. */
function lossesIn(stderr: string): Lost[] {
  return [...stderr.matchAll(/lost (\d+) bytes, offsets (\d+) to (\d+), of \d+ chunks/g)].map((match) => {
    const [, bytes, first, last] = match.map(Number);
    expect(last! - first! + 1).toBe(bytes);
    return { from: first!, to: last! + 1 };
  });
}

/** The parts of the stream outside the gaps. */
function without(gaps: readonly Lost[], end: number): Lost[] {
  let at = 0;
  const parts: Lost[] = [];
  for (const gap of gaps) {
    parts.push({ from: at, to: gap.from });
    at = gap.to;
  }
  return [...parts, { from: at, to: end }];
}

interface Paced {
  /** Waits until the readers that must keep up have this many bytes. Default: until they are written. */
  keepUp?: (bytes: number) => Promise<unknown>;
  afterEach?: () => Promise<void>;
  /** Whether the stream ends after the last byte. Default true. */
  end?: boolean;
}

/** Writes the pattern up to `total`, each piece when the readers that must keep up have the one before. */
async function writePaced(at: ServerProcess, total: number, options: Paced = {}): Promise<void> {
  const { keepUp = (bytes) => at.untilWritten(PATH, bytes), end = true } = options;
  const writer = streamfs(at.url, ['write', '--stream', ...(end ? ['--end'] : []), PATH]);
  for (let offset = 0; offset < total; offset += PIECE) {
    await writer.write(pattern(offset, PIECE));
    await keepUp(offset + PIECE);
    await options.afterEach?.();
  }
  writer.stdin.end();
  expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
}

/** Parses a framed read, and checks the offset and content of every frame. */
function followFrames(body: Buffer): { gaps: Lost[]; caughtUp: number[]; end: string; cursor: number } {
  const gaps: Lost[] = [];
  const caughtUp: number[] = [];
  let end = '';
  let cursor = 0;
  for (const { type, offset, payload } of parseFrames(body)) {
    expect(offset).toBe(cursor);
    if (type === 'data') {
      expect(isPattern(payload, offset)).toBe(true);
      cursor += payload.length;
    } else if (type === 'gap') {
      cursor = Number(payload.readBigUInt64BE(0));
      gaps.push({ from: offset, to: cursor });
      expect(Number(payload.readBigUInt64BE(8))).toBeGreaterThan(0);
    } else if (type === 'caught-up') caughtUp.push(offset);
    else if (type === 'end') end = payload.toString();
  }
  return { gaps, caughtUp, end, cursor };
}

/** A reader that sends its request and then reads nothing. */
async function stalledReader(at: ServerProcess, parameters = ''): Promise<Wire> {
  const wire = await get(at.port, `${STREAM}${parameters}`);
  await wire.head();
  wire.socket.pause();
  return wire;
}

describe('a reader that has stopped', () => {
  it('contract 7, 8, 9, 16: costs no other reader anything, and learns exactly what it has lost', async () => {
    const total = 200 * MB;
    const at = await server();
    const readers = [1, 2].map(() => streamfs(at.url, ['cat', '--stream', PATH], { keep: false }));
    const stopped = streamfs(at.url, ['cat', '--stream', PATH], { keep: false });
    await at.untilReaders(PATH, 3);
    stopped.kill('SIGSTOP');
    const idle = at.memory().rss;
    let highest = 0;
    let held = 0;
    await writePaced(at, total, {
      keepUp: (bytes) => Promise.all(readers.map((reader) => reader.stdout.untilLength(bytes))),
      afterEach: async () => {
        highest = Math.max(highest, at.memory().rss);
        held = Math.max(held, (await at.facts(PATH))?.memory ?? 0);
      },
    });
    // Everybody but the stalled reader has everything, and the server has released what can no longer be requested.
    const whole = patternHash([{ from: 0, to: total }]);
    for (const reader of readers) {
      expect(await reader.result()).toMatchObject({ code: 0, stderr: '' });
      expect(reader.stdout).toMatchObject({ length: total, sha256: whole });
    }
    expect(await at.facts(PATH)).toMatchObject({ written: total, readers: 1 });
    expect(held).toBeGreaterThanOrEqual(6 * MB);
    expect(held).toBeLessThanOrEqual(BOUND);
    expect(highest - idle).toBeLessThan(PROCESS_BOUND);

    stopped.kill('SIGCONT');
    const { code, stderr } = await stopped.result();
    expect(code).toBe(8);
    const gaps = lossesIn(stderr);
    const skipped = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
    expect(gaps.length).toBeGreaterThan(0);
    expect(skipped).toBeGreaterThan(total / 2);
    expect(stopped.stdout.length + skipped).toBe(total);
    expect(stopped.stdout.sha256).toBe(patternHash(without(gaps, total)));
    expect(await at.facts(PATH)).toMatchObject({ skipped });
    const logged = () => at.logged('readers too slow').reduce((sum, line) => sum + Number(line.skippedBytes), 0);
    await waitFor('the loss in the log', () => logged() === skipped);
  });

  it('contract 9: learns from the trailers of a raw read what it has lost', async () => {
    const total = 48 * MB;
    const at = await server();
    const stalled = await stalledReader(at);
    await writePaced(at, total);
    stalled.socket.resume();
    const response = await stalled.lastResponse();
    expect(response).toMatchObject({ status: 200, complete: true });
    expect(response!.trailers).toMatchObject({ 'x-stream-end': 'ended', 'x-stream-end-offset': String(total) });
    const skipped = Number(response!.trailers!['x-stream-skipped']);
    expect(skipped).toBeGreaterThan(0);
    expect(response!.body.length + skipped).toBe(total);
    // It has the beginning and the end.
    const from = response!.body.length - 6 * MB;
    expect(isPattern(response!.body.subarray(0, from), 0)).toBe(true);
    expect(isPattern(response!.body.subarray(from), total - 6 * MB)).toBe(true);
  });

  it('contract 9: learns from gap frames what it has lost and where', async () => {
    const total = 48 * MB;
    const at = await server();
    const stalled = await stalledReader(at, '&format=frames');
    await writePaced(at, total, { end: false });
    stalled.socket.resume();
    await waitFor(
      'the reader to have caught up',
      () => followFrames(parseResponse(stalled.bytes)!.body).caughtUp.at(-1) === total,
    );
    await at.json('POST', `/end?path=${PATH}`);
    const { gaps, caughtUp, end, cursor } = followFrames((await stalled.lastResponse()).body);
    expect({ end, cursor, gaps: gaps.length }).toEqual({ end: 'ended', cursor: total, gaps: 1 });
    expect(gaps[0]!.to - gaps[0]!.from).toBeGreaterThan(0);
    // At the beginning, and again after the gap.
    expect(caughtUp).toEqual([0, total]);
    expect(await at.facts(PATH)).toMatchObject({ skipped: gaps[0]!.to - gaps[0]!.from });
  });
});

describe('the policies of a slow reader', () => {
  it('contract 20: on_lag=drop-newest keeps what it has queued, and loses what came meanwhile', async () => {
    const total = 48 * MB;
    const at = await server();
    const stalled = await stalledReader(at, '&on_lag=drop-newest&format=frames');
    await writePaced(at, total);
    stalled.socket.resume();
    const { gaps, end, cursor } = followFrames((await stalled.lastResponse()).body);
    expect({ end, cursor }).toEqual({ end: 'ended', cursor: total });
    // All of the oldest bytes, and nothing of the newest.
    expect(gaps[0]!.from).toBeGreaterThanOrEqual(6 * MB);
    expect(gaps.at(-1)!.to).toBe(total);
  });

  it('contract 16, 20: on_lag=disconnect cuts it off while it still stands, and no other, and tells it when it reads on', async () => {
    const total = 48 * MB;
    const at = await server();
    const other = streamfs(at.url, ['cat', '--stream', PATH], { keep: false });
    const stalled = await stalledReader(at, '&on_lag=disconnect');
    await at.untilReaders(PATH, 2);
    await writePaced(at, total, { keepUp: (bytes) => other.stdout.untilLength(bytes) });
    expect(await other.result()).toMatchObject({ code: 0, stderr: '' });
    expect(other.stdout.sha256).toBe(patternHash([{ from: 0, to: total }]));
    await at.untilReaders(PATH, 0);
    expect(at.logged('reader cut off')).toMatchObject([
      { stream: '/streamfs/live', reason: expect.stringContaining('bytes behind') },
    ]);
    stalled.socket.resume();
    const response = await stalled.lastResponse();
    expect(response.trailers).toEqual({
      'x-stream-end': 'too-slow',
      'x-stream-end-offset': String(response.body.length),
      'x-stream-skipped': '0',
    });
    expect(response.body.length).toBeLessThan(total);
    expect(
      response.body.equals(pattern(0, Math.ceil(response.body.length / 8) * 8).subarray(0, response.body.length)),
    ).toBe(true);
  });

  it('contract 20: a command that is cut off for being too slow says so, and how to continue', async () => {
    const total = 48 * MB;
    const at = await server();
    const stopped = streamfs(at.url, ['cat', '--stream', '--on-lag', 'disconnect', PATH], { keep: false });
    await at.untilReaders(PATH, 1);
    stopped.kill('SIGSTOP');
    await writePaced(at, total);
    await at.untilReaders(PATH, 0);
    stopped.kill('SIGCONT');
    const { code, stderr } = await stopped.result();
    const { length } = stopped.stdout;
    expect(stderr).toMatch(new RegExp(`^streamfs: too slow: .* at offset ${length}; .*--offset ${length}, .*--on-lag`));
    expect(code).toBe(4);
    expect(length).toBeLessThan(total);
  });

  it('contract 20: on_lag=block has writers wait for it, so that it gets every byte', async () => {
    const total = 48 * MB;
    const at = await server({ streamfs: { block_timeout: '120s' } });
    const stalled = await stalledReader(at, '&on_lag=block');
    const writer = streamfs(at.url, ['write', '--stream', '--end', PATH]);
    writer.stdin.write(pattern(0, total));
    writer.stdin.end();
    // The writer waits: bytes that the reader has not taken can only be in its socket, its channel, and the writer's.
    await at.untilWritten(PATH, 6 * MB);
    let last = -1;
    await waitFor('the writer to stand still', async () => {
      const { written } = (await at.facts(PATH))!;
      const stands = written === last;
      last = written;
      if (!stands) await new Promise((resolve) => setTimeout(resolve, 200));
      return stands;
    });
    expect(last).toBeLessThan(total);
    expect(writer.isRunning).toBe(true);
    stalled.socket.resume();
    const response = await stalled.lastResponse();
    expect(response.trailers).toEqual({
      'x-stream-end': 'ended',
      'x-stream-end-offset': String(total),
      'x-stream-skipped': '0',
    });
    expect(response.body.equals(pattern(0, total))).toBe(true);
    expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
  });

  it('contract 20: on_lag=block lets writers continue after block_timeout, without the reader', async () => {
    const total = 48 * MB;
    const at = await server({ streamfs: { block_timeout: '300ms', on_lag: 'block' } });
    const stalled = await stalledReader(at);
    const writer = streamfs(at.url, ['write', '--stream', PATH]);
    writer.stdin.write(pattern(0, total));
    writer.stdin.end();
    expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
    await at.untilReaders(PATH, 0);
    stalled.socket.resume();
    expect((await stalled.lastResponse()).trailers).toMatchObject({ 'x-stream-end': 'too-slow' });
  });
});

describe('a thousand readers that have stopped', () => {
  it('contract 16: cost a small constant each', async () => {
    const count = 1000;
    const total = 64 * MB;
    const at = await server();
    const stalled: Wire[] = [];
    for (let group = 0; group < count; group += 100) {
      stalled.push(...(await Promise.all(Array.from({ length: 100 }, () => stalledReader(at)))));
    }
    await at.untilReaders(PATH, count);
    const idle = at.memory().rss;
    await writePaced(at, total);
    // Each keeps a slice at most, mostly shared with others; separate queues would take 6 MB each.
    const { rss } = at.memory();
    expect(rss - idle).toBeLessThan(PROCESS_BOUND + count * 64 * 1024);
    expect((await at.facts(PATH))!.memory).toBeLessThanOrEqual(BOUND);
    expect(stalled.every(({ isOver }) => !isOver)).toBe(true);
  });

  it('contract 16: cost at most what was last sent to each, where they have stopped at different places', async () => {
    const count = 200;
    const at = await server();
    await at.put(PATH, pattern(0, PIECE));
    const idle = at.memory().rss;
    for (let n = 1; n <= count; n++) {
      // Each begins at an offset where no earlier one was.
      await stalledReader(at, '&from=live');
      await at.put(PATH, pattern(n * PIECE, PIECE));
    }
    await at.untilReaders(PATH, count);
    const lag = (await at.facts(PATH))!.lag;
    expect(lag).toBeGreaterThan(100 * MB);
    // Half a megabyte each that the system has not accepted yet.
    expect(at.memory().rss - idle).toBeLessThan(PROCESS_BOUND + count * 512 * 1024);
  });
});
