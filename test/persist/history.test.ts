/** Readers of bytes that the ring no longer holds: they read from disk, and join the live end without a gap or a repetition. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BorrowedRun, CursorReader } from '../../src/core/internal.ts';
import { RingStream, StreamRules } from '../../src/core/internal.ts';
import { DiskStore } from '../../src/persist/disk-store.ts';
import { FilePool } from '../../src/persist/file-pool.ts';
import { openLayout, segmentPath } from '../../src/persist/layout.ts';
import { LogReader } from '../../src/persist/log-reader.ts';
import { SimulatedDisk } from './simulated-disk.ts';

const RING = 100_000;
/** The range in which readers join. All of it is in memory here, about ten times. */
const JOINED_BYTES = Number(process.env.STREAMFS_JOINED_BYTES ?? 6_000_000);
const rules = new StreamRules({ retention: RING, maxLag: RING });

async function openStore(disk: SimulatedDisk, maxCache = 400_000, maxJournal = 100_000) {
  return DiskStore.open({
    ...{ disk, sync: { name: 'interval', interval: 60_000 }, boot: 'one' },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...{ maxStreamBacklog: 400_000, maxBacklog: 400_000, maxJournal, maxSegment: 300_000, maxFiles: 8 },
    ...{ retention: Number.POSITIVE_INFINITY, maxCache },
  });
}

function attach(store: DiskStore, path = '/a') {
  const stream = new RingStream({ name: path }, rules);
  return { stream, log: store.attach(stream, path, { facts: () => '{}', producers: () => undefined }) };
}

const random = (max: number) => 1 + Math.floor(Math.random() * max);
const aTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Everything a reader receives, chunk by chunk. */
async function byChunk(reader: CursorReader): Promise<{ bytes: Buffer; lengths: number[]; gaps: number }> {
  const parts: Buffer[] = [];
  let gaps = 0;
  for await (const record of reader) {
    if (record.type === 'data') parts.push(Buffer.from(record.data));
    if (record.type === 'gap') gaps++;
    if (Math.random() < 0.05) await aTurn();
  }
  return { bytes: Buffer.concat(parts), lengths: parts.map(({ length }) => length), gaps };
}

/** The same as a sink reads it: in runs, which it may hold for a while, or not take before more has arrived. */
async function byRun(reader: CursorReader): Promise<{ bytes: Buffer; gaps: number }> {
  const parts: Buffer[] = [];
  let gaps = 0;
  let wants = 0;
  for (;;) {
    const record = reader.borrowRun(wants + random(300_000), wants === 0 && Math.random() < 0.5);
    if (record?.type === 'end') return { bytes: Buffer.concat(parts), gaps };
    if (record?.type === 'gap') gaps++;
    const isShort = record?.type === 'run' && record.length < wants;
    if (record === undefined || (isShort && !reader.isLastBefore(record.offset + record.length))) {
      await new Promise<void>((resolve) => reader.whenReadable(resolve));
      continue;
    }
    if (record.type !== 'run') continue;
    const length = record.length < wants ? record.length : random(record.length);
    // Like an encoding that waits for the end of a line.
    wants = Math.random() < 0.2 ? random(5000) : 0;
    const pin = reader.pin(record);
    reader.advance(length);
    for (let n = random(4); n > 0; n--) await aTurn();
    parts.push(bytesOf(record, length));
    pin.release();
  }
}

function bytesOf({ parts }: BorrowedRun, length: number): Buffer {
  return Buffer.from(Buffer.concat(parts).subarray(0, length));
}

