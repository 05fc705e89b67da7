import { describe, expect, it } from 'vitest';
import { MAX_CHUNK, MAX_OFFSET } from '../../src/core/index.ts';
import { type CursorReader, RingStream } from '../../src/core/internal.ts';
import { append, bytesNow, bytesOf, codeOf, readNow, recordsNow, turn } from './helpers.ts';

const KB = 1024;
const MB = 1024 * KB;

function stream(options: Partial<ConstructorParameters<typeof RingStream>[0]> = {}): RingStream {
  return new RingStream({ retention: 1000, maxLag: 1000, ...options });
}

describe('appending', () => {
  it('contract 1: an append adds bytes at the end and returns the new end offset', () => {
    const s = stream();
    expect(s.append(bytesOf('abc'))).toBe(3);
    expect(s.append(bytesOf('de'))).toBe(5);
    expect(Buffer.from(s.snapshot().data).toString()).toBe('abcde');
  });

  it.each([
    ['a text', 'abc'],
    ['a number', 5],
    ['nothing', undefined],
    ['null', null],
    ['an array', [1, 2]],
  ] as const)('%s is refused, and nothing is written', (_name, value) => {
    const s = stream();
    expect(() => s.append(value as unknown as Uint8Array)).toThrow(/^bytes must be a Uint8Array/);
    expect(() => s.write(value as unknown as Uint8Array)).toThrow(TypeError);
    expect(s.endOffset).toBe(0);
  });

  it('memory that is no array of bytes is refused, and so it is while writers wait for a reader', () => {
    const s = stream({ onLag: 'block' });
    s.openReader();
    s.append(new Uint8Array(1000));
    for (const value of [new ArrayBuffer(3), new Uint16Array(3), new DataView(new ArrayBuffer(3))]) {
      expect(() => s.append(value as unknown as Uint8Array)).toThrow(TypeError);
      expect(() => s.write(value as unknown as Uint8Array)).toThrow(TypeError);
    }
    expect(s.endOffset).toBe(1000);
  });

  it('contract 2: the caller may reuse its memory as soon as an append returns', async () => {
    const s = stream();
    const reader = s.openReader();
    const bytes = bytesOf('first');
    s.append(bytes);
    bytes.fill(0);
    expect(await readNow(reader)).toEqual(['first', '<caught-up 5>']);
  });

  it('contract 2: all readers are given the same memory, and standing readers take none', () => {
    const s = stream({ retention: MB, maxLag: MB });
    s.append(new Uint8Array(100 * KB));
    const before = s.stats().memory;
    const readers = Array.from({ length: 1000 }, () => s.openReader());
    const first = readers[0]!.borrowRun(MB);
    expect(first).toMatchObject({ type: 'run', offset: 0, length: 100 * KB });
    for (const reader of readers) expect(reader.borrowRun(MB)).toBe(first);
    expect(s.stats().memory).toBe(before);
  });

  it('contract 2: memory that a reader holds never changes, even when its bytes have left the ring', async () => {
    const s = stream({ retention: 10, maxLag: 10 });
    append(s, 'precious');
    const record = await s.openReader().read();
    for (let i = 0; i < 10_000; i++) append(s, 'overwritten?');
    expect(record.type === 'data' && Buffer.from(record.data).toString()).toBe('precious');
  });

  it('contract 3: an ended stream refuses bytes, writes none of them, and keeps what it had', async () => {
    const s = stream();
    append(s, 'kept');
    s.end();
    expect(() => append(s, 'lost')).toThrow('stream is closed');
    expect(await codeOf(() => s.write(bytesOf('lost')))).toBe('STREAM_CLOSED');
    expect(await codeOf(() => s.append(new Uint8Array(0)))).toBe('STREAM_CLOSED');
    expect(s.totalWritten).toBe(4);
    expect(await readNow(s.openReader())).toEqual(['kept', '<end 4 ended>']);
  });

  it('contract 4: writing without a reader succeeds, at once', () => {
    const s = stream();
    expect(s.write(bytesOf('nobody listens'))).toBeUndefined();
    expect(s.write(new Uint8Array(10 * MB))).toBeUndefined();
    expect(s.totalWritten).toBe(14 + 10 * MB);
  });

  it('contract 5: total_written counts the bytes ever written, not those held', () => {
    const s = stream({ retention: 10 });
    for (let i = 0; i < 100; i++) append(s, 'abcdefg');
    expect(s.stats()).toMatchObject({ totalWritten: 700, retained: 10, startOffset: 690, totalChunks: 100 });
  });

  it('contract 6: the modification time is the creation, then the last write or touch; reading does not move it', async () => {
    let time = 1000;
    const s = stream({ now: () => time });
    expect(s.modifiedAt).toBe(1000);
    time = 2000;
    append(s, 'x');
    expect(s.modifiedAt).toBe(2000);
    time = 3000;
    const reader = s.openReader();
    await readNow(reader);
    s.snapshot();
    reader.close();
    s.end();
    expect(s.modifiedAt).toBe(2000);
    s.touch();
    expect(s.stats()).toMatchObject({ createdAt: 1000, modifiedAt: 3000 });
  });

  it('contract 14: no bytes: nothing is stored, no reader is woken, and no time moves', async () => {
    let time = 1000;
    const s = stream({ now: () => time });
    const reader = s.openReader();
    await readNow(reader);
    let woken = 0;
    reader.whenReadable(() => woken++);
    time = 2000;
    expect(s.append(new Uint8Array(0))).toBe(0);
    expect(s.write(new Uint8Array(0))).toBeUndefined();
    await turn();
    expect(woken).toBe(0);
    expect(s.stats()).toMatchObject({ totalWritten: 0, totalChunks: 0, memory: 0, modifiedAt: 1000 });
    append(s, 'x');
    await turn();
    expect(woken).toBe(1);
  });
});

