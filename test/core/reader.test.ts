import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ReaderStart } from '../../src/core/index.ts';
import { type CursorReader, RingStream } from '../../src/core/internal.ts';
import {
  append,
  bytesNow,
  bytesOf,
  codeOf,
  collectGarbage,
  readNow,
  recordsNow,
  show,
  turn,
  until,
} from './helpers.ts';

const KB = 1024;

function stream(options: Partial<ConstructorParameters<typeof RingStream>[0]> = {}): RingStream {
  return new RingStream({ retention: 1000, maxLag: 1000, ...options });
}

// The test controls the time, and every remaining timer can be counted, including those that keep nothing alive.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A signal, and the number of its listeners. */
function countedSignal(): { abort: (reason?: unknown) => void; signal: AbortSignal; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    count++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    count--;
    remove(...args);
  };
  return { signal, abort: (reason) => controller.abort(reason), listeners: () => count };
}

describe('history, then live', () => {
  it('contract 17: history A, B and live C come as A, B, C, whatever happens between opening and first read', async () => {
    const s = stream();
    append(s, 'A', 'B');
    const reader = s.openReader();
    append(s, 'C');
    await turn();
    append(s, 'D');
    expect(await readNow(reader)).toEqual(['A', 'B', 'C', 'D', '<caught-up 4>']);
    append(s, 'E');
    expect(await readNow(reader)).toEqual(['E']);
  });

  it('contract 17: on a full ring, what is appended before the first read costs a joiner nothing', async () => {
    const s = stream({ retention: 10, maxLag: 10 });
    append(s, 'old', '0123456789');
    const reader = s.openReader();
    append(s, 'C');
    s.append(new Uint8Array(1000));
    expect((await readNow(reader)).slice(0, 2)).toEqual(['0123456789', 'C']);
    expect(reader.skippedBytes).toBe(0);
    // The retention for late joiners is as exact as before.
    expect(s.startOffset).toBe(s.endOffset - 10);
  });

  it('contract 17: a reader that waited before its first byte, and one that did not, see the same', async () => {
    const s = stream();
    append(s, 'A');
    const late = s.openReader();
    const early = s.openReader();
    const first = early.read();
    append(s, 'B');
    expect(show(await first)).toBe('A');
    expect(await readNow(early)).toEqual(['B', '<caught-up 2>']);
    expect(await readNow(late)).toEqual(['A', 'B', '<caught-up 2>']);
  });

  it('contract 18: a joiner gets the whole ring though it may lag by less, and that limit holds once it has caught up', async () => {
    const s = stream({ retention: 1000, maxLag: 10 });
    for (let i = 0; i < 200; i++) append(s, '12345');
    const reader = s.openReader();
    expect((await bytesNow(reader)).length).toBe(1000);
    expect(reader.skippedBytes).toBe(0);
    for (let i = 0; i < 4; i++) append(s, '12345');
    expect((await readNow(reader))[0]).toBe('<gap 1000-1010 2>');
  });

  it('contract 18: on its way through history a joiner may be as far behind as the ring reaches', async () => {
    const s = stream({ retention: 1000, maxLag: 10 });
    for (let i = 0; i < 100; i++) append(s, '12345');
    const reader = s.openReader();
    for (let i = 0; i < 100; i++) {
      await reader.read();
      append(s, '12345');
    }
    expect(reader).toMatchObject({ skippedBytes: 0, lag: 500 });
    expect((await bytesNow(reader)).length).toBe(500);
  });
});

