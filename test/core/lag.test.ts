import { describe, expect, it } from 'vitest';
import { LAG_POLICIES, type LagPolicy } from '../../src/core/index.ts';
import { RingStream } from '../../src/core/internal.ts';
import { lagStrategyOf } from '../../src/core/lag/index.ts';
import { append, attachSlowLog, bytesNow, codeOf, readNow, recordsNow, turn, until } from './helpers.ts';

const KB = 1024;
const MB = 1024 * KB;

function stream(onLag: LagPolicy, options: Partial<ConstructorParameters<typeof RingStream>[0]> = {}): RingStream {
  return new RingStream({ retention: 20, maxLag: 20, onLag, ...options });
}

describe('a reader within its allowance', () => {
  for (const policy of LAG_POLICIES) {
    it(`contract 20: ${policy} loses nothing up to exactly the allowed lag`, async () => {
      const s = stream(policy);
      const reader = s.openReader();
      await readNow(reader);
      for (let round = 0; round < 50; round++) {
        append(s, '0123456789', 'abcdefghij');
        await turn();
        expect(reader.lag).toBe(20);
        expect(await readNow(reader)).toEqual(['0123456789', 'abcdefghij']);
      }
      expect(reader).toMatchObject({ skippedBytes: 0, skippedChunks: 0, receivedBytes: 1000, isClosed: false });
    });
  }

  it('contract 20: the policy is the stream’s unless the reader has its own', () => {
    const s = stream('disconnect');
    expect(s.openReader().policy).toBe('disconnect');
    expect(s.openReader({ onLag: 'drop-newest' }).policy).toBe('drop-newest');
    expect(new RingStream({ retention: 1, maxLag: 1 }).openReader().policy).toBe('drop-oldest');
  });

  it('contract 20: an invalid policy is refused with a list of the valid ones', () => {
    const none = 'drop-everything' as LagPolicy;
    expect(() => stream(none)).toThrow(/drop-oldest, drop-newest, disconnect, block/);
    const s = stream('block');
    expect(() => s.openReader({ onLag: none })).toThrow(/drop-oldest, drop-newest, disconnect, block/);
    expect(s.readerCount).toBe(0);
  });
});

describe('drop-oldest', () => {
  it('contract 20: skips ahead to what is still allowed, and counts what it has lost', async () => {
    const s = stream('drop-oldest');
    const reader = s.openReader();
    append(s, '0123456789', 'abcdefghij', 'ABCDE');
    expect(await readNow(reader)).toEqual(['<gap 0-5 1>', '56789', 'abcdefghij', 'ABCDE', '<caught-up 25>']);
    expect(reader).toMatchObject({ skippedBytes: 5, skippedChunks: 1, receivedBytes: 20 });
  });

  it('contract 20: a reader may lag more than is kept for those who join, if it was so configured', async () => {
    const s = stream('drop-oldest', { retention: 5, maxLag: 100 });
    const reader = s.openReader();
    await readNow(reader);
    for (let i = 0; i < 10; i++) append(s, '0123456789');
    expect(s.startOffset).toBe(95);
    expect((await bytesNow(reader)).length).toBe(100);
    expect(reader.skippedBytes).toBe(0);
  });
});