describe('order', () => {
  it('contract 10: with any number of writers every reader and the history see the same bytes in the same order', async () => {
    const s = stream({ retention: MB, maxLag: MB });
    const early = s.openReader();
    const writers = Array.from({ length: 20 }, async (_, writer) => {
      for (let line = 0; line < 50; line++) {
        await s.write(bytesOf(`${writer}:${line}\n`));
        if ((writer + line) % 3 === 0) await turn();
      }
    });
    await turn();
    const middle = s.openReader();
    await Promise.all(writers);
    const history = Buffer.from(s.snapshot().data);
    expect(await bytesNow(early)).toEqual(history);
    expect(await bytesNow(middle)).toEqual(history);
    const lines = history.toString().trimEnd().split('\n');
    expect(new Set(lines).size).toBe(1000);
    for (let writer = 0; writer < 20; writer++) {
      const own = lines.filter((line) => line.startsWith(`${writer}:`));
      expect(own).toEqual(Array.from({ length: 50 }, (_, line) => `${writer}:${line}`));
    }
  });

  it('contract 10: a library write is one piece, however long: no other write comes in between', async () => {
    const size = 10 * MB;
    const s = stream({ retention: 3 * size, maxLag: 3 * size });
    s.openReader();
    const done = ['a', 'b'].map((letter) => s.write(new Uint8Array(size).fill(letter.charCodeAt(0))));
    const short = s.write(bytesOf('c'));
    expect(s.totalWritten).toBeLessThan(2 * size);
    await Promise.all([...done, short]);
    const { data } = s.snapshot();
    expect(data.length).toBe(2 * size + 1);
    const expected = Buffer.concat([Buffer.alloc(size, 'a'), Buffer.alloc(size, 'b'), Buffer.from('c')]);
    expect(Buffer.compare(data, expected)).toBe(0);
  });

  it('contract 7: readers keep up with a write longer than they may lag, since it lets them have their turns', async () => {
    for (const maxLag of [64 * KB, 128 * KB, 500 * KB, MB]) {
      const s = stream({ retention: 100 * KB, maxLag });
      const reader = s.openReader();
      const all = (async () => {
        let bytes = 0;
        for await (const record of reader) if (record.type === 'data') bytes += record.data.length;
        return bytes;
      })();
      await turn();
      await s.write(new Uint8Array(10 * MB));
      s.end();
      expect(await all).toBe(10 * MB);
      expect(reader.skippedBytes).toBe(0);
    }
  });

  it('contract 23: a long write that the stream ends in the middle of is refused from there on, and readers are not cut', async () => {
    const s = stream({ retention: MB, maxLag: MB });
    const reader = s.openReader();
    const write = codeOf(() => s.write(new Uint8Array(10 * MB)));
    await turn();
    s.end();
    expect(await write).toBe('STREAM_CLOSED');
    expect(s.totalWritten).toBeGreaterThan(0);
    expect(s.totalWritten).toBeLessThan(10 * MB);
    expect((await bytesNow(reader)).length).toBe(s.totalWritten);
  });
});

