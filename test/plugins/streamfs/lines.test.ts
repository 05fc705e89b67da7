import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { MAX_CHUNK, MemoryBudget } from '../../../src/core/index.ts';
import { RingStream, StreamRules } from '../../../src/core/internal.ts';
import type { FileSystem, FileWriter } from '../../../src/fs/index.ts';
import { DEFAULT_SIZES, DiskStore } from '../../../src/persist/index.ts';
import { StreamFileSystem } from '../../../src/plugins/streamfs/file-system.ts';
import { HandleLines } from '../../../src/plugins/streamfs/handle-lines.ts';
import { parseSettings } from '../../../src/plugins/streamfs/settings.ts';
import { StreamLines } from '../../../src/plugins/streamfs/stream-lines.ts';
import { FakeClock } from '../../fs/fake-clock.ts';
import { waitFor } from '../../harness/wait.ts';
import { SimulatedDisk } from '../../persist/simulated-disk.ts';
import { bytes, failure, openReader, recorder, text } from './setup.ts';

const LINES = { atomic: 'lines' } as const;
const KB = 1024;

function files(config: Record<string, unknown> = {}, memory?: MemoryBudget) {
  const clock = new FakeClock();
  const { logger } = recorder();
  const fs = new StreamFileSystem(parseSettings(config), { logger, ...(memory && { memory }) }, clock);
  return { fs, clock };
}

const content = async (fs: FileSystem, path = '/a') => text(Buffer.concat((await fs.snapshot(path)).parts));
const attempt = (fs: FileSystem, seq: number, epoch = 0): Promise<FileWriter> =>
  fs.openProducerWrite!('/a', { id: 'p', epoch, seq }, LINES);

/** Writers, each with the parts it writes, and the order in which they write. */
const writers = fc.array(fc.array(fc.stringMatching(/^[xyz]{0,6}\n?[xyz]{0,6}$/), { maxLength: 8 }), {
  minLength: 1,
  maxLength: 4,
});

