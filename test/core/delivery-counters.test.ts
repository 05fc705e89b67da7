import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/core/index.ts';
import { RingStream } from '../../src/core/internal.ts';
import { readNow } from './helpers.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const make = (options = {}) => new RingStream({ retention: 1000, maxLag: 20, ...options });

describe('delivered bytes', () => {
  it('is counted in bytes and chunks, over the readers there are and those that have left', async () => {
    const s = make();
    const [stays, leaves] = [s.openReader(), s.openReader()];
    for (const text of ['one', 'three', 'x']) s.append(bytes(text));
    await readNow(stays);
    await readNow(leaves);
    leaves.close();
    leaves.close();
    expect(s.stats()).toMatchObject({ deliveredBytes: 18, deliveredChunks: 6 });
    s.append(bytes('more'));
    await readNow(stays);
    expect(s.stats()).toMatchObject({ deliveredBytes: 22, deliveredChunks: 7 });
    stays.close();
    expect(s.stats()).toMatchObject({ deliveredBytes: 22, deliveredChunks: 7 });
  });

  it('counts a chunk once its last byte is taken, however it is taken, and none of those that were lost', async () => {
    const s = make();
    const reader = s.openReader();
    s.append(bytes('0123456789'));
    for (const [length, chunks] of [
      [4, 0],
      [5, 0],
      [1, 1],
    ] as const) {
      reader.peek(length);
      reader.advance(length);
      expect(reader.receivedChunks).toBe(chunks);
    }
    await readNow(reader);
    for (let i = 0; i < 10; i++) s.append(bytes('abcdef'));
    // 60 bytes were appended, 20 may be read: six chunks and most of another are lost.
    await readNow(reader);
    expect(reader).toMatchObject({ skippedBytes: 40, skippedChunks: 7, receivedBytes: 30, receivedChunks: 5 });
  });

  it('counts what arrives after its reader was closed', () => {
    const s = make();
    const reader = s.openReader();
    s.append(bytes('late'));
    reader.peek();
    reader.close();
    reader.advance(4);
    expect(s.stats().deliveredBytes).toBe(4);
  });
});

describe('a stream that is removed after its writer has ended it', () => {
  it('gives its memory back, and keeps the reason it was ended for', async () => {
    const budget = new MemoryBudget(0);
    const s = make({ budget });
    s.append(bytes('abc'));
    const reader = s.openReader();
    s.end();
    s.end('removed');
    expect(budget.holderCount).toBe(1);
    expect(await readNow(reader)).toEqual(['abc', '<end 3 ended>']);
    reader.close();
    expect(budget).toMatchObject({ holderCount: 0, used: 0 });
  });
});