describe('fan-out', () => {
  it('contract 7: a reader that stands still costs neither the writer nor the others a byte', async () => {
    const s = stream({ retention: 100, maxLag: 100 });
    const stalled = s.openReader();
    const brisk = s.openReader();
    let got = 0;
    for (let i = 0; i < 1000; i++) {
      append(s, '0123456789');
      got += (await bytesNow(brisk)).length;
    }
    expect(got).toBe(10_000);
    expect(brisk.skippedBytes).toBe(0);
    expect(stalled.lag).toBe(10_000);
  });

  it('contract 8: every loss is counted in bytes and in chunks, per reader and per stream, and told to the owner', async () => {
    const gapReports: string[] = [];
    const s = stream({
      retention: 10,
      maxLag: 10,
      observer: {
        gap: (_, reader, gap) => gapReports.push(`${reader === first ? 1 : 2} ${gap.from}-${gap.to} ${gap.chunks}`),
      },
    });
    const first = s.openReader();
    const second = s.openReader();
    for (let i = 0; i < 5; i++) append(s, 'abcdef');
    expect(s.skippedBytes).toBe(0);
    // 20 bytes of chunks of 6: three chunks, and a part of the fourth.
    expect(await readNow(first)).toEqual(['<gap 0-20 4>', 'cdef', 'abcdef', '<caught-up 30>']);
    expect(first).toMatchObject({ receivedBytes: 10, skippedBytes: 20, skippedChunks: 4 });
    append(s, 'abcdef');
    expect((await recordsNow(second))[0]).toEqual({ type: 'gap', from: 0, to: 26, chunks: 5 });
    expect(s.stats()).toMatchObject({ skippedBytes: 46, skippedChunks: 9 });
    expect(gapReports).toEqual(['1 0-20 4', '2 0-26 5']);
    first.close();
    second.close();
    expect(s.stats()).toMatchObject({ skippedBytes: 46, skippedChunks: 9, readers: 0 });
  });

  it('contract 9: a loss is never silent: the gap reports what was lost, and reading continues at its end', async () => {
    const s = stream({ retention: 50, maxLag: 50 });
    const reader = s.openReader();
    append(s, 'start');
    await readNow(reader);
    for (let i = 0; i < 40; i++) append(s, `${1000 + i}`);
    const [gap, data] = await recordsNow(reader);
    expect(gap).toEqual({ type: 'gap', from: 5, to: 115, chunks: 28 });
    expect(data).toMatchObject({ type: 'data', offset: 115 });
  });

  it('contract 11: thousands of readers come and go amid appends, and no other reader misses a byte', async () => {
    const s = stream({ retention: 64 * KB, maxLag: 64 * KB });
    const steady = [s.openReader(), s.openReader()];
    const followed = steady.map(async (reader) => {
      const parts: Uint8Array[] = [];
      for await (const record of reader) {
        expect(record.type).not.toBe('gap');
        if (record.type === 'data') parts.push(record.data);
      }
      return Buffer.concat(parts);
    });
    const written: Uint8Array[] = [];
    let visitors: CursorReader[] = [];
    const churn = new Set<Promise<unknown>>();
    for (let i = 0; i < 5000; i++) {
      const visitor = s.openReader({ start: { from: i % 2 === 0 ? 'live' : 'earliest' } });
      visitors.push(visitor);
      if (i % 5 === 0) {
        const visit = visitor.read().catch((error: unknown) => expect(error).toMatchObject({ code: 'READER_CLOSED' }));
        churn.add(visit);
      }
      if (i % 3 === 0) {
        const bytes = bytesOf(`line ${i}\n`);
        written.push(bytes);
        s.append(bytes);
      }
      if (i % 7 === 0) {
        // Some leave while bytes are in flight to them, some before the next turn, some within it.
        for (const leaving of visitors.splice(0, 5)) leaving.close();
        if (i % 2 === 0) await turn();
      }
    }
    for (const leaving of visitors) leaving.close();
    visitors = [];
    await Promise.all(churn);
    expect(s.readerCount).toBe(2);
    s.end();
    const expected = Buffer.concat(written);
    for (const bytes of await Promise.all(followed)) expect(bytes).toEqual(expected);
  });

  it('contract 11: readers that come and go from within the waking of others miss nothing and wake no reader twice', async () => {
    const s = stream();
    const readers = Array.from({ length: 10 }, () => s.openReader());
    const woken: number[] = [];
    for (const [index, reader] of readers.entries()) {
      await readNow(reader);
      reader.whenReadable(() => {
        woken.push(index + 1);
        // The second closes itself and its neighbours, and opens another.
        if (index === 1) {
          for (const neighbour of readers.slice(0, 3)) neighbour.close();
          s.openReader().whenReadable(() => woken.push(11));
        }
      });
    }
    append(s, 'x');
    await turn();
    // The third was closed while it waited, which wakes it once.
    expect(woken.filter((id) => id === 3)).toHaveLength(1);
    expect(woken.filter((id) => id <= 10).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    append(s, 'y');
    await turn();
    expect(woken.filter((id) => id === 11)).toHaveLength(1);
    expect(s.readerCount).toBe(8);
  });
});

describe('retention and memory', () => {
  it('contract 12: exactly the newest bytes are kept, whatever the sizes of the writes', async () => {
    for (const size of [1, 7, 1000, 1023, 4096, 10_000, 65_537]) {
      const s = stream({ retention: 10_000, maxLag: 10_000 });
      for (let written = 0; written < 150_000; written += size) s.append(new Uint8Array(size));
      expect(s.endOffset - s.startOffset).toBe(10_000);
      expect((await bytesNow(s.openReader())).length).toBe(10_000);
    }
  });

  it('contract 12: ten million writes of 10 bytes into a ring of 6 MB take less than twice 6 MB', () => {
    const s = stream({ retention: 6 * MB, maxLag: 6 * MB });
    const bytes = bytesOf('0123456789');
    let peak = 0;
    for (let i = 0; i < 10_000_000; i++) {
      s.append(bytes);
      if ((i & 0xffff) === 0) peak = Math.max(peak, s.stats().memory);
    }
    expect(s.stats()).toMatchObject({ totalChunks: 10_000_000, retained: 6 * MB });
    expect(Math.max(peak, s.stats().memory)).toBeLessThan(1.25 * 6 * MB);
  });

  it('contract 12: the reported memory is real: the heap grows no further than the ring says', () => {
    const s = stream({ retention: 6 * MB, maxLag: 6 * MB });
    const bytes = bytesOf('0123456789');
    const before = process.memoryUsage();
    for (let i = 0; i < 3_000_000; i++) s.append(bytes);
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    // Three million objects would take 100 MB. This figure includes released slabs that are not collected yet.
    expect(grown).toBeLessThan(60 * MB);
    expect(s.stats().memory).toBeLessThan(1.25 * 6 * MB);
  });

  it('contract 13: a write larger than the ring is taken; its newest bytes remain', async () => {
    const s = stream({ retention: 100 * KB, maxLag: 100 * KB });
    const bytes = new Uint8Array(MB);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + (i >>> 8)) & 255;
    expect(s.append(bytes)).toBe(MB);
    expect(s.stats()).toMatchObject({ totalWritten: MB, retained: 100 * KB, totalChunks: 16 });
    const got = await bytesNow(s.openReader());
    expect(Buffer.compare(got, bytes.subarray(MB - 100 * KB))).toBe(0);
  });

  it('contract 13: its chunks are of 64 KiB', async () => {
    const s = stream({ retention: MB, maxLag: MB });
    s.append(new Uint8Array(2 * MAX_CHUNK + 5));
    const sizes = (await recordsNow(s.openReader())).flatMap((r) => (r.type === 'data' ? [r.data.length] : []));
    expect(sizes).toEqual([MAX_CHUNK, MAX_CHUNK, 5]);
  });

  it('contract 16: however many readers stand still, memory is the larger of the two sizes and a small constant', async () => {
    for (const [retention, maxLag] of [
      [MB, 4 * MB],
      [4 * MB, MB],
    ] as const) {
      const s = stream({ retention, maxLag });
      append(s, 'history');
      const readers = Array.from({ length: 500 }, (_, i) =>
        s.openReader({ start: { from: i % 2 ? 'live' : 'earliest' } }),
      );
      for (let i = 0; i < 20 * MB; i += 50_000) s.append(new Uint8Array(50_000));
      // Two slabs of at most 256 KiB are partly used; an eighth is the chunk index.
      expect(s.stats().memory).toBeLessThanOrEqual((4 * MB + 2 * 256 * KB) * (9 / 8));
      for (const reader of readers) reader.close();
      // Bytes that only readers needed are released with the last of them.
      expect(s.stats().memory).toBeLessThanOrEqual((retention + 2 * 256 * KB) * (9 / 8));
    }
  });

  it('contract 16: memory is given back as soon as the last byte in it is no longer kept', () => {
    const s = stream({ retention: 1024, maxLag: 1024 });
    for (let i = 0; i < 50; i++) {
      s.append(new Uint8Array(1024));
      // One slab of the smallest size, filled exactly, and a bit for each byte of it.
      expect(s.stats().memory).toBe(1024 + 128);
    }
  });

  it('contract 16: a stream that holds little takes little', () => {
    const s = stream({ retention: 6 * MB, maxLag: 6 * MB });
    expect(s.stats().memory).toBe(0);
    append(s, 'a few bytes');
    expect(s.stats().memory).toBeLessThan(2 * KB);
  });

  it('contract 16: a reader that peeked and stands still holds no more than one slab; closed, nothing', async () => {
    const s = stream({ retention: 10, maxLag: 10 });
    append(s, 'abc');
    const reader = s.openReader();
    const record = reader.peek();
    for (let i = 0; i < 5000; i++) append(s, 'more');
    expect(record?.type === 'data' && Buffer.from(record.data).toString()).toBe('abc');
    reader.advance(3);
    expect(reader).toMatchObject({ cursor: 3, receivedBytes: 3 });
    expect((await recordsNow(reader))[0]).toEqual({ type: 'gap', from: 3, to: 18_969, chunks: 4742 });
    reader.close();
  });
});

