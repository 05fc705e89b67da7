/**
 * A server with streams on disk, killed repeatedly under load: no acknowledged append is lost or duplicated, and chunk
 * boundaries and offsets stay the same.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { MB, memoryOf } from './harness/memory.ts';
import { type ServerProcess, server, startServer } from './harness/server.ts';

/** 200 for the figures of docs/reliability.md. */
const KILLS = Number(process.env.STREAMFS_KILLS ?? 5);
/** With many kills, less is written between two of them: all of it is compared after each. */
const IS_LONG = KILLS > 20;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'streamfs-kept-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const mount = (persist_sync: string) => ({
  ...{ persist: directory, persist_sync },
  ...{ ring_buffer_size: '64MB', channel_buffer_size: '64MB' },
});

/** A writer of one stream, which writes numbered messages one after the other. */
interface Load {
  path: string;
  /** Sends a message, and returns the end offset of its acknowledgement. */
  send(at: ServerProcess, message: Buffer, number: number): Promise<number>;
  /** Whether it resends unacknowledged messages, each of which must exist once. */
  isExact: boolean;
  /** Acknowledged messages with their end offsets. */
  acknowledged: { message: Buffer; end: number }[];
  sent: number;
  sizes: () => number;
}

async function put(at: ServerProcess, path: string, message: Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(at.api(`/files?path=${encodeURIComponent(path)}`), {
    method: 'PUT',
    body: message,
    headers,
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${response.status}`);
  return response;
}

const endOf = (response: Response) => Number(response.headers.get('x-stream-end-offset'));
const small = () => 20 + Math.floor(Math.random() * 200);
const long = () =>
  Math.random() < (IS_LONG ? 0.2 : 0.5) ? 70_000 + Math.floor(Math.random() * (IS_LONG ? 70_000 : 300_000)) : small();

function loads(): Load[] {
  const plain = (path: string, sizes: () => number): Load => ({
    ...{ path, sizes, isExact: false, acknowledged: [], sent: 0 },
    send: async (at, message) => endOf(await put(at, path, message)),
  });
  const producer = (path: string, sizes: () => number): Load => ({
    ...{ path, sizes, isExact: true, acknowledged: [], sent: 0 },
    send: async (at, message, number) => {
      const headers = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': String(number) };
      return endOf(await put(at, path, message, headers));
    },
  });
  return [
    plain('/streamfs/plain/a', small),
    plain('/streamfs/plain/b', small),
    plain('/streamfs/plain/long', long),
    producer('/streamfs/exact/a', small),
    producer('/streamfs/exact/long', long),
  ];
}

function messageOf(load: Load, number: number): Buffer {
  const text = `${load.path}#${number};`;
  return Buffer.from(text.padEnd(Math.max(load.sizes(), text.length + 1), '.').concat('\n'));
}

/** Writes until the server is gone. */
async function write(load: Load, at: ServerProcess, pending: Map<Load, Buffer>): Promise<void> {
  for (;;) {
    const message = (load.isExact ? pending.get(load) : undefined) ?? messageOf(load, load.sent);
    pending.set(load, message);
    try {
      const end = await load.send(at, message, load.sent);
      load.acknowledged.push({ message, end });
      load.sent++;
      pending.delete(load);
    } catch {
      if (!load.isExact) load.sent++;
      return;
    }
  }
}

async function contentOf(at: ServerProcess, path: string): Promise<Buffer> {
  const response = await fetch(at.api(`/files?path=${encodeURIComponent(path)}&snapshot=true`));
  return Buffer.from(await response.arrayBuffer());
}

/** @param unanswered the message in flight when the server was killed */
async function check(load: Load, at: ServerProcess, unanswered: Buffer = Buffer.alloc(0)): Promise<void> {
  const content = await contentOf(at, load.path);
  for (const { end, message } of load.acknowledged) {
    const found = content.subarray(end - message.length, end);
    // A repeated append is acknowledged with the current end of the stream.
    const isThere = found.equals(message) || (load.isExact && content.includes(message));
    expect(isThere, `${load.path}: what was acknowledged at ${end}`).toBe(true);
  }
  const numbers = content
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .map((line) => Number(/#(\d+);/.exec(line)?.[1]));
  expect(numbers, `${load.path}: each once, and in order`).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  // A message that is appended in one turn is complete. A longer one is appended as it arrives: if it broke off, its
  // beginning exists (contract 72), after which its producer continues.
  const rest = content.subarray(content.lastIndexOf(10) + 1);
  if (load.sizes === small) expect(rest.length, `${load.path}: a message is cut`).toBe(0);
  else if (load.isExact)
    expect(unanswered.subarray(0, rest.length).equals(rest), `${load.path}: a message is cut`).toBe(true);
  if (load.isExact) expect(numbers.length - load.acknowledged.length).toBeLessThanOrEqual(1);
  const { meta } = await at.json('GET', `/stat?path=${encodeURIComponent(load.path)}`);
  // A message longer than a chunk is several chunks; the first of them begins with the message.
  const { Content } = meta as { Content: Record<string, string> };
  const chunks = content
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .reduce((sum, line) => sum + Math.ceil((line.length + 1) / 65536), 0);
  if (load.sizes === small) expect(Number(Content.total_chunks)).toBe(chunks);
}

/** Everything a reader receives until the server is gone. */
async function follow(at: ServerProcess, path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    const response = await fetch(at.api(`/files?path=${encodeURIComponent(path)}&stream=true&from=earliest`));
    for await (const part of response.body!) parts.push(Buffer.from(part));
  } catch {
    // The connection was cut, as intended.
  }
  return Buffer.concat(parts);
}

describe('a server with persist, killed under load', () => {
  it.each(['always', '1s'])(
    'with persist_sync %s has all that was acknowledged, once',
    async (sync) => {
      const all = loads();
      const pending = new Map<Load, Buffer>();
      const generations = new Map<string, string>();
      let seen: { path: string; bytes: Buffer }[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        const at = await startServer({ streamfs: mount(sync) });
        try {
          for (const load of kill === 0 ? [] : all) {
            await check(load, at, pending.get(load));
            expect((await at.facts(load.path))?.generation).toBe(generations.get(load.path));
          }
          for (const { bytes, path } of seen) {
            expect((await contentOf(at, path)).subarray(0, bytes.length).equals(bytes), 'a reader was ahead').toBe(
              true,
            );
          }
          const before = all.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
          const writing = all.map((load) => write(load, at, pending));
          await waitFor('all streams to be there', async () => {
            for (const { path } of all) {
              const facts = await at.facts(path);
              if (facts === undefined || facts.written === 0) return false;
              generations.set(path, facts.generation);
            }
            return true;
          });
          const reading = all.slice(0, 3).map(async ({ path }) => ({ path, bytes: await follow(at, path) }));
          const wanted = before + 20 + Math.floor(Math.random() * (IS_LONG ? 60 : 150));
          await waitFor(
            'some acknowledgements',
            () => all.reduce((n, one) => n + one.acknowledged.length, 0) >= wanted,
          );
          at.process.kill('SIGKILL');
          await Promise.all(writing);
          seen = await Promise.all(reading);
        } finally {
          await at.stop();
        }
      }
      const last = await startServer({ streamfs: mount(sync) });
      for (const load of all) await check(load, last, pending.get(load));
      await last.stop();
      const acknowledged = all.reduce((sum, one) => sum + one.acknowledged.length, 0);
      // Losses, duplicates and truncations have failed the test by now.
      if (IS_LONG) process.stdout.write(`persist_sync ${sync}: ${KILLS} kills, ${acknowledged} appends acknowledged\n`);
    },
    Math.max(1_800_000, KILLS * 60_000),
  );

  it('says what an acknowledgement means, and where it is kept', async () => {
    const at = await server({ streamfs: mount('always') });
    const response = await put(at, '/streamfs/a', Buffer.from('x'));
    expect(response.headers.get('x-stream-durable')).toBe('synced');
    const ofMemory = await server();
    const other = await put(ofMemory, '/streamfs/a', Buffer.from('x'));
    expect(other.headers.has('x-stream-durable')).toBe(false);
  });

  it('gives live reads all that is on disk, before the ring and into it, also after a restart', async () => {
    const config = { persist: directory, ring_buffer_size: '512KB', channel_buffer_size: '512KB' };
    const at = await startServer({ streamfs: config });
    const all = Buffer.concat(Array.from({ length: 12 }, (_, n) => Buffer.alloc(1_000_003, `${n}:`)));
    await put(at, '/streamfs/long', all);
    const read = async (from: ServerProcess, query: string) => {
      const response = await fetch(from.api(`/files?path=/streamfs/long&stream=true&${query}`));
      const parts: Buffer[] = [];
      for await (const part of response.body!) parts.push(Buffer.from(part));
      return Buffer.concat(parts);
    };
    const following = read(at, 'from=earliest');
    await put(at, '/streamfs/long', Buffer.from('live'));
    await at.json('POST', '/end?path=/streamfs/long');
    const whole = Buffer.concat([all, Buffer.from('live')]);
    expect((await following).equals(whole)).toBe(true);
    await at.stop();
    const again = await server({ streamfs: config });
    await waitFor('the mount', async () => (await again.facts('/streamfs/long')) !== undefined);
    expect((await read(again, 'from=earliest')).equals(whole)).toBe(true);
    expect((await read(again, 'offset=5000000')).equals(whole.subarray(5_000_000))).toBe(true);
    const framed = await read(again, 'from=earliest&format=frames');
    expect(framed.length).toBeGreaterThan(whole.length);
    expect(framed.includes(all.subarray(1_000_000, 1_000_100))).toBe(true);
  });

  it('contract 107: sends long snapshots to slow readers without having them in memory', async () => {
    const config = { persist: directory, ring_buffer_size: '1MB', channel_buffer_size: '1MB' };
    const at = await server({ streamfs: config });
    const part = Buffer.alloc(30_000_001, 'abcdefghijk');
    const hash = createHash('sha256');
    for (let n = 0; n < 8; n++) {
      await put(at, '/streamfs/long', part);
      hash.update(part);
    }
    const before = memoryOf(at.process.pid!).rss;
    const url = at.api('/files?path=/streamfs/long&snapshot=true');
    // They read the beginning of their response and no more.
    const slow = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const reader = (await fetch(url)).body!.getReader();
        await reader.read();
        return reader;
      }),
    );
    const whole = createHash('sha256');
    for await (const piece of (await fetch(url)).body!) whole.update(piece);
    expect(whole.digest('hex')).toBe(hash.digest('hex'));
    expect(memoryOf(at.process.pid!).rss - before).toBeLessThan(120 * MB);
    for (const reader of slow) await reader.cancel();
  }, 120_000);

  it('has 10,000 streams again, with few open files', async () => {
    const at = await startServer({ streamfs: mount('1s') });
    const names = Array.from({ length: 10_000 }, (_, n) => `/streamfs/many/${n}`);
    const next = names.values();
    const worker = async () => {
      for (const name of next) await put(at, name, Buffer.from(`${name}\n`.padEnd(100, '.')));
    };
    await Promise.all(Array.from({ length: 32 }, worker));
    at.process.kill('SIGKILL');
    await at.process.end();
    const again = await server({ streamfs: mount('1s') });
    await waitFor('the mount', async () => (await again.facts('/streamfs/many/9999')) !== undefined);
    expect(readdirSync(`/proc/${again.process.pid}/fd`).length).toBeLessThanOrEqual(300);
    expect((await contentOf(again, '/streamfs/many/1234')).toString()).toMatch(/^\/streamfs\/many\/1234\n/);
    const [opened] = again.logged('log opened');
    expect(opened).toMatchObject({ streams: 10_000 });
    await at.stop();
  }, 300_000);
});