describe('contract 88: lines of several writers of a stream', () => {
  it('are never mixed, however they are cut, and an unfinished one is completed with a newline', async () => {
    await fc.assert(
      fc.asyncProperty(writers, fc.infiniteStream(fc.nat()), async (parts, order) => {
        const { fs } = files();
        const expected: string[] = [];
        const open = await Promise.all(
          parts.map(async (given, index) => {
            const marked = given.map((part) => part.replace(/[xyz]/g, String(index)));
            const whole = marked.join('');
            expected.push(
              ...whole.split('\n').slice(0, -1),
              ...(whole.endsWith('\n') || whole === '' ? [] : [whole.split('\n').at(-1)!]),
            );
            return { marked, writer: await fs.openWrite('/a', LINES) };
          }),
        );
        const left = [...open];
        for (const pick of order) {
          if (left.length === 0) break;
          const [one] = left.splice(pick % left.length, 1);
          const part = one!.marked.shift();
          if (part === undefined) await (pick % 2 === 0 ? one!.writer.close() : one!.writer.abort());
          else {
            await one!.writer.write(bytes(part));
            left.push(one!);
          }
        }
        const lines = (await content(fs)).split('\n');
        expect(lines.pop()).toBe('');
        expect(lines.sort()).toEqual(expected.sort());
      }),
    );
  });

  it('one longer than 64 KiB is given on in parts; where another writer comes in between, that one is whole', async () => {
    const { fs } = files();
    const long = await fs.openWrite('/a', LINES);
    await long.write(Buffer.alloc(70 * KB, 'x'));
    expect((await content(fs)).length).toBe(MAX_CHUNK);
    await fs.write('/a', bytes('other\n'), LINES);
    await long.write(bytes('x\n'));
    await long.close();
    const lines = (await content(fs)).split('\n');
    expect(lines.map((line) => line.length)).toEqual([64 * KB, 5, 6 * KB + 1, 0]);
    expect(lines[1]).toBe('other');
  });

  it('one longer than 64 KiB stays as it is where no other writer comes in between, and is completed', async () => {
    const { fs } = files();
    const writer = await fs.openWrite('/a', LINES);
    for (let n = 0; n < 10; n++) await writer.write(Buffer.alloc(30 * KB, 'x'));
    await writer.close();
    expect(await content(fs)).toBe(`${'x'.repeat(300 * KB)}\n`);
  });

  it('one of exactly 64 KiB with its newline is one chunk', async () => {
    const { fs } = files();
    const reader = await openReader(fs, '/a');
    const writer = await fs.openWrite('/a', LINES);
    await writer.write(Buffer.alloc(MAX_CHUNK - 1, 'x'));
    expect(reader.peek()).toMatchObject({ type: 'caught-up' });
    await writer.write(bytes('\nnext\n'));
    await writer.close();
    const record = reader.peek();
    expect(record?.type === 'data' && record.data.length).toBe(MAX_CHUNK);
  });

  it('of a write that is too long for a chunk are cut into chunks between lines', async () => {
    const { fs } = files();
    const reader = await openReader(fs, '/a');
    await fs.write('/a', Buffer.from(`${'x'.repeat(999)}\n`.repeat(200)), LINES);
    for (let left = 200_000; left > 0; ) {
      const record = await reader.read();
      if (record.type !== 'data') continue;
      expect(record.data.at(-1)).toBe(10);
      left -= record.data.length;
    }
  });

  it('are kept whole over all writes to a handle, and completed when it is closed', async () => {
    const { fs } = files();
    const handle = await fs.openHandle('/a', { flags: 1, mode: 0o644, ...LINES });
    const other = await fs.openHandle('/a', { flags: 1, mode: 0o644, ...LINES });
    expect(await handle.write(bytes('one '))).toEqual({ written: 4, position: 0 });
    await other.write(bytes('other\nhal'));
    await handle.write(bytes('line\nunfin'));
    await handle.write(bytes('ished'));
    await handle.close();
    await other.write(bytes('f\n'));
    await other.close();
    expect(await content(fs)).toBe('other\none line\nunfinished\nhalf\n');
  });

  it('of a handle are the same when a write that the full disk refused is repeated', async () => {
    const disk = new SimulatedDisk();
    const store = await DiskStore.open({
      ...{ disk, sync: { name: 'always', interval: 0 }, boot: 'one', logger: recorder().logger },
      ...{ ...DEFAULT_SIZES, retention: Number.POSITIVE_INFINITY },
    });
    const stream = new RingStream({ name: '/a' }, new StreamRules({ retention: 100_000, maxLag: 100_000 }));
    store.attach(stream, '/a', { facts: () => '{}', producers: () => undefined });
    const lines = new StreamLines({ stream, clock: new FakeClock(), timeout: 0, memory: undefined });
    const handle = new HandleLines({ line: lines.begin(), memory: undefined, stream });
    await handle.write(bytes('one '));
    disk.faults.room = 0;
    for (let times = 0; times < 3; times++) {
      const refused = Promise.resolve().then(() => handle.write(bytes('line\ntwo ')));
      await expect(refused).rejects.toMatchObject({ code: 'DISK_FULL' });
    }
    disk.faults.room = Number.POSITIVE_INFINITY;
    await waitFor('the disk can be written', () => store.stats.problem === undefined);
    await handle.write(bytes('line\ntwo '));
    await handle.close();
    const written = text(Buffer.concat(stream.retainSnapshot({ from: 'earliest' }).parts));
    expect(written).toMatch(/^(one line\n)+two \n$/);
    await store.close();
  });

  it('come before the end of the stream, where one is unfinished', async () => {
    const { fs } = files();
    const writer = await fs.openWrite('/a', LINES);
    await writer.write(bytes('unfinished'));
    await fs.end('/a');
    expect(await content(fs)).toBe('unfinished\n');
    expect(await failure(Promise.resolve().then(() => writer.write(bytes('x\n'))))).toContain('STREAM_CLOSED');
    await writer.abort();
  });

  it('stay whole while a reader makes writers wait', async () => {
    const { fs } = files({ channel_buffer_size: '16KB', ring_buffer_size: '16KB', block_timeout: '1h' });
    const reader = await openReader(fs, '/a', { onLag: 'block' });
    const line = (name: string, length: number) => `${name.repeat(length)}\n`;
    const bodies = ['a', 'b', 'c'].map((name) => Array.from({ length: 40 }, (_, n) => line(name, 1 + n * 97)).join(''));
    const writing = bodies.map(async (body, index) => {
      // One of them is a producer.
      const writer = index === 0 ? await attempt(fs, 0) : await fs.openWrite('/a', LINES);
      for (let at = 0; at < body.length; at += 5000) await writer.write(bytes(body.slice(at, at + 5000)));
      await writer.close();
    });
    let got = '';
    const expected = bodies.join('').length;
    while (got.length < expected) {
      const record = await reader.read();
      if (record.type === 'data') got += text(record.data);
    }
    await Promise.all(writing);
    expect(got.split('\n').sort()).toEqual(bodies.join('').split('\n').sort());
  });
});