describe('the largest offset', () => {
  it('contract 15: counters are exact to 2^53 - 1, and the byte that would be beyond is refused', async () => {
    const s = stream({ firstOffset: MAX_OFFSET - 10 });
    const reader = s.openReader();
    expect(s.append(bytesOf('1234567'))).toBe(MAX_OFFSET - 3);
    let error: unknown;
    try {
      append(s, 'four');
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'STREAM_FULL', status: 409 });
    expect(String(error)).toContain('9007199254740991');
    expect(s.append(bytesOf('890'))).toBe(MAX_OFFSET);
    expect(await codeOf(() => append(s, 'x'))).toBe('STREAM_FULL');
    expect(s.append(new Uint8Array(0))).toBe(MAX_OFFSET);
    expect(s.stats()).toMatchObject({ totalWritten: 10, endOffset: MAX_OFFSET, startOffset: MAX_OFFSET - 10 });
    s.end();
    expect(await readNow(reader)).toEqual(['1234567', '890', `<end ${MAX_OFFSET} ended>`]);
    expect(reader).toMatchObject({ cursor: MAX_OFFSET, receivedBytes: 10 });
  });

  it('contract 15: a long write that would go beyond it is refused whole, waiting or not', async () => {
    const s = stream({ firstOffset: MAX_OFFSET - 300 * KB, retention: MB, maxLag: MB });
    s.openReader();
    expect(await codeOf(() => s.write(new Uint8Array(301 * KB)))).toBe('STREAM_FULL');
    expect(s.totalWritten).toBe(0);
    await s.write(new Uint8Array(300 * KB));
    expect(s.endOffset).toBe(MAX_OFFSET);
  });
});