describe('the cursor', () => {
  it('contract 19: a reader knows where it is and how far behind', async () => {
    const s = stream();
    append(s, 'abc', 'defgh');
    const reader = s.openReader();
    expect(reader).toMatchObject({ cursor: 0, lag: 8, startCursor: 0, receivedBytes: 0 });
    await reader.read();
    expect(reader).toMatchObject({ cursor: 3, lag: 5, receivedBytes: 3 });
    await reader.read();
    expect(reader).toMatchObject({ cursor: 8, lag: 0, receivedBytes: 8 });
    append(s, 'ij');
    expect(reader.lag).toBe(2);
  });

  it('contract 19: after a cut, reading resumes at the cursor and neither loses nor repeats a byte', async () => {
    const s = stream({ retention: 500, maxLag: 500 });
    const got: Uint8Array[] = [];
    let offset = 0;
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 10; i++) append(s, `${round}.${i} `);
      const reader = s.openReader({ start: { offset } });
      // Each read is cut after a few bytes, in the middle of a chunk.
      for (let taken = 0; taken < 41; ) {
        const record = reader.peek(7);
        if (record?.type !== 'data') break;
        got.push(record.data);
        taken += record.data.length;
        reader.advance(record.data.length);
      }
      offset = reader.cursor;
      reader.close();
      if (s.endOffset - offset > 400) {
        const rest = s.openReader({ start: { offset } });
        got.push(await bytesNow(rest));
        offset = rest.cursor;
        rest.close();
      }
    }
    const last = s.openReader({ start: { offset } });
    got.push(await bytesNow(last));
    const all = Buffer.concat(got).toString();
    const expected = Array.from({ length: 500 }, (_, i) => `${Math.floor(i / 10)}.${i % 10} `).join('');
    expect(all).toBe(expected);
  });

  it('contract 56: a seek goes anywhere retained, forward or back, and wakes a read that waits', async () => {
    const s = stream({ retention: 10, maxLag: 10 });
    append(s, 'abcdefgh', 'ijklmnop');
    const reader = s.openReader();
    await readNow(reader);
    const waiting = reader.read();
    reader.seek(12);
    expect(show(await waiting)).toBe('mnop');
    expect(await readNow(reader)).toEqual(['<caught-up 16>']);
    reader.seek(6);
    expect(await readNow(reader)).toEqual(['gh', 'ijklmnop', '<caught-up 16>']);
    expect(await codeOf(() => reader.seek(5))).toBe('OFFSET_GONE');
    expect(reader.cursor).toBe(16);
  });

  it('contract 56: a seek beyond the end waits until the stream gets there', async () => {
    const s = stream();
    append(s, 'abc');
    const reader = s.openReader();
    reader.seek(6);
    const waiting = reader.read();
    append(s, 'de');
    await turn();
    append(s, 'fgh');
    expect(show(await waiting)).toBe('gh');
    expect(reader).toMatchObject({ cursor: 8, lag: 0 });
  });
});

