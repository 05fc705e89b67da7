import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/core/index.ts';
import { RingStream, StreamRules } from '../../src/core/internal.ts';
import { append, codeOf, readNow, turn } from './helpers.ts';

describe('streams that share their rules', () => {
  const options = { retention: 8, maxLag: 4, onLag: 'disconnect', now: () => 42 } as const;

  it('do what streams with the same options do, each for itself', async () => {
    const rules = new StreamRules(options);
    const own = { generation: 'g', firstOffset: 100 };
    const [one, other] = [
      new RingStream({ ...own, name: 'one' }, rules),
      new RingStream({ ...own, name: 'other' }, rules),
    ];
    const alone = new RingStream({ ...own, ...options });
    expect([one.name, other.name, one.rules]).toEqual(['one', 'other', other.rules]);
    for (const stream of [one, alone]) append(stream, 'abc', 'defghijk');
    const readers = [one, alone].map((stream) => stream.openReader());
    expect(one.stats()).toEqual(alone.stats());
    expect(one.stats()).toMatchObject({ startOffset: 103, endOffset: 111, createdAt: 42, generation: 'g' });
    for (const reader of readers) expect(await readNow(reader)).toEqual(['defghijk', '<caught-up 111>']);
    // The second append is more than a reader that has caught up may lag.
    for (const stream of [one, alone]) append(stream, 'lmnop');
    await turn();
    for (const reader of readers) expect(await codeOf(() => reader.read())).toBe('READER_TOO_SLOW');
    expect(other.stats()).toMatchObject({ startOffset: 100, endOffset: 100, readers: 0, totalChunks: 0 });
  });

  it('share a budget, of which each takes its part', () => {
    const budget = new MemoryBudget(0);
    const rules = new StreamRules({ ...options, budget });
    const [one, other] = [new RingStream({}, rules), new RingStream({}, rules)];
    append(one, 'abc');
    expect([budget.holderCount, budget.history]).toEqual([2, one.stats().memory]);
    other.end('removed');
    other.end('removed');
    expect([budget.holderCount, budget.history]).toEqual([1, one.stats().memory]);
  });

  it('are validated when they are created', () => {
    expect(() => new StreamRules({ ...options, retention: 0 })).toThrow(/retention must be a whole number of bytes/);
    expect(() => new StreamRules({ ...options, blockTimeout: -1 })).toThrow(/blockTimeout must be/);
    expect(() => new StreamRules({ ...options, onLag: 'none' as 'block' })).toThrow(/onLag.*must be one of/);
  });
});

describe('a stream that has not been read yet', () => {
  it('has lost nothing, delivered nothing, delays no writer, and may end', () => {
    const stream = new RingStream({ retention: 8, maxLag: 4, onLag: 'block' });
    expect([...stream.readers()]).toEqual([]);
    expect(stream.write(Buffer.alloc(1_000_000))).toBeUndefined();
    expect(stream.stats()).toMatchObject({ readers: 0, maxReaderLag: 0, deliveredBytes: 0, skippedBytes: 0 });
    stream.end();
    expect([stream.skippedBytes, stream.skippedChunks, stream.endReason]).toEqual([0, 0, 'ended']);
  });
});