describe('a reader that reaches back', () => {
  it('gets every byte and every chunk, wherever it begins and however slow it is', async () => {
    for (let round = 0; round < 4; round++) {
      const store = await openStore(new SimulatedDisk(), [30_000, 400_000][round % 2]);
      const { stream } = attach(store);
      const written: Buffer[] = [];
      const chunked: ReturnType<typeof byChunk>[] = [];
      const runs: ReturnType<typeof byRun>[] = [];
      for (let n = 0; n < 300; n++) {
        const size = Math.random() < 0.1 ? random(60_000) : random(3000);
        const data = Buffer.alloc(size, `${n};`);
        written.push(data);
        await stream.write(data);
        if (n % 50 === 10) chunked.push(byChunk(stream.openReader({ reachBack: true })));
        if (n % 50 === 30) runs.push(byRun(stream.openReader({ reachBack: true })));
        if (Math.random() < 0.2) await aTurn();
      }
      stream.end();
      chunked.push(byChunk(stream.openReader({ reachBack: true })));
      runs.push(byRun(stream.openReader({ reachBack: true })));
      const all = Buffer.concat(written);
      expect(stream.startOffset).toBeGreaterThan(0);
      for (const { bytes, gaps, lengths } of await Promise.all(chunked)) {
        expect(gaps).toBe(0);
        expect(bytes.equals(all)).toBe(true);
        expect(lengths).toEqual(written.map(({ length }) => length));
      }
      for (const { bytes, gaps } of await Promise.all(runs)) {
        expect(gaps).toBe(0);
        expect(bytes.equals(all)).toBe(true);
      }
      await store.close();
    }
  }, 60_000);

  it('gets the same bytes in memory that is read into again and again, from anywhere and at any speed', async () => {
    // A cache of a few blocks, in which distant readers evict each other's blocks.
    const store = await DiskStore.open({
      ...{ disk: new SimulatedDisk(), sync: { name: 'interval', interval: 60_000 }, boot: 'one' },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...{ maxStreamBacklog: 4_000_000, maxBacklog: 4_000_000, maxJournal: 100_000, maxSegment: 2_000_000 },
      ...{ maxFiles: 8, retention: Number.POSITIVE_INFINITY, maxCache: 900_000 },
    });
    const large = new StreamRules({ retention: 2_000_000, maxLag: 2_000_000 });
    const stream = new RingStream({ name: '/a' }, large);
    const log = store.attach(stream, '/a', { facts: () => '{}', producers: () => undefined });
    const written: Buffer[] = [];
    for (let left = JOINED_BYTES; left > 0; ) {
      const data = randomBytes(Math.min(left, random(700_000)));
      left -= data.length;
      written.push(data);
      await stream.write(data);
    }
    const all = Buffer.concat(written);
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    // So many that blocks are certainly read again, though some begin in the ring and some share blocks with others.
    const readers = Array.from({ length: 24 }, (_, n) => {
      const offset = n === 0 ? 0 : random(all.length - 1);
      const reader = stream.openReader({ start: { offset }, reachBack: true });
      return { offset, read: n % 2 === 0 ? byRun(reader) : byChunk(reader) };
    });
    await log.whenSaved();
    stream.end();
    for (const { offset, read } of readers) {
      const { bytes, gaps } = await read;
      expect({ gaps, length: bytes.length }).toEqual({ gaps: 0, length: all.length - offset });
      expect(digest(bytes)).toBe(digest(all.subarray(offset)));
    }
    expect(store.stats.blocksRead).toBeGreaterThan((2 * all.length) / 262_144);
    await store.close();
  }, 600_000);

  it('gets the chunks of a block, and none of the block that was in the same memory before', async () => {
    const store = await DiskStore.open({
      ...{ disk: new SimulatedDisk(), sync: { name: 'interval', interval: 60_000 }, boot: 'one' },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...{ maxStreamBacklog: 4_000_000, maxBacklog: 4_000_000, maxJournal: 100_000, maxSegment: 2_000_000 },
      ...{ maxFiles: 8, retention: Number.POSITIVE_INFINITY, maxCache: 600_000 },
    });
    const large = new StreamRules({ retention: 2_000_000, maxLag: 2_000_000 });
    const stream = new RingStream({ name: '/a' }, large);
    const log = store.attach(stream, '/a', { facts: () => '{}', producers: () => undefined });
    const lengths: number[] = [];
    // Each block has other chunk ends than the block before it.
    for (let block = 0; block < 24; block++) {
      const length = 1009 + 37 * block;
      for (let left = 250_000; left > 0; left -= length) {
        const data = Buffer.alloc(Math.min(left, length), String(block));
        lengths.push(data.length);
        stream.append(data);
      }
      await log.whenSaved();
    }
    stream.end();
    await log.whenSaved();
    // A reader by run releases the memory of its blocks; a reader by chunk keeps it.
    await byRun(stream.openReader({ reachBack: true }));
    const { gaps, lengths: found } = await byChunk(stream.openReader({ reachBack: true }));
    expect(gaps).toBe(0);
    expect(found).toEqual(lengths);
    await store.close();
  });

  it('begins at any offset that is kept, and at none that is not', async () => {
    const store = await openStore(new SimulatedDisk());
    const { stream, log } = attach(store);
    for (let n = 0; n < 40; n++) await stream.write(Buffer.alloc(10_000, String(n % 10)));
    stream.end();
    await log.whenSaved();
    const reader = stream.openReader({ start: { offset: 15_000 }, reachBack: true });
    const { bytes } = await byChunk(reader);
    expect(bytes.length).toBe(385_000);
    expect(bytes.subarray(0, 6000).toString()).toBe('1'.repeat(5000) + '2'.repeat(1000));
    expect(reader.receivedChunks).toBe(39);
    // By default, reading is as in memory.
    expect(() => stream.openReader({ start: { offset: 15_000 } })).toThrow(
      expect.objectContaining({ code: 'OFFSET_GONE' }),
    );
    const last = stream.openReader({ start: { lastBytes: 350_000 }, reachBack: true });
    expect(last.cursor).toBe(50_000);
    last.seek(0);
    expect((await byChunk(last)).bytes.length).toBe(400_000);
    await store.close();
  });

  it('gets a gap where something cannot be read, and continues after it', async () => {
    const disk = new SimulatedDisk();
    const store = await openStore(disk);
    const { stream, log } = attach(store);
    for (let n = 0; n < 5; n++) {
      await stream.write(Buffer.alloc(70_000, String(n)));
      await log.whenSaved();
    }
    stream.end();
    await log.whenSaved();
    const [, segment] = [...disk.files].find(([name]) => name.startsWith('data/'))!;
    segment.bytes[segment.bytes.indexOf('1111')]! ^= 1;
    const reader = stream.openReader({ reachBack: true });
    const records = [];
    for await (const record of reader) records.push(record);
    const gaps = records.filter(({ type }) => type === 'gap');
    // A block that was written separately.
    expect(gaps).toHaveLength(1);
    const [gap] = gaps as { from: number; to: number }[];
    expect([gap!.from, gap!.to]).toEqual([70_000, 135_536]);
    expect(reader.skippedBytes).toBe(65_536);
    expect(reader.receivedBytes).toBe(350_000 - 65_536);
    await store.close();
  });

  it.each(['drop-oldest', 'drop-newest', 'disconnect', 'block'] as const)(
    'that comes from disk to the live end in one run follows from there on, with %s',
    async (onLag) => {
      const store = await openStore(new SimulatedDisk());
      const { stream } = attach(store);
      for (let n = 0; n < 10; n++) await stream.write(Buffer.alloc(15_000, 'x'));
      await stream.whenSaved();
      expect(stream.startOffset).toBeGreaterThan(0);
      const reader = stream.openReader({ reachBack: true, onLag });
      for (let record = reader.borrowRun(1_000_000); record?.type !== 'caught-up'; ) {
        if (record?.type === 'run') reader.advance(record.length);
        else await new Promise<void>((resolve) => reader.whenReadable(resolve));
        record = reader.borrowRun(1_000_000);
      }
      for (let n = 0; n < 20; n++) {
        await stream.write(Buffer.alloc(20_000, 'y'));
        await stream.whenSaved();
        const record = reader.borrowRun(1_000_000);
        expect(record).toMatchObject({ type: 'run', offset: 150_000 + n * 20_000, length: 20_000 });
        reader.advance(20_000);
      }
      stream.end();
      await stream.whenSaved();
      expect(reader.borrowRun(1)?.type).toBe('end');
      await store.close();
    },
  );

  it('loses nothing to a slow pace unless it has asked for another policy', async () => {
    const store = await openStore(new SimulatedDisk());
    const { stream } = attach(store);
    await stream.write(Buffer.from('begin'));
    await stream.whenSaved();
    const slow = stream.openReader({ reachBack: true });
    const strict = stream.openReader({ reachBack: true, onLag: 'disconnect' });
    for (const reader of [slow, strict]) {
      expect((await reader.read()).type).toBe('data');
      expect((await reader.read()).type).toBe('caught-up');
    }
    for (let n = 0; n < 30; n++) await stream.write(Buffer.alloc(20_000, 'x'));
    stream.end();
    const { bytes, gaps } = await byChunk(slow);
    expect([bytes.length, gaps]).toEqual([600_000, 0]);
    await expect(strict.read()).rejects.toMatchObject({ code: 'READER_TOO_SLOW' });
    await store.close();
  });
});

