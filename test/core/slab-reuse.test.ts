import { describe, expect, it } from 'vitest';
import { RingStream } from '../../src/core/internal.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Overwrites the ring repeatedly: every reusable slab has then been reused. */
function overrun(stream: RingStream): void {
  const other = Buffer.alloc(64 * KiB, 'z');
  for (let n = 0; n < 256; n++) stream.append(other);
}

function streamOf(letter: string): RingStream {
  const stream = new RingStream({ retention: MiB, maxLag: MiB });
  for (let n = 0; n < 32; n++) stream.append(Buffer.alloc(64 * KiB, letter));
  return stream;
}

const isAll = (letter: string) => (bytes: Uint8Array) => bytes.every((byte) => byte === letter.charCodeAt(0));

describe('memory that is filled again', () => {
  it('is that of slabs which no reader may look at any more', () => {
    const stream = streamOf('a');
    const run = stream.openReader().borrowRun(256 * KiB);
    overrun(stream);
    expect(run?.type === 'run' && run.parts.some(isAll('z'))).toBe(true);
  });

  it('is not that of a piece which a read of a range is about to return', async () => {
    const stream = streamOf('a');
    const { startOffset, endOffset } = stream;
    const pieces = stream.withHistory.pieces(startOffset, endOffset);
    const piece = pieces.next();
    overrun(stream);
    expect((await piece).value).toSatisfy(isAll('a'));
    await pieces.return(undefined);
  });

  it('is that of a run which a reader has pinned, but only when it is released', () => {
    const stream = streamOf('a');
    const reader = stream.openReader();
    const run = reader.borrowRun(700 * KiB);
    if (run?.type !== 'run') throw new Error('there is something to read');
    const [one, other] = [reader.pin(run), reader.pin(run)];
    overrun(stream);
    expect(run.parts.every(isAll('a'))).toBe(true);
    one.release();
    overrun(stream);
    expect(run.parts.every(isAll('a'))).toBe(true);
    // Only a bounded amount of memory is kept for reuse: these streams take all of it, and the later ones what was released since.
    const before = ['y', 'y', 'y'].map(streamOf);
    other.release();
    const after = ['z', 'z', 'z'].map(streamOf);
    expect(run.parts.every(isAll('z'))).toBe(true);
    expect([...before, ...after]).toHaveLength(6);
  });

  it('is filled by one slab at a time, also where its last pin is gone long after it has left', () => {
    const stream = streamOf('a');
    const reader = stream.openReader();
    const run = reader.borrowRun(256 * KiB);
    if (run?.type !== 'run') throw new Error('there is something to read');
    const pin = reader.pin(run);
    overrun(stream);
    pin.release();
    const streams = ['b', 'c', 'd', 'e', 'f'].map(streamOf);
    for (const [index, each] of streams.entries()) {
      const { data } = each.snapshot();
      expect(isAll('bcdef'[index]!)(data)).toBe(true);
    }
  });

  it('is never that of bytes that were peeked', () => {
    const stream = streamOf('a');
    const record = stream.openReader().peek(700 * KiB);
    overrun(stream);
    expect(record?.type === 'data' && isAll('a')(record.data)).toBe(true);
  });

  it('is never that of a chunk that was read, or of bytes at an offset', async () => {
    const stream = streamOf('a');
    const record = await stream.openReader().read();
    const at = stream.retainAt(stream.endOffset - 300 * KiB, 64 * KiB);
    overrun(stream);
    expect(record.type === 'data' && isAll('a')(record.data)).toBe(true);
    expect(at !== undefined && isAll('a')(at)).toBe(true);
  });

  it('is never that of what a reader with drop-newest has queued', async () => {
    const stream = new RingStream({ retention: MiB, maxLag: MiB, onLag: 'drop-newest' });
    const reader = stream.openReader({ start: { from: 'live' } });
    for (let n = 0; n < 16; n++) stream.append(Buffer.alloc(64 * KiB, 'a'));
    overrun(stream);
    let got = 0;
    for (;;) {
      const record = await reader.read();
      if (record.type !== 'data') break;
      expect(isAll('a')(record.data)).toBe(true);
      got += record.data.length;
    }
    expect(got).toBe(MiB);
  });

  it('knows nothing of the chunks that lay in it before', async () => {
    const stream = new RingStream({ retention: MiB, maxLag: MiB });
    for (let n = 0; n < 4 * KiB; n++) stream.append(Buffer.alloc(1000, 'a'));
    for (let n = 0; n < 64; n++) stream.append(Buffer.alloc(60 * KiB, 'b'));
    const reader = stream.openReader();
    const lengths: number[] = [];
    for (let record = await reader.read(); record.type === 'data'; record = await reader.read()) {
      lengths.push(record.data.length);
    }
    expect(new Set(lengths.slice(1))).toEqual(new Set([60 * KiB]));
    expect(stream.stats().totalChunks).toBe(4 * KiB + 64);
  });
});