describe('drop-newest', () => {
  it('contract 20: queued bytes stay, bytes that arrive while the queue is full are lost', async () => {
    const s = stream('drop-newest');
    const reader = s.openReader();
    await readNow(reader);
    append(s, 'queued 1..', 'queued 2..', 'lost', 'lost');
    expect(await readNow(reader)).toEqual(['queued 1..', 'queued 2..', '<gap 20-28 2>', '<caught-up 28>']);
    append(s, 'again');
    expect(await readNow(reader)).toEqual(['again']);
    expect(reader).toMatchObject({ skippedBytes: 8, skippedChunks: 2, receivedBytes: 25 });
  });

  it('contract 20: room that reading made is taken by what arrives next', async () => {
    const s = stream('drop-newest');
    const reader = s.openReader();
    await readNow(reader);
    append(s, 'a123456789', 'b123456789', 'lost');
    await reader.read();
    append(s, 'c123456', 'd12345');
    expect(await readNow(reader)).toEqual([
      'b123456789',
      '<gap 20-24 1>',
      'c123456',
      'd12',
      '<gap 34-37 1>',
      '<caught-up 37>',
    ]);
  });

  it('contract 20: the queue outlives the ring, however much flows by', async () => {
    const s = stream('drop-newest', { retention: 4 * KB, maxLag: 4 * KB });
    const reader = s.openReader();
    await readNow(reader);
    s.append(new Uint8Array(4 * KB).fill(1));
    s.append(new Uint8Array(10 * MB).fill(2));
    await reader.read();
    // Reading has freed 4 KiB: that much of the next append stays as well.
    s.append(new Uint8Array(4 * KB).fill(3));
    s.append(new Uint8Array(10 * MB).fill(4));
    const records = await recordsNow(reader);
    expect(records.map((r) => (r.type === 'data' ? `${r.data[0]} x ${r.data.length}` : r.type))).toEqual([
      'gap',
      '3 x 4096',
      'gap',
      'caught-up',
    ]);
    expect(reader.skippedBytes).toBe(20 * MB);
  });

  it('contract 8, 20: queued bytes stay and the next ones follow a gap if the stream skips bytes', async () => {
    const s = stream('drop-newest');
    const reader = s.openReader();
    await readNow(reader);
    append(s, 'before');
    s.skipTo(20, 3);
    append(s, 'after');
    expect(await readNow(reader)).toEqual(['before', '<gap 6-20 3>', 'after', '<caught-up 25>']);
    // Also if it waits at an offset among the skipped bytes.
    reader.seek(30);
    s.skipTo(40, 0);
    append(s, 'later');
    expect(await readNow(reader)).toEqual(['<gap 30-40 0>', 'later', '<caught-up 45>']);
  });

  it('contract 8, 20: a reader of a format does not resume at a boundary that its queue has lost', async () => {
    const s = stream('drop-newest', { retention: KB, maxLag: KB });
    const boundaries = [0, 9 * KB, 14 * KB];
    s.format = {
      take: () => undefined,
      boundaryFrom: (offset) => boundaries.find((boundary) => boundary >= offset),
      join: (wanted) => ({ offset: wanted, header: undefined, waits: false }),
      headerLost: () => undefined,
      release: () => undefined,
    };
    const reader = s.openReader({ join: 'boundary' });
    await readNow(reader);
    const appendKilobytes = (letters: string) => {
      for (const letter of letters) s.append(Buffer.alloc(KB, letter));
    };
    // The first is queued. When it is read, there is room for the seventh, in which no unit begins.
    appendKilobytes('abcdef');
    expect(await reader.read()).toMatchObject({ offset: 0 });
    appendKilobytes('ghijklmn');
    expect(await reader.read()).toEqual({ type: 'gap', from: KB, to: 14 * KB, chunks: 13 });
    appendKilobytes('o');
    expect(await reader.read()).toEqual({ type: 'data', offset: 14 * KB, data: Buffer.alloc(KB, 'o') });
  });

  it('contract 20: history counts against what it may queue until it has caught up, then only the allowed lag does', async () => {
    const s = stream('drop-newest', { retention: 40, maxLag: 10 });
    for (let i = 0; i < 4; i++) append(s, `history ${i}.`);
    const reader = s.openReader();
    // A late joiner may queue what is retained and a slab more, here 40 and 1024 bytes.
    const slab = 'f'.repeat(1024);
    append(s, slab, 'lost: full');
    await reader.read();
    append(s, 'fits: room');
    const expected = ['history 1.', 'history 2.', 'history 3.', slab, '<gap 1064-1074 1>', 'fits: room'];
    expect(await readNow(reader)).toEqual([...expected, '<caught-up 1084>']);
    append(s, '0123456789', 'x');
    expect(await readNow(reader)).toEqual(['0123456789', '<gap 1094-1095 1>', '<caught-up 1095>']);
  });

  it('contract 16: a reader that keeps falling behind holds what it has queued, not all the memory around it', async () => {
    // It reads a little, then much is appended: its queue is scattered over everything ever written.
    const s = stream('drop-newest', { retention: MB, maxLag: MB });
    const reader = s.openReader();
    await readNow(reader);
    s.append(new Uint8Array(MB));
    const flood = new Uint8Array(MB);
    for (let round = 0; round < 200; round++) {
      const record = reader.peek(4 * KB);
      if (record?.type === 'data') reader.advance(record.data.length);
      s.append(flood);
    }
    // At most its queue, a slab in use at either end, and the index.
    expect(reader.heldMemory).toBeGreaterThan(0);
    expect(reader.heldMemory).toBeLessThanOrEqual((2 * MB + 2 * 256 * KB) * (9 / 8));
    reader.close();
    expect(reader.heldMemory).toBe(0);
  });

  it('contract 20: a reader that takes a byte at a time from a flood gets what the queue had room for', async () => {
    const s = stream('drop-newest', { retention: 16, maxLag: 16 });
    const reader = s.openReader();
    await readNow(reader);
    const got: number[] = [];
    let next = 0;
    const history: number[] = [];
    const write = (count: number) => {
      const bytes = Uint8Array.from({ length: count }, () => next++ & 255);
      history.push(...bytes);
      s.append(bytes);
    };
    write(16);
    for (let round = 0; round < 3000; round++) {
      const record = reader.peek(1);
      if (record?.type === 'data') {
        expect(record.data[0]).toBe(history[record.offset]);
        got.push(record.offset);
        reader.advance(1);
      }
      write(100);
    }
    expect(new Set(got).size).toBe(got.length);
    expect(reader.receivedBytes + reader.skippedBytes).toBe(reader.cursor);
    // A byte read makes room for one appended: 16 from the beginning, then the first of each hundred.
    expect(got.slice(0, 20)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 116, 216, 316]);
  });
});