describe('a stream that was written to in small pieces', () => {
  /** A stream with 3 bytes a round, with the rounds of another stream between them. */
  async function written(maxJournal: number) {
    const disk = new SimulatedDisk();
    const store = await openStore(disk, 400_000, maxJournal);
    const [one, other] = [attach(store, '/a'), attach(store, '/b')];
    const pieces = Array.from({ length: 2000 }, (_, n) => String(n % 1000).padStart(3, '0'));
    for (const [n, piece] of pieces.entries()) {
      one.stream.append(Buffer.from(piece));
      await one.log.whenSaved();
      if (n % 50 > 0) continue;
      other.stream.append(Buffer.alloc(500));
      await other.log.whenSaved();
    }
    return { disk, store, known: one.log.known, pieces };
  }

  async function read({ store, known }: Awaited<ReturnType<typeof written>>) {
    const found = [];
    for (let at = 0; at < known.reach.offset; at = found.at(-1)!.to.offset)
      found.push(await store.reader.at(known, at));
    return found;
  }

  it('is read back with a few reads, each chunk as it was', async () => {
    const log = await written(10_000_000);
    const { disk, known, pieces, store } = log;
    expect(known.tail).toHaveLength(2000);
    const before = disk.reads;
    const found = await read(log);
    expect(disk.reads - before).toBeLessThan(10);
    const chunks = found.flatMap((part) => (part.kind === 'chunks' ? part.lengths : []));
    expect(chunks).toEqual(pieces.map(() => 3));
    expect(Buffer.concat(found.map((part) => (part.kind === 'chunks' ? part.data : Buffer.alloc(0)))).toString()).toBe(
      pieces.join(''),
    );
    await store.close();
  });

  it('loses its damaged part, and nothing around it', async () => {
    const log = await written(10_000_000);
    const { disk, known, store } = log;
    const [, journal] = [...disk.files].find(([name]) => name.startsWith('journal/'))!;
    const { position } = known.tail[700]!;
    journal.bytes[position + 20]! ^= 1;
    const holes = (await read(log)).filter(({ kind }) => kind === 'hole');
    expect(holes.map(({ to }) => to.offset)).toEqual([2103]);
    journal.bytes = Buffer.from(journal.bytes.subarray(0, position));
    const cut = await read(log);
    expect(cut.find(({ kind }) => kind === 'hole')!.to.offset).toBe(2103);
    expect(Math.max(...cut.map((part) => (part.kind === 'chunks' ? part.to.offset : 0)))).toBe(2100);
    await store.close();
  });

  it('has a hole where a segment goes while it is read', async () => {
    const { disk, known, store } = await written(30_000);
    const [segment] = known.segments;
    expect(segment).toBeDefined();
    // No file stays open, so the file is looked for again with each read.
    const reader = new LogReader(new FilePool(disk, 0), await openLayout(disk));
    expect(await reader.at(known, 0)).toMatchObject({ kind: 'chunks' });
    await disk.remove(segmentPath(known.id, segment!.base));
    expect(await reader.at(known, 0)).toEqual({ kind: 'hole', to: expect.anything() });
    await store.close();
  });

  it('is complete after its bytes have moved from journals into segments', async () => {
    const log = await written(30_000);
    const { known, pieces, store } = log;
    expect(known.segments).not.toHaveLength(0);
    const data = (await read(log)).map((part) => (part.kind === 'chunks' ? part.data : Buffer.from('?')));
    expect(Buffer.concat(data).toString()).toBe(pieces.join(''));
    await store.close();
  });
});