describe('the end', () => {
  it('contract 23: readers get what they are owed, then the end; ending twice is harmless, the first reason stays', async () => {
    const s = stream();
    const reader = s.openReader();
    append(s, 'owed');
    s.end('removed');
    s.end('shutdown');
    expect(s.endReason).toBe('removed');
    expect(await readNow(reader)).toEqual(['owed', '<end 4 removed>']);
    expect(await readNow(reader)).toEqual(['<end 4 removed>']);
  });

  it('contract 100: a writer says with the end how it ended, and the first end counts', async () => {
    const s = stream();
    const reader = s.openReader();
    append(s, 'owed');
    s.end('ended', 'exit 3');
    s.end('removed', 'signal SIGKILL');
    expect([s.endReason, s.endStatus, s.stats().endStatus]).toEqual(['ended', 'exit 3', 'exit 3']);
    expect(await reader.read()).toMatchObject({ type: 'data' });
    expect(await reader.read()).toEqual({ type: 'end', offset: 4, reason: 'ended', status: 'exit 3' });
  });

  it.each(['', ' ', 'two  spaces', 'ends ', ' begins', 'line\nbreak', 'über', 'x'.repeat(129)])(
    'contract 100: %j is an invalid status, and the stream continues',
    async (status) => {
      const s = stream();
      expect(await codeOf(() => s.end('ended', status))).toBe('INVALID_PARAMETER');
      expect(s.endReason).toBeUndefined();
      s.end('ended', 'x'.repeat(128));
      expect(s.endStatus).toHaveLength(128);
    },
  );

  it('contract 23: readers that wait are given the end', async () => {
    const s = stream();
    const readers = Array.from({ length: 100 }, () => s.openReader({ start: { from: 'live' } }));
    await Promise.all(readers.map((reader) => readNow(reader)));
    const waiting = readers.map((reader) => reader.read());
    s.end('shutdown');
    for (const record of await Promise.all(waiting))
      expect(record).toEqual({ type: 'end', offset: 0, reason: 'shutdown' });
  });

  it('contract 24: a reader that opens as the stream ends, or after, gets what is retained and the end, at once', async () => {
    const s = stream({ retention: 4 });
    append(s, 'ab', 'cd', 'ef');
    const during = s.openReader();
    s.end();
    expect(await readNow(during)).toEqual(['cd', 'ef', '<end 6 ended>']);
    expect(await readNow(s.openReader())).toEqual(['cd', 'ef', '<end 6 ended>']);
    expect(await readNow(s.openReader({ start: { from: 'live' } }))).toEqual(['<end 6 ended>']);
  });

  it('contract 29: an ended stream keeps its history; "no data yet" and "ended" can be told apart', async () => {
    const s = stream();
    const reader = s.openReader();
    expect(await readNow(reader)).toEqual(['<caught-up 0>']);
    expect(await codeOf(() => reader.read({ timeout: 0 }))).toBe('READ_TIMEOUT');
    expect(s.stats().ended).toBeUndefined();
    append(s, 'history');
    s.end();
    expect(s.stats().ended).toBe('ended');
    for (let i = 0; i < 3; i++) expect(await readNow(s.openReader())).toEqual(['history', '<end 7 ended>']);
    expect(Buffer.from(s.snapshot().data).toString()).toBe('history');
  });

  it('contract 29: a recreated stream has another generation, and a reader can insist on one', async () => {
    const first = stream();
    const second = stream();
    expect(second.generation).not.toBe(first.generation);
    expect(first.openReader({ generation: first.generation }).cursor).toBe(0);
    let error: unknown;
    try {
      second.openReader({ generation: first.generation });
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'STREAM_RECREATED', status: 409 });
    expect(String(error)).toContain(second.generation);
    expect(second.readerCount).toBe(0);
  });

  it('contract 29: generations do not repeat', () => {
    const generations = Array.from({ length: 2000 }, () => stream().generation);
    expect(new Set(generations).size).toBe(2000);
  });
});