describe('the queue of drop-newest', () => {
  it('contract 16: is of a limited number of pieces, whatever way it is read, and says what it lost', async () => {
    const s = stream('drop-newest', { retention: 16 * KB, maxLag: 16 * KB });
    const reader = s.openReader();
    await readNow(reader);
    const written: Buffer[] = [];
    const write = (size: number, value: number) => {
      written.push(Buffer.alloc(size, value));
      s.append(written.at(-1)!);
    };
    write(16 * KB, 1);
    // A byte read, a byte queued, the rest of the append lost: without the limit, a piece for every byte.
    for (let round = 0; round < 3000; round++) {
      reader.peek(1);
      reader.advance(1);
      write(40, round & 255);
    }
    expect(reader.heldMemory).toBeLessThan(2 * 16 * KB * (9 / 8) + 1024 * 8);
    const history = Buffer.concat(written);
    let at = 3000;
    let pieces = 0;
    for (const record of await recordsNow(reader)) {
      if (record.type === 'gap') {
        expect(record.from).toBe(at);
        expect(record.chunks).toBeGreaterThan(0);
        at = record.to;
        pieces++;
      } else if (record.type === 'data') {
        expect(record.offset).toBe(at);
        at += record.data.length;
        expect(Buffer.compare(record.data, history.subarray(record.offset, at))).toBe(0);
      }
    }
    expect(at).toBe(s.endOffset);
    expect(pieces).toBeLessThanOrEqual(1025);
    expect(reader.receivedBytes + reader.skippedBytes).toBe(s.totalWritten);
  });
});

