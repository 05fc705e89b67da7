/** Bounds of a real process: memory, descriptors, stalled peers. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StreamFSClient } from '../../src/client/index.ts';
import { waitFor } from '../harness/wait.ts';
import { connectTo } from '../harness/wire.ts';
import { curl } from './harness/curl.ts';
import { MB } from './harness/memory.ts';
import { pattern } from './harness/pattern.ts';
import { probed } from './harness/probed.ts';
import { type ServerProcess, server } from './harness/server.ts';

interface Stats {
  memory: Record<'limit' | 'used' | 'peak' | 'queued' | 'given_up', number>;
  streams: number;
  readers: number;
  connections: number;
  limits: Record<string, number>;
}

const statsOf = async (at: ServerProcess) => (await at.json('GET', '/stats')) as unknown as Stats;
const descriptors = (at: ServerProcess) => readdirSync(`/proc/${at.process.pid}/fd`).length;

/** Opens connections to a server, some of which may be refused. They are closed with the test. */
async function manyTo(at: ServerProcess, count: number, send = ''): Promise<Socket[]> {
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let n = 0; n < count; n++) {
    const socket = connect(at.port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    sockets.push(socket);
    await new Promise((resolve) => {
      socket.once('connect', resolve).once('close', resolve);
    });
    socket.write(send);
  }
  return sockets;
}

const READ = 'GET /api/v1/files?path=/streamfs/quiet&stream=true HTTP/1.1\r\nHost: localhost\r\n\r\n';

describe('one bound for all memory', () => {
  it('200 streams with rings far beyond it: every write succeeds, readers get exact gaps, and the process stays small', async () => {
    const limit = 64 * MB;
    const at = await server({
      server: { max_memory: '64MB' },
      streamfs: { ring_buffer_size: '32MB', channel_buffer_size: '32MB' },
    });
    await at.put('/streamfs/warm', pattern(0, MB));
    const before = at.memory().rss;
    const piece = MB;
    const rounds = 5;
    // Readers that start at the first byte, and continue reading only after everything has been written.
    const paths = Array.from({ length: 200 }, (_, n) => `/streamfs/${n}`);
    const client = new StreamFSClient({ url: at.url });
    const handles = await Promise.all(paths.slice(0, 5).map((path) => client.openHandle(path)));
    for (let round = 0; round < rounds; round++) {
      const body = pattern(round * piece, piece);
      for (let n = 0; n < paths.length; n += 8) {
        await Promise.all(paths.slice(n, n + 8).map((path) => at.put(path, body)));
      }
    }
    const stats = await statsOf(at);
    expect(stats.memory.limit).toBe(limit);
    expect(stats.memory.peak).toBeLessThanOrEqual(limit);
    expect(stats.memory.given_up).toBeGreaterThan(800 * MB);
    // A gigabyte was written; all rings together would exceed the bound. The margin is for the program itself.
    expect(at.memory().peak - before).toBeLessThan(limit + 96 * MB);
    for (const [n, handle] of handles.entries()) {
      const path = paths[n]!;
      expect((await at.facts(path))?.written).toBe(rounds * piece);
      const { body, headers } = await curl([
        at.api(`/files?path=${path}&stream=true&offset=0&on_expired=skip&timeout=0`),
      ]);
      const skipped = rounds * piece - body.length;
      expect(Number(headers['x-stream-offset'])).toBe(skipped);
      expect(body.equals(pattern(0, rounds * piece).subarray(skipped))).toBe(true);
      // Each keeps a share, but not everything that it wrote.
      expect(body.length).toBeGreaterThan(32 * 1024);
      const response = await fetch(at.api(`/handles/${handle.id}/read?size=1`));
      expect(Number(response.headers.get('x-stream-skipped'))).toBe(skipped);
      await response.arrayBuffer();
    }
  });
});