describe('where to start', () => {
  async function from(s: RingStream, start: ReaderStart): Promise<string> {
    const reader = s.openReader({ start });
    const bytes = await bytesNow(reader);
    reader.close();
    return bytes.toString();
  }

  it('contract 90: bytes dropped before a reader joined are reported on request, and do not count as its loss', async () => {
    const gap = vi.fn();
    const s = stream({ retention: 8, maxLag: 8, observer: { gap } });
    append(s, 'abcdefgh', 'ijkl');
    const first = (start: ReaderStart | undefined, reportTrimmed = true) => {
      const reader = s.openReader({ ...(start === undefined ? {} : { start }), reportTrimmed });
      const { cursor, nextOffset, lag } = reader;
      const record = reader.peek();
      expect(reader.skippedBytes).toBe(0);
      reader.close();
      return { cursor, nextOffset, lag, record: record?.type, to: record?.type === 'gap' ? record.to : undefined };
    };
    const trimmed = { cursor: 0, nextOffset: 4, lag: 8, record: 'gap', to: 4 };
    expect(first(undefined)).toEqual(trimmed);
    expect(first({ from: 'earliest' })).toEqual(trimmed);
    expect(first({ lastBytes: 100 })).toEqual(trimmed);
    expect(first({ lastBytes: 9 })).toEqual({ ...trimmed, cursor: 3 });
    expect(first({ lastBytes: 8 })).toMatchObject({ cursor: 4, record: 'data' });
    expect(first({ from: 'live' })).toMatchObject({ cursor: 12, record: 'caught-up' });
    expect(first({ from: 'earliest' }, false)).toMatchObject({ cursor: 4, record: 'data' });
    expect([s.skippedBytes, gap.mock.calls.length]).toEqual([0, 0]);
    const later = stream({ retention: 8, firstOffset: 100 });
    append(later, 'abc');
    expect(later.openReader({ reportTrimmed: true }).cursor).toBe(100);
  });

  it('contract 25: earliest, live, the last bytes, an offset', async () => {
    const s = stream({ retention: 8 });
    append(s, 'abcdefgh', 'ijkl');
    expect(await from(s, { from: 'earliest' })).toBe('efghijkl');
    expect(await from(s, { from: 'live' })).toBe('');
    expect(await from(s, { lastBytes: 0 })).toBe('');
    expect(await from(s, { lastBytes: 3 })).toBe('jkl');
    expect(await from(s, { lastBytes: 8 })).toBe('efghijkl');
    expect(await from(s, { lastBytes: 9 })).toBe('efghijkl');
    expect(await from(s, { offset: 4 })).toBe('efghijkl');
    expect(await from(s, { offset: 10 })).toBe('kl');
    expect(await from(s, { offset: 12 })).toBe('');
  });

  it('contract 25: an offset beyond the end waits until the stream gets there', async () => {
    const s = stream();
    append(s, 'abc');
    const reader = s.openReader({ start: { offset: 5 } });
    expect(await readNow(reader)).toEqual([]);
    append(s, 'de');
    expect(await readNow(reader)).toEqual(['<caught-up 5>']);
    append(s, 'f');
    expect(await readNow(reader)).toEqual(['f']);
    expect(reader.skippedBytes).toBe(0);
  });

  it('contract 25: an offset no longer retained is an error that names the earliest', () => {
    const s = stream({ retention: 8 });
    append(s, 'abcdefgh', 'ijkl');
    let error: unknown;
    try {
      s.openReader({ start: { offset: 3 } });
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'OFFSET_GONE', status: 410, details: { earliest: 4 } });
    expect(String(error)).toContain('offset 3 is no longer retained: the earliest is 4');
    expect(s.readerCount).toBe(0);
  });

  it('contract 25: unless the reader asks to be moved there: then it is a gap', async () => {
    const s = stream({ retention: 8 });
    append(s, 'abcdefgh', 'ijkl');
    const reader = s.openReader({ start: { offset: 3, onExpired: 'skip' } });
    expect(reader).toMatchObject({ cursor: 3, lag: 8 });
    const [gap, ...rest] = await recordsNow(reader);
    expect(gap).toMatchObject({ type: 'gap', from: 3, to: 4 });
    expect(rest.map(show)).toEqual(['efgh', 'ijkl', '<caught-up 12>']);
    expect(reader).toMatchObject({ skippedBytes: 1, receivedBytes: 8 });
    expect(await from(s, { offset: 5, onExpired: 'skip' })).toBe('fghijkl');
  });

  it('contract 25: the last lines, with a newline at the end or not, more than there are, or none', async () => {
    const s = stream();
    expect(await from(s, { lastLines: 3 })).toBe('');
    append(s, 'one\ntwo\n', 'three\nfo', 'ur\n');
    expect(await from(s, { lastLines: 0 })).toBe('');
    expect(await from(s, { lastLines: 1 })).toBe('four\n');
    expect(await from(s, { lastLines: 2 })).toBe('three\nfour\n');
    expect(await from(s, { lastLines: 3 })).toBe('two\nthree\nfour\n');
    expect(await from(s, { lastLines: 4 })).toBe('one\ntwo\nthree\nfour\n');
    expect(await from(s, { lastLines: 5 })).toBe('one\ntwo\nthree\nfour\n');
    append(s, 'unfinished');
    expect(await from(s, { lastLines: 0 })).toBe('');
    expect(await from(s, { lastLines: 1 })).toBe('unfinished');
    expect(await from(s, { lastLines: 2 })).toBe('four\nunfinished');
  });

  it('contract 25: empty lines are lines, and a stream without a newline is one line', async () => {
    const s = stream();
    append(s, '\n\n\n');
    expect(await from(s, { lastLines: 1 })).toBe('\n');
    expect(await from(s, { lastLines: 2 })).toBe('\n\n');
    expect(await from(s, { lastLines: 9 })).toBe('\n\n\n');
    const t = stream();
    append(t, 'no newline');
    expect(await from(t, { lastLines: 1 })).toBe('no newline');
  });

  it('contract 25: the last lines across slabs, and no further back than what is retained', async () => {
    const s = stream({ retention: 20 * KB, maxLag: 20 * KB });
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} ${'.'.repeat(i % 90)}\n`);
    append(s, ...lines);
    for (const count of [1, 7, 100, 333])
      expect(await from(s, { lastLines: count })).toBe(lines.slice(-count).join(''));
    const all = await from(s, { from: 'earliest' });
    expect(all.length).toBe(20 * KB);
    expect(await from(s, { lastLines: 4000 })).toBe(all);
  });

  it('contract 25: an invalid start is refused with what would be right', async () => {
    const s = stream();
    append(s, 'abc');
    const bad = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY];
    for (const value of bad) {
      expect(() => s.openReader({ start: { offset: value } })).toThrow(/offset .*whole number/);
      expect(() => s.openReader({ start: { offset: value, onExpired: 'skip' } })).toThrow(/offset .*whole number/);
      expect(() => s.openReader({ start: { lastBytes: value } })).toThrow(/lastBytes .*whole number/);
      expect(() => s.openReader({ start: { lastLines: value } })).toThrow(/lastLines .*whole number/);
      expect(() => s.snapshot({ lastBytes: value })).toThrow(/lastBytes .*whole number/);
      const reader = s.openReader();
      expect(await codeOf(() => reader.seek(value))).toBe('INVALID_PARAMETER');
      expect(reader.cursor).toBe(0);
      reader.close();
    }
    for (const from of ['sideways', 'offset', undefined]) {
      const start = { from: from as 'live' };
      expect(() => s.openReader({ start })).toThrow(/from .*earliest or live/);
      expect(() => s.snapshot(start)).toThrow(/from .*earliest or live/);
    }
    expect(s.readerCount).toBe(0);
  });
});

describe('reading chunks', () => {
  it('contract 21: chunks come as they were written, also across the borders of memory', async () => {
    const s = stream({ retention: 600 * KB, maxLag: 600 * KB });
    const sizes = [1, 1000, 24, 5000, 65_536, 1, 65_535, 30_000, 3, 64_000, 64_000, 64_000, 64_000];
    for (const size of sizes) s.append(new Uint8Array(size));
    const records = await recordsNow(s.openReader());
    expect(records.flatMap((record) => (record.type === 'data' ? [record.data.length] : []))).toEqual(sizes);
  });

  it('contract 21: a timeout ends a read with "read timeout", and takes nothing', async () => {
    const s = stream();
    const reader = s.openReader({ start: { from: 'live' } });
    await readNow(reader);
    const reading = reader.read({ timeout: 5000 }).catch((error: unknown) => error);
    let over = false;
    reading.then(() => {
      over = true;
    });
    vi.advanceTimersByTime(4999);
    await turn();
    expect(over).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await reading).toMatchObject({ code: 'READ_TIMEOUT', message: 'read timeout', status: 408 });
    append(s, 'then');
    expect(show(await reader.read({ timeout: 0 }))).toBe('then');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('contract 21: a wake that brings nothing does not lengthen the time', async () => {
    const s = stream();
    append(s, 'abc');
    const reader = s.openReader({ start: { offset: 100 } });
    const reading = reader.read({ timeout: 5000 }).catch((error: unknown) => error);
    for (let i = 0; i < 5; i++) {
      vi.advanceTimersByTime(999);
      append(s, 'not yet there');
      await turn();
    }
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(5);
    expect(await reading).toMatchObject({ code: 'READ_TIMEOUT' });
  });

  it('contract 21: the end is given to a read with a timeout as soon as it is there', async () => {
    const s = stream();
    const reader = s.openReader();
    await readNow(reader);
    const reading = reader.read({ timeout: 60_000 });
    s.end();
    expect(show(await reading)).toBe('<end 0 ended>');
  });

  it('contract 22: a read waits for ever, without a timer', async () => {
    const s = stream();
    const reader = s.openReader();
    await readNow(reader);
    const reading = reader.read();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(365 * 24 * 3_600_000);
    await turn();
    append(s, 'at last');
    expect(show(await reading)).toBe('at last');
  });

  it('contract 22: a read with a timeout leaves no timer and no listener behind, however it ends', async () => {
    const endings: ((s: RingStream, reader: CursorReader, abort: () => void) => void)[] = [
      (s) => append(s, 'data'),
      (s) => s.end(),
      (_, reader) => reader.close(),
      (_, reader) => reader.seek(0),
      (_, __, abort) => abort(),
      () => vi.advanceTimersByTime(60_000),
    ];
    for (const end of endings) {
      const { signal, abort, listeners } = countedSignal();
      const s = stream();
      append(s, 'history');
      const reader = s.openReader({ start: { from: 'live' } });
      await readNow(reader);
      const reading = reader.read({ timeout: 60_000, signal }).catch((error: unknown) => error);
      expect(vi.getTimerCount()).toBe(1);
      expect(listeners()).toBe(1);
      end(s, reader, () => abort(new Error('given up')));
      await reading;
      expect(vi.getTimerCount()).toBe(0);
      expect(listeners()).toBe(0);
    }
  });

  it('contract 22: a read that waits with a timeout keeps no process alive', async () => {
    vi.useRealTimers();
    const active = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const s = stream();
    const reader = s.openReader();
    await readNow(reader);
    const before = active();
    const reading = reader.read({ timeout: 60_000 });
    // Only resources that keep the process alive are listed as active.
    expect(active()).toBe(before);
    reader.close();
    await expect(reading).rejects.toMatchObject({ code: 'READER_CLOSED' });
  });

  it('contract 30: a reader learns that it has caught up: once, and again after each gap', async () => {
    const s = stream({ retention: 10, maxLag: 10 });
    append(s, 'old');
    const reader = s.openReader();
    expect(await readNow(reader)).toEqual(['old', '<caught-up 3>']);
    append(s, 'new');
    expect(await readNow(reader)).toEqual(['new']);
    append(s, '0123456789', 'abcdefghij');
    expect(await readNow(reader)).toEqual(['<gap 6-16 1>', 'abcdefghij', '<caught-up 26>']);
    append(s, 'x');
    expect(await readNow(reader)).toEqual(['x']);
  });

  it('contract 30: a reader of an empty stream has caught up at once', async () => {
    expect(await readNow(stream().openReader())).toEqual(['<caught-up 0>']);
  });
});

describe('waiting', () => {
  it('an abort signal ends a wait with its reason, and the reader continues without having lost a byte', async () => {
    const s = stream();
    const reader = s.openReader();
    await readNow(reader);
    const reason = new Error('no longer interested');
    const { signal, abort, listeners } = countedSignal();
    const reading = reader.read({ signal });
    append(s, 'x');
    abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(listeners()).toBe(0);
    await expect(reader.read({ signal })).rejects.toBe(reason);
    expect(show(await reader.read())).toBe('x');
  });

  it('READER_BUSY: a second read at the same time is refused and does the first no harm', async () => {
    const s = stream();
    const reader = s.openReader();
    await readNow(reader);
    const first = reader.read();
    await expect(reader.read()).rejects.toMatchObject({ code: 'READER_BUSY' });
    expect(() => reader.whenReadable(() => undefined)).toThrow('reader is already being read');
    append(s, 'x');
    expect(show(await first)).toBe('x');
  });

  it('READER_BUSY: also between the waking of a read and its end', async () => {
    const s = stream();
    const other = s.openReader();
    const reader = s.openReader();
    await readNow(other);
    await readNow(reader);
    const first = reader.read();
    let second: Promise<string> | undefined;
    other.whenReadable(() => {
      second = codeOf(() => reader.read({ timeout: 60_000 }));
    });
    append(s, 'x');
    expect(show(await first)).toBe('x');
    expect(await second).toBe('READER_BUSY');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('whenReadable calls once, at the end of the turn, for all that was appended in it', async () => {
    const s = stream();
    const reader = s.openReader();
    await readNow(reader);
    let calls = 0;
    reader.whenReadable(() => calls++);
    append(s, 'a', 'b');
    expect(calls).toBe(0);
    await turn();
    expect(calls).toBe(1);
    append(s, 'c');
    await turn();
    expect(calls).toBe(1);
  });

  it('whenReadable calls at the end of a turn in which something was appended before it was asked', async () => {
    const s = stream();
    const reader = s.openReader();
    await readNow(reader);
    let calls = 0;
    append(s, 'a');
    reader.whenReadable(() => calls++);
    await until(() => calls > 0);
    reader.close();

    const ending = s.openReader({ start: { from: 'live' } });
    await readNow(ending);
    s.end();
    ending.whenReadable(() => calls++);
    await until(() => calls > 1);
    expect(calls).toBe(2);
  });

  it('cancelWait takes whenReadable back, for this reader alone', async () => {
    const s = stream();
    const readers = Array.from({ length: 5 }, () => s.openReader());
    const woken: number[] = [];
    for (const [index, reader] of readers.entries()) {
      await readNow(reader);
      reader.whenReadable(() => woken.push(index + 1));
    }
    readers[1]!.cancelWait();
    readers[1]!.cancelWait();
    readers[4]!.cancelWait();
    readers[4]!.whenReadable(() => woken.push(50));
    append(s, 'x');
    await turn();
    expect(woken.sort((a, b) => a - b)).toEqual([1, 3, 4, 50]);
  });

  it('contract 23: closing ends a read that waits, and twice is harmless', async () => {
    const s = stream();
    const reader = s.openReader();
    await readNow(reader);
    const reading = reader.read();
    reader.close();
    reader.close();
    await expect(reading).rejects.toMatchObject({ code: 'READER_CLOSED' });
    expect(await codeOf(() => reader.read())).toBe('READER_CLOSED');
    expect(await codeOf(() => reader.peek())).toBe('READER_CLOSED');
    let woken = false;
    reader.whenReadable(() => {
      woken = true;
    });
    expect(woken).toBe(true);
    expect(s.readerCount).toBe(0);
  });

  it('contract 26: the count of readers is true at once', () => {
    const closed: number[] = [];
    const s = stream({ observer: { readerClosed: (of) => closed.push(of.readerCount) } });
    const readers = [s.openReader(), s.openReader(), s.openReader()];
    expect(s.readerCount).toBe(3);
    for (const reader of readers) {
      reader.close();
      reader.close();
    }
    expect(s.readerCount).toBe(0);
    expect(closed).toEqual([2, 1, 0]);
  });
});

describe('iteration', () => {
  it('gives every record, the end last, and closes the reader', async () => {
    const s = stream();
    append(s, 'a', 'b');
    const reader = s.openReader();
    const shown: string[] = [];
    for await (const record of reader) {
      shown.push(show(record));
      if (record.type === 'caught-up') s.end();
    }
    expect(shown).toEqual(['a', 'b', '<caught-up 2>', '<end 2 ended>']);
    expect(reader.isClosed).toBe(true);
    expect(s.readerCount).toBe(0);
  });

  it('leaving it closes the reader, by break as by an exception', async () => {
    const s = stream();
    append(s, 'a', 'b');
    for await (const record of s.openReader()) {
      expect(show(record)).toBe('a');
      break;
    }
    const thrown = (async () => {
      for await (const _ of s.openReader()) throw new Error('mine');
    })();
    await expect(thrown).rejects.toThrow('mine');
    expect(s.readerCount).toBe(0);
  });

  it('ends with the error of a reader that is cut off', async () => {
    const s = stream({ maxLag: 10, onLag: 'disconnect' });
    const reader = s.openReader();
    const following = (async () => {
      for await (const record of reader) if (record.type === 'caught-up') append(s, 'far more than ten bytes');
    })();
    await expect(following).rejects.toMatchObject({ code: 'READER_TOO_SLOW' });
    expect(s.readerCount).toBe(0);
  });
});

describe('sending bytes on', () => {
  it('peek takes nothing; advance takes as much as was sent, be it a part', async () => {
    const s = stream();
    append(s, 'abc', 'def');
    const reader = s.openReader();
    expect(reader.peek()).toEqual(reader.peek());
    expect(Buffer.from((reader.peek() as { data: Uint8Array }).data).toString()).toBe('abcdef');
    expect((reader.peek(2) as { data: Uint8Array }).data.length).toBe(2);
    reader.advance(2);
    expect(reader).toMatchObject({ cursor: 2, receivedBytes: 2 });
    // The remainder of a chunk that was read in part.
    expect(await readNow(reader)).toEqual(['c', 'def', '<caught-up 6>']);
  });

  it('contract 54: peeked bytes count as delivered even if their memory was released before advance', async () => {
    const s = stream({ retention: 100, maxLag: 100 });
    append(s, 'abcdefgh');
    const reader = s.openReader();
    const record = reader.peek(5);
    for (let i = 0; i < 1000; i++) append(s, '0123456789');
    expect(record?.type === 'data' && Buffer.from(record.data).toString()).toBe('abcde');
    reader.advance(5);
    expect(reader).toMatchObject({ cursor: 5, receivedBytes: 5, skippedBytes: 0 });
    // It had not caught up, so it may lag 1124 bytes. Lost: the rest of a chunk, 887 whole ones, a part of one.
    expect((await recordsNow(reader))[0]).toEqual({ type: 'gap', from: 5, to: 8884, chunks: 889 });
  });

  it('contract 8: a chunk that lay across slabs and was read is not counted as lost, peeked at before or not', async () => {
    for (const peeks of [false, true]) {
      const s = stream({ retention: 5000, maxLag: 5000 });
      const reader = s.openReader();
      for (let i = 0; i < 3; i++) s.append(new Uint8Array(700));
      // The second chunk crosses the end of the first slab, at 1024.
      await reader.read();
      if (peeks) reader.peek();
      await reader.read();
      expect(reader.cursor).toBe(1400);
      for (let i = 0; i < 20; i++) s.append(new Uint8Array(700));
      // The stream ends at 16,100: lost are the bytes from 1400 to 11,100, in 14 chunks.
      expect((await recordsNow(reader))[0]).toEqual({ type: 'gap', from: 1400, to: 11_100, chunks: 14 });
    }
  });

  it('contract 8: a gap that ends where memory is divided within a chunk counts that chunk as well', async () => {
    const s = stream({ retention: 5000, maxLag: 5000 });
    const reader = s.openReader();
    for (let i = 0; i < 8; i++) s.append(new Uint8Array(700));
    s.append(new Uint8Array(424));
    // The first slab ends at 1024, in the second chunk, whose first half was lost.
    expect((await recordsNow(reader))[0]).toEqual({ type: 'gap', from: 0, to: 1024, chunks: 2 });
  });

  it('advance is harmless once the reader was closed, or cut off, in between', async () => {
    const s = stream({ retention: 100, maxLag: 100, onLag: 'disconnect' });
    append(s, 'abcdefgh');
    const [closed, cut] = [s.openReader(), s.openReader()];
    closed.peek();
    cut.peek();
    closed.close();
    for (let i = 0; i < 1000; i++) append(s, '0123456789');
    await turn();
    expect(cut.isClosed).toBe(true);
    for (const reader of [closed, cut]) {
      reader.advance(8);
      expect(reader).toMatchObject({ cursor: 8, receivedBytes: 8 });
    }
    expect(await codeOf(() => cut.peek())).toBe('READER_TOO_SLOW');
  });

  it('advance in two parts is right even when memory was given back in between', async () => {
    const s = stream({ retention: 100, maxLag: 100 });
    append(s, 'abcdefgh');
    const reader = s.openReader();
    reader.peek();
    reader.advance(3);
    for (let i = 0; i < 1000; i++) append(s, '0123456789');
    reader.advance(5);
    expect(reader).toMatchObject({ cursor: 8, receivedBytes: 8 });
    expect((await recordsNow(reader))[0]).toMatchObject({ type: 'gap', from: 8, to: 8884 });
  });
});

describe('no loose ends', () => {
  it('contract 16, 26: a stream forgets a reader with its close, though nothing is written and others wait', async () => {
    const s = stream({ retention: 10, maxLag: 10 });
    const open = () => {
      const policies = ['drop-oldest', 'drop-newest', 'disconnect', 'block'] as const;
      const readers = Array.from({ length: 40 }, (_, i) => s.openReader({ onLag: policies[i % 4]! }));
      for (const reader of readers) {
        reader.peek();
        reader.whenReadable(() => undefined);
      }
      const first = readers.shift()!;
      // From the front, the back and the middle of the waiting ones; the first stays.
      for (const at of [0, -1, 20]) readers.splice(at, 1)[0]!.close();
      while (readers.length > 0) readers.pop()!.close();
      return first;
    };
    const gone: WeakRef<CursorReader>[] = [];
    const openReader = s.openReader.bind(s);
    s.openReader = (options) => {
      const reader = openReader(options);
      gone.push(new WeakRef(reader));
      return reader;
    };
    const stays = open();
    await turn();
    collectGarbage();
    expect(gone.filter((reference) => reference.deref() !== undefined).map((r) => r.deref()!.id)).toEqual([stays.id]);
    expect(s.readerCount).toBe(1);
  });

  it('leaves no rejection unhandled: readers closed, cut off and timed out while no read is awaited', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const s = stream({ maxLag: 10, onLag: 'disconnect', retention: 10 });
      const idle = s.openReader();
      const blocked = s.openReader({ onLag: 'block' });
      s.append(bytesOf('x'.repeat(20)));
      await turn();
      expect(idle.isClosed).toBe(true);
      blocked.close();
      s.end();
      s.openReader().close();
      await turn();
      await turn();
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