describe('disconnect', () => {
  it('contract 20, 107: bytes that a log has not saved yet are not the lag of a reader', async () => {
    const s = stream('disconnect');
    const log = attachSlowLog(s);
    const reader = s.openReader();
    append(s, '0123456789', 'abcdefghij', 'ABCDEFGHIJ');
    log.save(20);
    await turn();
    expect(await readNow(reader)).toEqual(['0123456789', 'abcdefghij', '<caught-up 20>']);
    append(s, 'klmnopqrst', 'KLMNOPQRST');
    log.save();
    await turn();
    expect(reader.isClosed).toBe(true);
  });

  it('contract 20: a reader is cut off at the end of the turn in which it fell too far behind, read or not', async () => {
    const errors: string[] = [];
    const s = stream('disconnect', {
      observer: { tooSlow: (_, reader, error) => errors.push(`${reader === slow} ${error.code}`) },
    });
    const slow = s.openReader();
    const other = s.openReader({ onLag: 'drop-oldest' });
    let failure: string | undefined;
    slow.watcher = {
      readerFailed: (error) => {
        failure = error.message;
      },
    };
    append(s, '0123456789', '0123456789');
    await turn();
    expect(slow.isClosed).toBe(false);
    append(s, 'x');
    expect(slow.isClosed).toBe(false);
    await turn();
    expect(slow.isClosed).toBe(true);
    expect(failure).toBe('reader fell 21 bytes behind: 20 are allowed');
    expect(errors).toEqual(['true READER_TOO_SLOW']);
    expect(s.readerCount).toBe(1);
    await expect(slow.read()).rejects.toMatchObject({ code: 'READER_TOO_SLOW', status: 409 });
    await expect(slow.read({ timeout: 0 })).rejects.toMatchObject({ code: 'READER_TOO_SLOW' });
    expect((await bytesNow(other)).length).toBe(20);
  });

  it('contract 20: one that reads in that turn gets the error immediately', async () => {
    const s = stream('disconnect');
    const reader = s.openReader();
    append(s, '0123456789', '0123456789', 'x');
    expect(await codeOf(() => reader.peek())).toBe('READER_TOO_SLOW');
    expect(reader.isClosed).toBe(true);
  });

  it('contract 20: a reader that waits when a flood comes is cut off, and its wait ends with the error', async () => {
    const s = stream('disconnect');
    const reader = s.openReader();
    await readNow(reader);
    const reading = reader.read();
    append(s, 'twenty bytes and then some');
    await expect(reading).rejects.toMatchObject({ code: 'READER_TOO_SLOW' });
  });

  it('contract 18, 20: a joiner on its way through history is not cut off for it', async () => {
    const s = stream('disconnect', { retention: 100, maxLag: 10 });
    for (let i = 0; i < 9; i++) append(s, '0123456789');
    const reader = s.openReader();
    append(s, '0123456789');
    await turn();
    expect((await bytesNow(reader)).length).toBe(100);
    append(s, '0123456789', 'x');
    await turn();
    expect(reader.isClosed).toBe(true);
  });

  it('contract 20: many at once are cut off, and none of the others', async () => {
    const s = stream('disconnect');
    const slow = Array.from({ length: 200 }, () => s.openReader());
    const fine = s.openReader({ onLag: 'drop-newest' });
    append(s, '0123456789', '0123456789', 'x');
    await until(() => s.readerCount === 1);
    expect(slow.every((reader) => reader.isClosed)).toBe(true);
    expect(fine.isClosed).toBe(false);
  });
});

describe('the strategies of the lag policies', () => {
  it('are of one shape, so that asking a reader’s for what it has lost stays monomorphic', () => {
    const shapes = LAG_POLICIES.map((name) => Object.keys(lagStrategyOf(name)).join());
    expect(shapes).toEqual(LAG_POLICIES.map(() => shapes[0]));
    expect(LAG_POLICIES.map((name) => lagStrategyOf(name).name)).toEqual([...LAG_POLICIES]);
  });
});