describe('contract 27: peers that take nothing', () => {
  it('are cut after the stall timeout, with their memory; one that takes a little at a time is not', async () => {
    const at = await server({ server: { stall_timeout: '2s', max_memory: '64MB' } });
    await at.put('/streamfs/live', 'x');
    const stalled = await manyTo(at, 20, READ.replace('quiet', 'live'));
    const slow = stalled.pop()!;
    await at.untilReaders('/streamfs/live', 20);
    for (const socket of stalled) socket.pause();
    // Reads what has arrived every 100 ms, and nothing in between.
    let taken = 0;
    slow.pause();
    const sips = setInterval(() => {
      for (let part = slow.read(64 * 1024); part !== null && taken >= 0; part = null) taken += part.length;
    }, 20);
    onTestFinished(() => clearInterval(sips));
    for (let n = 0; n < 24; n++) await at.put('/streamfs/live', pattern(0, MB));
    await waitFor('19 to be cut', async () => (await statsOf(at)).limits.stall_timeout === 19);
    await at.untilReaders('/streamfs/live', 1);
    expect(taken).toBeGreaterThan(0);
    const lines = () => at.logged('stalled connections closed');
    await waitFor('all to be told', () => lines().reduce((sum, line) => sum + Number(line.count), 0) === 19);
    expect(lines().length).toBeLessThan(5);
  });
});

describe('descriptors that run out', () => {
  const limited = (limits: Record<string, number>) =>
    server({ server: { limits } as never, under: ['prlimit', '--nofile=160'] });

  it('are not used up by connections: one too many is refused, and others are accepted when some have closed', async () => {
    const at = await limited({});
    const sockets = await manyTo(at, 150, READ);
    await at.process.stderr.until('connections refused');
    expect(at.logged('fewer connections than configured: the system allows fewer descriptors')).toMatchObject([
      { connections: 96 },
    ]);
    await waitFor('54 to be refused', () => sockets.filter((socket) => socket.closed).length >= 54);
    for (const socket of sockets) socket.destroy();
    await waitFor('room', async () => (await fetch(at.api('/version')).catch(() => undefined))?.ok);
    const { limits } = await statsOf(at);
    expect(limits.connections).toBeGreaterThanOrEqual(54);
    await waitFor('nothing to be left', async () => (await statsOf(at)).connections <= 3);
  });

  it('do not disable checksums for good, if one is asked for while there are none', async () => {
    const at = await probed({ under: ['prlimit', '--nofile=160'] });
    const wire = await connectTo(at.port);
    await at.put('/memfs/file', 'x');
    await at.process.ask('takeDescriptors');
    const body = JSON.stringify({ path: '/memfs/file', algorithm: 'xxh3' });
    wire.send(`POST /api/v1/digest HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    // 200 if the server has had enough time since its start to prepare for it.
    await wire.head();
    await at.process.ask('giveDescriptors');
    expect((await at.json('POST', '/digest', { path: '/memfs/file', algorithm: 'xxh3' })).status).toBe(200);
  });

  it('without a limit of connections: those beyond are closed, the rest continues, nothing spins, and all is well again', async () => {
    const at = await limited({ connections: 0 });
    await at.put('/memfs/file', 'x');
    const agent = new StreamFSClient({ url: at.url });
    const following = agent.follow('/streamfs/live')[Symbol.asyncIterator]();
    const first = following.next();
    await at.untilReaders('/streamfs/live', 1);
    // Everything loaded lazily must be loaded by now: without a free descriptor it could not be.
    await waitFor('the server to have settled', async () => {
      const { memory } = await statsOf(at);
      return (
        memory.used > 0 && (await at.json('POST', '/digest', { path: '/memfs/file', algorithm: 'md5' })).status === 200
      );
    });
    const idle = descriptors(at);
    const sockets = await manyTo(at, 300, READ);
    await waitFor('all descriptors to be in use', () => descriptors(at) >= 155);
    // A writer at the same path as before is served throughout.
    const spent = cpuOf(at);
    await waitFor('those beyond to be closed', () => sockets.filter((socket) => socket.closed).length > 100);
    for (const socket of sockets) socket.destroy();
    await waitFor('descriptors to come back', () => descriptors(at) <= idle + 2);
    expect(cpuOf(at) - spent).toBeLessThan(200);
    await at.put('/streamfs/live', 'still here');
    await first;
    let got = '';
    while (!got.includes('still here')) {
      const { value } = await following.next();
      if (value?.type === 'data') got += new TextDecoder().decode(value.data);
    }
    expect((await at.json('POST', '/digest', { path: '/memfs/file', algorithm: 'xxh3' })).status).toBe(200);
    expect(at.process.isRunning).toBe(true);
    await following.return?.();
  });
});

/** CPU time in clock ticks, of which there are a hundred per second. */
function cpuOf(at: ServerProcess): number {
  const fields = readFileSync(`/proc/${at.process.pid}/stat`, 'utf8').split(' ');
  return Number(fields[13]) + Number(fields[14]);
}