describe('snapshots', () => {
  it('contract 34: a snapshot is a copy of what is retained, from any start, and no reader', async () => {
    const s = stream({ retention: 3000, maxLag: 3000 });
    for (let i = 0; i < 500; i++) append(s, `line ${i}\n`);
    const all = s.snapshot();
    expect(all.offset).toBe(s.startOffset);
    expect(all.data.length).toBe(3000);
    expect(Buffer.from(s.snapshot({ lastLines: 2 }).data).toString()).toBe('line 498\nline 499\n');
    expect(Buffer.from(s.snapshot({ lastBytes: 4 }).data).toString()).toBe('499\n');
    expect(s.snapshot({ offset: 0, onExpired: 'skip' })).toEqual(all);
    expect(await codeOf(() => s.snapshot({ offset: 0 }))).toBe('OFFSET_GONE');
    expect(s.snapshot({ offset: s.endOffset + 100 })).toMatchObject({ offset: s.endOffset });
    all.data.fill(0);
    expect(Buffer.from(s.snapshot({ lastBytes: 4 }).data).toString()).toBe('499\n');
    expect(s.readerCount).toBe(0);
  });
});

describe('reading at an offset, without a reader', () => {
  it('contract 56: returns the bytes at an offset, moves no reader, and names the earliest if they are gone', async () => {
    const s = stream({ retention: 5000, maxLag: 5000 });
    const written: Uint8Array[] = [];
    for (let i = 0; i < 100; i++) {
      written.push(new Uint8Array(100).fill(i));
      s.append(written.at(-1)!);
    }
    const history = Buffer.concat(written);
    const got: Uint8Array[] = [];
    for (let at = s.startOffset; at < s.endOffset; ) {
      const bytes = s.retainAt(at, 333)!;
      expect(bytes.length).toBeGreaterThan(0);
      expect(bytes.length).toBeLessThanOrEqual(333);
      got.push(bytes);
      at += bytes.length;
    }
    expect(Buffer.compare(Buffer.concat(got), history.subarray(5000))).toBe(0);
    expect(s.retainAt(s.endOffset, 10)).toBeUndefined();
    expect(s.retainAt(s.endOffset + 1000, 10)).toBeUndefined();
    expect(await codeOf(() => s.retainAt(4999, 10))).toBe('OFFSET_GONE');
    expect(s.readerCount).toBe(0);
  });

  it('lists its readers, each with a number that no other reader has', () => {
    const s = stream();
    const readers = [s.openReader(), s.openReader({ start: { from: 'live' } })];
    expect([...s.readers()]).toEqual(readers);
    const elsewhere = stream().openReader();
    const ids = [...readers, elsewhere].map((reader) => reader.id);
    expect(ids).toEqual([ids[0]!, ids[0]! + 1, ids[0]! + 2]);
    readers[0]!.close();
    expect([...s.readers()]).toEqual([readers[1]]);
  });
});

describe('options', () => {
  it('refuses sizes, offsets and times that are none, saying what would be right', () => {
    for (const bad of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => stream({ retention: bad })).toThrow(/retention must be a whole number of bytes from 1/);
      expect(() => stream({ maxLag: bad })).toThrow(/maxLag must be a whole number of bytes from 1/);
    }
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => stream({ firstOffset: bad })).toThrow(/firstOffset .*whole number/);
    }
    for (const bad of [-1, Number.NaN]) expect(() => stream({ blockTimeout: bad })).toThrow(/blockTimeout must be/);
  });

  it('contract 12: a stream that keeps one byte keeps the last one', async () => {
    const s = stream({ retention: 1, maxLag: 1 });
    append(s, 'abc');
    expect(s.startOffset).toBe(2);
    expect(await readNow(s.openReader())).toEqual(['c', '<caught-up 3>']);
  });
});
