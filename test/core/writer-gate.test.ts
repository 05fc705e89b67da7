import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CursorReader, RingStream } from '../../src/core/internal.ts';
import { append, attachSlowLog, bytesNow, bytesOf, codeOf, readNow, turn, until } from './helpers.ts';

const KB = 1024;
const MB = 1024 * KB;
// The test controls the time, and every remaining timer can be counted.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function stream(options: Partial<ConstructorParameters<typeof RingStream>[0]> = {}): RingStream {
  return new RingStream({ retention: 20, maxLag: 20, onLag: 'block', ...options });
}

/** Whether a write has been done. */
function watch(write: void | Promise<void>): { done: boolean } {
  const state = { done: write === undefined };
  write?.then(() => {
    state.done = true;
  });
  return state;
}

/** Waits several turns: what has not happened then does not happen by itself. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}

async function fullStream(
  options: Partial<ConstructorParameters<typeof RingStream>[0]> = {},
): Promise<[RingStream, CursorReader]> {
  const s = stream(options);
  const reader = s.openReader();
  await readNow(reader);
  append(s, '0123456789', '0123456789');
  return [s, reader];
}

describe('block', () => {
  it('contract 20: writers wait until the reader has made room, and then nothing is lost', async () => {
    const [s, reader] = await fullStream();
    const write = watch(s.write(bytesOf('waits')));
    await turns();
    expect(write.done).toBe(false);
    expect(s.totalWritten).toBe(20);
    await reader.read();
    await until(() => write.done);
    expect(await readNow(reader)).toEqual(['0123456789', 'waits']);
    expect(reader).toMatchObject({ skippedBytes: 0, receivedBytes: 25 });
  });

  it('contract 20, 107: a reader that has received all that a slow log has saved is not disconnected, however long it takes', async () => {
    const s = stream({ blockTimeout: 1000 });
    const log = attachSlowLog(s);
    const reader = s.openReader();
    append(s, '0123456789', '0123456789');
    const write = watch(s.write(bytesOf('waits')));
    for (let n = 0; n < 5; n++) {
      await turns();
      vi.advanceTimersByTime(1000);
    }
    await turns();
    expect(write.done).toBe(false);
    expect(reader.isClosed).toBe(false);
    log.save();
    expect(await readNow(reader)).toEqual(['0123456789', '0123456789', '<caught-up 20>']);
    await until(() => write.done);
    expect(vi.getTimerCount()).toBe(0);
    append(s, '01234567890123456789');
    log.save();
    const other = watch(s.write(bytesOf('waits for the reader')));
    await turns();
    vi.advanceTimersByTime(1000);
    await until(() => other.done);
    expect(reader.isClosed).toBe(true);
  });

  it('contract 20, 107: a writer that waits for a log that has failed gets its error', async () => {
    const s = stream({ blockTimeout: 1000 });
    const log = attachSlowLog(s);
    const reader = s.openReader();
    append(s, '0123456789', '0123456789');
    const write = s.write(bytesOf('fails'));
    log.fault = new Error('the disk has failed');
    const failed = expect(write).rejects.toThrow('the disk has failed');
    await turns();
    vi.advanceTimersByTime(1000);
    await failed;
    expect(reader.isClosed).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('contract 4, 20: where no reader asks for it, a write does not wait', async () => {
    const s = stream();
    s.openReader({ onLag: 'drop-oldest' });
    for (let i = 0; i < 100; i++) expect(s.write(bytesOf('0123456789'))).toBeUndefined();
  });

  it('contract 20: a write that is larger than the reader may lag waits in pieces, and none of it is lost', async () => {
    for (const size of [1000, 70_000, 200 * KB, 256 * KB, 300 * KB, 3 * MB]) {
      const s = stream({ retention: 1000, maxLag: 1000 });
      const reader = s.openReader();
      await readNow(reader);
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >>> 8)) & 255;
      const write = watch(s.write(bytes));
      const parts: Uint8Array[] = [];
      for (let got = 0; got < size; ) {
        const part = await bytesNow(reader);
        parts.push(part);
        got += part.length;
        await turn();
      }
      await until(() => write.done);
      expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0);
      expect(reader.skippedBytes).toBe(0);
    }
  });

  it('contract 20: a write that finds a byte of room goes no further than a chunk beyond it', async () => {
    const s = stream({ retention: MB, maxLag: MB });
    const reader = s.openReader();
    await readNow(reader);
    s.append(new Uint8Array(MB - 1));
    const write = watch(s.write(new Uint8Array(256 * KB)));
    await turns();
    expect(write.done).toBe(false);
    expect(s.totalWritten).toBe(MB - 1 + 64 * KB);
    let got = 0;
    while (got < MB - 1 + 256 * KB) {
      got += (await bytesNow(reader)).length;
      await turn();
    }
    await until(() => write.done);
    expect(reader.skippedBytes).toBe(0);
  });

  it('contract 10: writes that wait go in their order, each in one piece', async () => {
    const [s, reader] = await fullStream();
    const letters = ['a', 'b', 'c', 'd'];
    const writes = letters.map((letter) => s.write(new Uint8Array(100 * KB).fill(letter.charCodeAt(0))));
    const parts: Uint8Array[] = [];
    for (let got = 0; got < 20 + 400 * KB; ) {
      const part = await bytesNow(reader);
      parts.push(part);
      got += part.length;
      await turn();
    }
    await Promise.all(writes);
    const expected = Buffer.concat([
      Buffer.from('0123456789'.repeat(2)),
      ...letters.map((l) => Buffer.alloc(100 * KB, l)),
    ]);
    expect(Buffer.compare(Buffer.concat(parts), expected)).toBe(0);
  });

  it('contract 20: memory stays what it was promised to be, and a chunk, while writers wait', async () => {
    const s = stream({ retention: 100 * KB, maxLag: 100 * KB });
    const reader = s.openReader();
    await readNow(reader);
    const writes = Array.from({ length: 50 }, () => watch(s.write(new Uint8Array(100 * KB))));
    await turns();
    expect(writes.at(-1)!.done).toBe(false);
    expect(s.stats().memory).toBeLessThanOrEqual((100 * KB + 64 * KB + 2 * 32 * KB) * (9 / 8));
    reader.close();
    await until(() => writes.every((write) => write.done));
  });

  it('contract 20: after the deadline the reader is cut off and the write continues', async () => {
    const errors: string[] = [];
    const [s, reader] = await fullStream({
      blockTimeout: 3000,
      observer: { tooSlow: (_, slow, error) => errors.push(`${slow === reader} ${error.message}`) },
    });
    let failure: string | undefined;
    reader.watcher = {
      readerFailed: (error) => {
        failure = error.code;
      },
    };
    const write = watch(s.write(bytesOf('on')));
    await turns();
    vi.advanceTimersByTime(2999);
    await turns();
    expect(write.done).toBe(false);
    expect(reader.isClosed).toBe(false);
    vi.advanceTimersByTime(1);
    await until(() => write.done);
    expect(s.totalWritten).toBe(22);
    expect(failure).toBe('READER_TOO_SLOW');
    expect(errors).toEqual(['true reader fell 20 bytes behind: 20 are allowed']);
    expect(await codeOf(() => reader.read())).toBe('READER_TOO_SLOW');
    expect(s.readerCount).toBe(0);
    expect(s.write(bytesOf('free again'))).toBeUndefined();
  });

  it('contract 7, 20: of two that block only the one that stands still is cut off', async () => {
    const s = stream();
    const [dead, brisk] = [s.openReader(), s.openReader()];
    const following = (async () => {
      let bytes = 0;
      for await (const record of brisk) if (record.type === 'data') bytes += record.data.length;
      return bytes;
    })();
    for (let i = 0; i < 20; i++) {
      const write = watch(s.write(bytesOf('0123456789')));
      await turns();
      if (i === 2) {
        expect(write.done).toBe(false);
        vi.advanceTimersByTime(5000);
      }
      await until(() => write.done);
    }
    s.end();
    expect(await following).toBe(200);
    expect(dead.isClosed).toBe(true);
  });

  it('contract 20: a reader that leaves, or seeks ahead, lets writers continue at once', async () => {
    for (const leave of [(r: CursorReader) => r.close(), (r: CursorReader) => r.seek(20)]) {
      const [s, reader] = await fullStream();
      const write = watch(s.write(bytesOf('x')));
      await turns();
      expect(write.done).toBe(false);
      leave(reader);
      await turns();
      expect(write.done).toBe(true);
    }
  });

  it('contract 18, 20: a joiner makes writers wait once the ring it is owed would be overrun, not before', async () => {
    const s = stream({ retention: 100, maxLag: 10 });
    for (let i = 0; i < 9; i++) append(s, '0123456789');
    const reader = s.openReader();
    // The retention and a slab more: 100 and 1024 bytes.
    expect(s.write(new Uint8Array(1034))).toBeUndefined();
    const write = watch(s.write(bytesOf('x')));
    await turns();
    expect(write.done).toBe(false);
    expect((await bytesNow(reader)).length).toBeGreaterThanOrEqual(1124);
    await until(() => write.done);
    expect(reader.skippedBytes).toBe(0);
  });

  it('contract 3, 23: the end sends waiting writers away and gives readers what they are owed', async () => {
    const [s, reader] = await fullStream();
    const writes = [s.write(bytesOf('a')), s.write(bytesOf('b'))].map((write) => codeOf(() => write));
    await turns();
    s.end('removed');
    expect(await Promise.all(writes)).toEqual(['STREAM_CLOSED', 'STREAM_CLOSED']);
    expect(await readNow(reader)).toEqual(['0123456789', '0123456789', '<end 20 removed>']);
  });

  it('contract 22: no timer is left when the wait is over, however it ended', async () => {
    const endings: ((s: RingStream, reader: CursorReader) => void)[] = [
      (s) => s.end(),
      (_, reader) => reader.close(),
      (_, reader) => reader.seek(20),
      (_, reader) => {
        reader.peek();
        reader.advance(20);
      },
      () => vi.advanceTimersByTime(5000),
    ];
    for (const end of endings) {
      const [s, reader] = await fullStream();
      const write = s.write(bytesOf('x'));
      await turns();
      expect(vi.getTimerCount()).toBe(1);
      end(s, reader);
      await Promise.resolve(write).catch(() => undefined);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it('contract 20: a deadline longer than a timer can be is a long wait, not a short one', async () => {
    vi.useRealTimers();
    for (const blockTimeout of [Number.POSITIVE_INFINITY, 2 ** 31]) {
      const warnings: string[] = [];
      const note = (warning: Error) => warnings.push(warning.name);
      process.on('warning', note);
      try {
        const [s, reader] = await fullStream({ blockTimeout });
        const write = watch(s.write(bytesOf('x')));
        await turns();
        expect(write.done).toBe(false);
        reader.close();
        await until(() => write.done);
      } finally {
        process.off('warning', note);
      }
      expect(warnings).toEqual([]);
    }
  });

  it('contract 1, 20: append itself never waits; a blocking reader that it overruns is cut off rather than given a hole', async () => {
    const s = stream({ retention: 1000, maxLag: 1000 });
    const reader = s.openReader();
    await readNow(reader);
    for (let i = 0; i < 100; i++) s.append(new Uint8Array(1000));
    expect(await codeOf(() => reader.read())).toBe('READER_TOO_SLOW');
  });
});
