import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingStream } from '../../src/core/internal.ts';
import { BLOCK_MEMORY, FIRST_SLAB } from '../../src/core/slab-memory.ts';
import { STREAM_COST } from '../../src/core/stream-memory.ts';
import { readNow } from './helpers.ts';

const KiB = 1024;

function streams(count: number): RingStream[] {
  return Array.from({ length: count }, () => new RingStream({ retention: 64 * KiB, maxLag: 64 * KiB }));
}

/** The memory that holds the first bytes of each stream. */
function memoryOf(all: readonly RingStream[]): ArrayBufferLike[] {
  return all.map((stream) => stream.retainAt(stream.startOffset, 1)!.buffer);
}

describe('the smallest slabs', () => {
  it('contract 16: ten streams that hold little share one block, which takes what they are counted for together', () => {
    const all = streams(1000);
    for (const stream of all) stream.append(Buffer.alloc(100));
    const blocks = new Set(memoryOf(all));
    // One more, if an earlier stream began the first block.
    expect(blocks.size).toBeLessThanOrEqual(101);
    const counted = all.reduce((sum, stream) => sum + stream.stats().memory, 0);
    for (const { byteLength } of blocks) expect(byteLength * 100).toBe(counted);
  });

  it('contract 16: one that stays alone keeps a block, less than a stream is charged for being there', () => {
    const all = streams(100);
    for (const stream of all) stream.append(Buffer.alloc(100));
    for (const { byteLength } of memoryOf(all)) expect(byteLength).toBe(BLOCK_MEMORY);
    // A stream itself takes less than 1 KiB.
    expect(BLOCK_MEMORY + KiB).toBeLessThanOrEqual(STREAM_COST + FIRST_SLAB);
  });

  it('contract 16: a stream keeps no block any more once its first slab has left', () => {
    const [stream] = streams(1);
    for (let n = 0; n < 200; n++) stream!.append(Buffer.alloc(KiB));
    expect(memoryOf([stream!])[0]!.byteLength).toBeGreaterThan(BLOCK_MEMORY);
  });

  it('of a reader that holds parts of many are copies, which keep no other memory alive', () => {
    const [stream] = streams(1);
    const reader = stream!.openReader({ onLag: 'drop-newest' });
    stream!.append(Buffer.alloc(FIRST_SLAB));
    stream!.append(Buffer.alloc(KiB));
    // The rest of the second slab is as large as a first one.
    reader.advance(KiB);
    for (let n = 0; n < 200; n++) stream!.append(Buffer.alloc(KiB));
    const record = reader.peek();
    expect(record?.type === 'data' && record.data.length).toBe(FIRST_SLAB);
    expect(record?.type === 'data' && record.data.buffer.byteLength).toBe(FIRST_SLAB);
  });

  it('never touch one another: bytes and chunks of each stream are its own, however writes to them mix', async () => {
    const write = fc.record({ who: fc.nat({ max: 24 }), length: fc.integer({ min: 1, max: 40 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 200, size: 'max' }), async (writes) => {
        const all = streams(25);
        const written = all.map((): string[] => []);
        for (const { who, length } of writes) {
          const chunk = String.fromCharCode(97 + who).repeat(length);
          written[who]!.push(chunk);
          all[who]!.append(Buffer.from(chunk));
        }
        for (const [who, stream] of all.entries()) {
          expect(await readNow(stream.openReader())).toEqual([...written[who]!, `<caught-up ${stream.endOffset}>`]);
          expect(stream.stats().totalChunks).toBe(written[who]!.length);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('give a gap its count of chunks, wherever in a block they lie', () => {
    const all = streams(25);
    const readers = all.map((stream) => stream.openReader());
    for (let n = 0; n < 25; n++) for (const [who, stream] of all.entries()) stream.append(Buffer.alloc(1 + (who % 10)));
    for (const [who, stream] of all.entries()) {
      const reader = readers[who]!;
      expect(reader.peek()).toMatchObject({ type: 'data' });
      // Up to within the sixth chunk.
      reader.advance(5 * (1 + (who % 10)) + (who % 10));
      expect(reader.receivedChunks).toBe(5);
      stream.append(Buffer.alloc(64 * KiB * 4));
      // Of its four chunks, two are lost, and a part of the third.
      expect(reader.peek()).toMatchObject({ type: 'gap', chunks: 25 - 5 + 3 });
    }
  });
});