describe('contract 88: unfinished lines of a producer', () => {
  it('go on with the repetition of an append that broke off: no byte is lost, doubled, or cut off', async () => {
    const { fs, clock } = files();
    const first = await attempt(fs, 0);
    await first.write(bytes('one\nhalf'));
    await first.abort();
    await fs.write('/a', bytes('other\n'), LINES);
    clock.advance(9000);
    const again = await attempt(fs, 0);
    await again.write(bytes('one\nhalf of it'));
    clock.advance(60_000);
    await again.write(bytes(', whole\n'));
    await again.close();
    expect(await content(fs)).toBe('one\nother\nhalf of it, whole\n');
  });

  it('are completed where the append ends in the middle of one; the newline counts for nothing', async () => {
    const { fs } = files();
    const first = await attempt(fs, 0);
    await first.write(bytes('half'));
    await first.close();
    expect([first.written, first.endOffset]).toEqual([4, 5]);
    const again = await attempt(fs, 0);
    expect(again.producer).toMatchObject({ isRepeated: true });
    const next = await attempt(fs, 1);
    await next.write(bytes('next\n'));
    await next.close();
    expect(await content(fs)).toBe('half\nnext\n');
  });

  it('are completed when the producer does not come back in time', async () => {
    const { fs, clock } = files({ line_timeout: '3s' });
    const writer = await attempt(fs, 0);
    await writer.write(bytes('one\nhalf'));
    await writer.abort();
    clock.advance(2999);
    expect(await content(fs)).toBe('one\n');
    clock.advance(1);
    expect(await content(fs)).toBe('one\nhalf\n');
    // If it returns all the same, the complete line is written.
    const again = await attempt(fs, 0);
    await again.write(bytes('one\nhalf and half\n'));
    await again.close();
    expect(await content(fs)).toBe('one\nhalf\nhalf and half\n');
  });

  it('of an older epoch are completed when the newer begins', async () => {
    const { fs } = files();
    const old = await attempt(fs, 0);
    await old.write(bytes('old'));
    await old.abort();
    const fresh = await attempt(fs, 0, 1);
    await fresh.write(bytes('new\n'));
    await fresh.close();
    expect(await content(fs)).toBe('old\nnew\n');
  });

  it('are taken over by an attempt that supersedes one which is still open', async () => {
    const { fs, clock } = files();
    const open = await attempt(fs, 0);
    await open.write(bytes('ha'));
    const newer = await attempt(fs, 0);
    await open.abort();
    clock.advance(3_600_000);
    await newer.write(bytes('half\n'));
    await newer.close();
    expect(await content(fs)).toBe('half\n');
  });

  it('longer than 64 KiB go on where they were, if no other writer came in between', async () => {
    const { fs } = files();
    const line = `${'x'.repeat(100 * KB)}\n`;
    const first = await attempt(fs, 0);
    await first.write(bytes(line.slice(0, 80 * KB)));
    await first.abort();
    const again = await attempt(fs, 0);
    expect(again.written).toBe(64 * KB);
    await again.write(bytes(line));
    await again.close();
    expect(await content(fs)).toBe(line);
  });

  it('leave nothing behind: no timer, no memory', async () => {
    const memory = new MemoryBudget(64 * 1024 * KB);
    const { fs, clock } = files({ producer_ttl: '0s' }, memory);
    await fs.write('/a', bytes('x\n'));
    const before = memory.fixed;
    const broken = await attempt(fs, 0);
    await broken.write(bytes('half'));
    await broken.abort();
    expect([clock.pending, memory.fixed > before]).toEqual([1, true]);
    const again = await attempt(fs, 0);
    await again.write(bytes('half\n'));
    await again.close();
    const handle = await fs.openHandle('/a', { flags: 1, mode: 0, ...LINES });
    await handle.write(bytes('half'));
    await handle.close();
    expect(clock.pending).toBe(0);
    await fs.remove('/a');
    expect(memory.fixed).toBeLessThanOrEqual(before);
  });
});

describe('contract 95: the cost of keeping lines whole', () => {
  /** Bytes copied within memory during `work`. */
  async function copied(work: () => Promise<void>): Promise<number> {
    let sum = 0;
    const set = Uint8Array.prototype.set;
    const concat = Buffer.concat;
    const spies = [
      vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, source, at) {
        sum += source.length;
        set.call(this, source, at);
      }),
      vi.spyOn(Buffer, 'concat').mockImplementation((list, length) => {
        const made = concat(list, length);
        sum += made.length;
        return made;
      }),
    ];
    try {
      await work();
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    return sum;
  }

  it('each byte is copied a few times, also where each comes by itself', async () => {
    const size = 65_000;
    const { fs } = files();
    const writer = await fs.openWrite('/a', LINES);
    const one = bytes('x');
    const sum = await copied(async () => {
      for (let n = 0; n < size; n++) await writer.write(one);
      await writer.close();
    });
    expect((await content(fs)).length).toBe(size + 1);
    expect(sum).toBeLessThan(8 * size);
  });

  it('lines that do not fit into the memory of the server are refused', async () => {
    const memory = new MemoryBudget(2 * 1024 * KB);
    const { fs } = files({ ring_buffer_size: '64KB', channel_buffer_size: '64KB' }, memory);
    const half = Buffer.alloc(60 * KB, 'x');
    const write = async (n: number) => (await fs.openWrite(`/${n}`, LINES)).write(half);
    let refused = '';
    for (let n = 0; n < 40 && refused === ''; n++) {
      refused = await failure(write(n)).catch(() => '');
    }
    expect(refused).toContain('MEMORY_LIMIT');
  });
});
