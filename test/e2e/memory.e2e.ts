import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { start } from './harness/commands.ts';
import { MB } from './harness/memory.ts';
import { pattern, patternHash } from './harness/pattern.ts';
import { probed } from './harness/probed.ts';
import { distModule, server } from './harness/server.ts';
import { Tap } from './harness/tap.ts';

/** Runs a module in a separate Node process; `Stream` is the built core's. Returns its output, parsed as JSON. */
async function inProcess<T>(
  code: string,
  ...flags: string[]
): Promise<{ code: number | null; printed: T; stderr: string }> {
  const program = `
    import { Stream } from ${JSON.stringify(distModule('core/index.js'))};
    const MB = 1024 * 1024;
    const print = (value) => process.stdout.write(JSON.stringify(value));
    ${code}
  `;
  const child = start(process.execPath, [...flags, '--input-type=module', '-e', program], { stdin: 'ignore' });
  const { code: exit, stdout, stderr } = await child.result();
  expect(stderr).toBe('');
  return { code: exit, printed: JSON.parse(stdout) as T, stderr };
}

interface Growth {
  buffers: number;
  heap: number;
  rss: number;
  memory: number;
  retained: number;
}

/** A function for the child: the growth of the process's memory, after a full collection. */
const MEASURE = `
  const take = () => { gc(); gc(); const { rss, heapUsed, arrayBuffers } = process.memoryUsage(); return { rss, heapUsed, arrayBuffers }; };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const fill = async (stream, count, piece) => {
    for (let n = 0; n < count; n++) { stream.append(piece); if (n % 20000 === 0) await turn(); }
  };
  // Everything is compiled and every pool is filled before the measurement begins.
  await fill(new Stream({ retention: MB, maxLag: MB }), 300000, Buffer.alloc(10));
  const before = take();
  const measure = (stream) => {
    const now = take();
    const { memory, retained } = stream.stats();
    print({ buffers: now.arrayBuffers - before.arrayBuffers, heap: now.heapUsed - before.heapUsed, rss: now.rss - before.rss, memory, retained });
  };
`;

describe('a ring of 6 MB', () => {
  const RING = 6 * MB;

  it('contract 12: takes no more than twice that for ten million writes of 10 bytes', async () => {
    const { printed } = await inProcess<Growth>(
      `${MEASURE}
      const stream = new Stream({ retention: 6 * MB, maxLag: 6 * MB });
      await fill(stream, 10_000_000, Buffer.from('0123456789'));
      measure(stream);`,
      '--expose-gc',
    );
    expect(printed.retained).toBe(RING);
    expect(printed.memory).toBeLessThanOrEqual(2 * RING);
    expect(printed.buffers + printed.heap).toBeLessThanOrEqual(2 * RING);
    // Released slabs may not be collected yet, or may be kept by the allocator. A separate allocation for each chunk would
    // take a gigabyte.
    expect(printed.rss).toBeLessThanOrEqual(16 * RING);
  });

  it('contract 12, 16: takes no more with a hundred readers that stand still', async () => {
    const { printed } = await inProcess<Growth & { lag: number }>(
      `${MEASURE}
      const stream = new Stream({ retention: 6 * MB, maxLag: 6 * MB });
      const readers = Array.from({ length: 100 }, () => stream.openReader());
      for (const reader of readers) reader.peek();
      await fill(stream, 3_000_000, Buffer.from('0123456789'));
      measure(stream);
      if (readers.some((reader) => reader.cursor !== 0)) throw new Error('a reader has moved');`,
      '--expose-gc',
    );
    expect(printed.buffers + printed.heap).toBeLessThanOrEqual(2 * RING);
  });

  it('contract 12: takes no more for single bytes', async () => {
    const { printed } = await inProcess<Growth>(
      `${MEASURE}
      const stream = new Stream({ retention: 6 * MB, maxLag: 6 * MB });
      await fill(stream, 10_000_000, Buffer.from('x'));
      measure(stream);`,
      '--expose-gc',
    );
    expect(printed.retained).toBe(RING);
    expect(printed.buffers + printed.heap).toBeLessThanOrEqual(2 * RING);
  });
});

describe('a process', () => {
  it.each([
    ['a read', 'reader.read().then(() => print("read"), (error) => print(String(error)));'],
    [
      'a read with a timeout',
      'reader.read({ timeout: 60_000 }).then(() => print("read"), (error) => print(String(error)));',
    ],
    ['an iteration', '(async () => { for await (const record of reader) print(record.type); })();'],
    ['a wake-up', 'reader.whenReadable(() => print("woken"));'],
  ])('contract 22: that has nothing to do but %s that waits ends by itself', async (_name, wait) => {
    // The caught-up record arrives at once; the next one never does.
    const { code, printed } = await inProcess<string>(`
      const reader = new Stream({ retention: MB, maxLag: MB }).openReader();
      reader.peek();
      ${wait}
      print('waiting');
    `);
    expect({ code, printed }).toEqual({ code: 0, printed: 'waiting' });
  });
});

describe('a server', () => {
  it('contract 57: does not copy a stream for its handles, however far they read', async () => {
    const ring = 24 * MB;
    const handles = 10;
    const at = await server({ streamfs: { ring_buffer_size: ring, channel_buffer_size: ring } });
    await at.put('/streamfs/far', pattern(0, ring));
    const expected = patternHash([{ from: 0, to: ring }]);
    const before = at.memory().rss;
    const ids: number[] = [];
    for (let n = 0; n < handles; n++) {
      const { handle_id: id } = await at.json('POST', '/handles/open?path=/streamfs/far&flags=0');
      ids.push(Number(id));
      const read = new Tap(new PassThrough(), false);
      while (read.length < ring) {
        const response = await fetch(at.api(`/handles/${id}/read?size=-1`));
        read.take(Buffer.from(await response.arrayBuffer()));
      }
      expect(read.sha256).toBe(expected);
    }
    // All of them are still open, at the end. A copy for each would be 240 MB.
    for (const id of ids) {
      expect(await at.json('POST', `/handles/${id}/seek?offset=0&whence=1`)).toMatchObject({ position: ring });
    }
    expect(at.memory().rss - before).toBeLessThan(3 * ring);
  });

  it('contract 16: holds little for a stream that is idle', async () => {
    const at = await probed();
    const write = async (name: string, count: number) => {
      for (let n = 0; n < count; n++) await at.put(`/streamfs/${name}${n}`, Buffer.alloc(100, 'x'));
    };
    // The first streams pay for shared structures.
    await write('first', 200);
    const before = await at.level();
    const streams = 2000;
    await write('idle', streams);
    const after = await at.level();
    expect(after.objects.Stream! - before.objects.Stream!).toBe(streams);
    // Measured: 1.7 KB, of which the slab is 288 bytes. With separate memory for each and reader structures, 2.4.
    expect((after.bytes - before.bytes) / streams).toBeLessThan(2200);
  });

  it('contract 13, 70: takes in a body far beyond its ring without holding it', async () => {
    const at = await server();
    const before = at.memory().rss;
    const writer = start('curl', ['-sS', '--fail', '-o', '/dev/null', '-T', '-', at.api('/files?path=/streamfs/long')]);
    const total = 400 * MB;
    const piece = Buffer.alloc(MB, 'x');
    for (let sent = 0; sent < total; sent += MB) await writer.write(piece);
    writer.stdin.end();
    expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
    expect(await at.facts('/streamfs/long')).toMatchObject({ written: total });
    expect(at.memory().peak - before).toBeLessThan(96 * MB);
  });
});
