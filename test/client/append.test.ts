import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Append, endOfPart, MAX_APPEND_BYTES, MAX_APPEND_MS, PeekableSource } from '../../src/client/append.ts';

/** The appends into which a source is cut, as the bytes of each. */
async function appendsOf(pieces: Uint8Array[], size: number, lines: boolean): Promise<string[]> {
  const ahead = new PeekableSource(given(pieces));
  const appends: string[] = [];
  while (!ahead.isOver) {
    const append = new Append(ahead, { size, lines });
    appends.push(await textOf(append));
    append.done();
  }
  return appends.filter((text) => text !== '');
}

async function* given(pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function textOf(append: Append): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of append.body()) parts.push(part);
  return Buffer.concat(parts).toString();
}

const sources = fc
  .array(fc.stringMatching(/^[ab\n]{0,30}$/), { maxLength: 12 })
  .map((parts) => parts.map((part) => Buffer.from(part)));

afterEach(() => vi.useRealTimers());

describe('how a source is cut into appends', () => {
  it('an append has the size it is to have, however large the pieces are', async () => {
    const appends = await appendsOf([Buffer.from('abc'), Buffer.from('defghijklmnop')], 5, false);
    expect(appends).toEqual(['abcde', 'fghij', 'klmno', 'p']);
  });

  it('contract 88: with atomic lines every append but the last ends after a newline', async () => {
    await fc.assert(
      fc.asyncProperty(sources, fc.integer({ min: 1, max: 40 }), async (pieces, size) => {
        const appends = await appendsOf(pieces, size, true);
        expect(appends.join('')).toBe(Buffer.concat(pieces).toString());
        for (const text of appends.slice(0, -1)) expect(text.at(-1)).toBe('\n');
      }),
    );
  });

  it('contract 88: bytes that are all there are cut the same way', () => {
    fc.assert(
      fc.property(sources, fc.integer({ min: 1, max: 40 }), (pieces, size) => {
        const bytes = Buffer.concat(pieces);
        for (let at = 0; at < bytes.length; ) {
          const end = endOfPart(bytes, at, { size, lines: true });
          expect(end).toBeGreaterThan(at);
          if (end < bytes.length) expect(bytes[end - 1]).toBe(10);
          at = end;
        }
      }),
    );
  });

  it('contract 88: its time being over, an append in the middle of a line stays open until the line is complete', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let give: (text: string) => void = () => undefined;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<IteratorResult<Uint8Array>>((resolve) => {
            give = (text) => resolve({ done: false, value: Buffer.from(text) });
          }),
      }),
    };
    const append = new Append(new PeekableSource(source), { size: 1000, lines: true });
    const body = append.body()[Symbol.asyncIterator]();
    const next = async () => Buffer.from((await body.next()).value ?? '').toString();
    const first = next();
    give('whole\nhalf ');
    expect(await first).toBe('whole\nhalf ');
    vi.advanceTimersByTime(MAX_APPEND_MS * 100);
    expect(append.isOpen).toBe(true);
    const second = next();
    give('of one\nanother\nand');
    expect(await second).toBe('of one\n');
    expect(append.isOpen).toBe(false);
    expect((await body.next()).done).toBe(true);
  });

  it('between two lines an append is closed when its time is over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const append = new Append(new PeekableSource(given([Buffer.from('whole\n')])), { size: 1000, lines: true });
    const body = append.body()[Symbol.asyncIterator]();
    await body.next();
    vi.advanceTimersByTime(MAX_APPEND_MS);
    expect(append.isOpen).toBe(false);
  });

  it('a line for which an append has no room is cut', async () => {
    const long = Buffer.alloc(MAX_APPEND_BYTES + 10, 'x');
    const lengths = (await appendsOf([long, Buffer.from('\nb\n')], 1024, true)).map((text) => text.length);
    expect(lengths).toEqual([MAX_APPEND_BYTES, 13]);
  });
});
