/**
 * The law of a stream with a log, under random interleavings of appends, saves, loads from the log, gaps in it, and
 * reads: every byte that a reader receives is the one written at its offset, and received and lost bytes add up to the
 * appended ones. The same holds for a mirror, a stream without history that follows a log with gaps.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LAG_POLICIES } from '../../src/core/index.ts';
import {
  type CursorReader,
  type History,
  type HistoryBlock,
  historySlab,
  RingStream,
  type StreamLog,
} from '../../src/core/internal.ts';
import { isStreamFSError } from '../../src/errors/index.ts';

/** The byte at an offset. Neighbours at the distance of a slab or of a short append differ. */
const byteAt = (offset: number) => (offset * 31 + (offset >>> 7) * 17) & 255;

const contentOf = (from: number, to: number) => Uint8Array.from({ length: to - from }, (_, n) => byteAt(from + n));

/** A log in memory that saves, loads and deletes only when told to. */
class ManualLog implements StreamLog, History {
  readonly durability = 'written';
  readonly hasRoom = true;
  floor = 0;
  saved = 0;
  readonly chunkEnds: number[] = [];
  private readonly stream: RingStream;
  private readonly loaded = new Map<number, HistoryBlock>();
  private waiting: { offset: number; done: () => void }[] = [];

  constructor(stream: RingStream) {
    this.stream = stream;
  }

  get history(): History {
    return this;
  }
  get readable(): number {
    return this.saved;
  }
  get isEndReadable(): boolean {
    return this.saved === this.stream.writtenEnd;
  }
  acceptsNow(): boolean {
    return true;
  }
  requireWritable(): void {}
  requireRoom(): void {}
  changed(): void {}
  whenRoom(wake: () => void): void {
    wake();
  }
  whenSaved(): undefined {
    return undefined;
  }

  /** Saves a part of the bytes that are not saved yet, up to the end of a chunk. */
  save(part: number): void {
    const to = this.saved + Math.ceil((this.stream.writtenEnd - this.saved) * part);
    this.saved = this.chunkEnds.find((end) => end >= to) ?? this.saved;
    this.stream.logChanged();
  }

  /** Deletes the oldest saved bytes, whole chunks of them. */
  expire(part: number): void {
    const to = this.floor + Math.floor((this.saved - this.floor) * part);
    this.floor = this.chunkEnds.findLast((end) => end <= to && end > this.floor) ?? this.floor;
  }

  /** All bytes up to an offset are gone, written ones too. They count as one chunk. */
  skipTo(offset: number): void {
    this.chunkEnds.push(offset);
    this.floor = offset;
    this.saved = offset;
  }

  block(offset: number): HistoryBlock | undefined {
    for (const block of this.loaded.values()) {
      if (block.kind === 'slab' && offset >= block.slab.base && offset < block.slab.end) return block;
    }
    return undefined;
  }
  holeEnd(): undefined {
    return undefined;
  }
  isHeld(offset: number): boolean {
    return this.block(offset) !== undefined;
  }
  load(offset: number, done: () => void): void {
    this.waiting.push({ offset, done });
  }

  /** Completes the pending loads with blocks of up to `chunks` chunks, and drops the blocks loaded before. */
  loadNow(chunks: number): void {
    this.loaded.clear();
    for (const { done, offset } of this.waiting.splice(0)) {
      const first = this.chunkEnds.findIndex((end) => end > offset);
      const ends = this.chunkEnds.slice(first, first + chunks).filter((end) => end <= this.saved);
      if (offset >= this.floor && ends.length > 0) {
        const from = this.chunkEnds[first - 1] ?? 0;
        const lengths = ends.map((end, n) => end - (ends[n - 1] ?? from));
        const slab = historySlab(from, first, lengths, contentOf(from, ends.at(-1)!));
        this.loaded.set(from, { kind: 'slab', slab });
      }
      done();
    }
  }
}

type Step =
  | { do: 'append'; size: number }
  | { do: 'save' | 'expire'; part: number }
  | { do: 'load'; chunks: number }
  | { do: 'skip'; size: number }
  | { do: 'open'; at: number; policy: number; reachBack: boolean }
  | { do: 'read'; who: number; max: number; way: 'peek' | 'run'; part: number };

const part = fc.double({ min: 0.01, max: 1, noNaN: true });

function stepArbitrary(append: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('append' as const), size: append }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('save' as const), part }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), part }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('skip' as const), size: append }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('load' as const), chunks: fc.integer({ min: 1, max: 5 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('open' as const),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        policy: fc.nat({ max: LAG_POLICIES.length - 1 }),
        reachBack: fc.boolean(),
      }),
    },
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        who: fc.nat({ max: 7 }),
        max: fc.integer({ min: 1, max: 5000 }),
        way: fc.constantFrom('peek' as const, 'run' as const),
        part,
      }),
    },
  );
}

interface ReadSoFar {
  reader: CursorReader;
  start: number;
  received: number;
  skipped: number;
  isOver: boolean;
}

class Checked {
  readonly stream: RingStream;
  readonly log: ManualLog;
  readonly reads: ReadSoFar[] = [];
  /** The bytes that were never in the stream. */
  private readonly holes: { from: number; to: number }[] = [];

  constructor(retention: number, maxLag: number, isMirror: boolean) {
    this.stream = new RingStream({ retention, maxLag });
    this.log = new ManualLog(this.stream);
    if (!isMirror) this.stream.attachLog(this.log);
  }

  run(step: Step): void {
    const { log, reads, stream } = this;
    switch (step.do) {
      case 'append': {
        const from = stream.writtenEnd;
        for (let at = from; at < from + step.size; ) {
          at = Math.min(at + 65_536, from + step.size);
          log.chunkEnds.push(at);
        }
        stream.append(contentOf(from, from + step.size));
        return;
      }
      case 'skip': {
        const from = stream.writtenEnd;
        const to = from + step.size;
        this.holes.push({ from, to });
        log.skipTo(to);
        stream.skipTo(to, 1);
        return;
      }
      case 'save':
        log.save(step.part);
        return;
      case 'expire':
        log.expire(step.part);
        return;
      case 'load':
        log.loadNow(step.chunks);
        return;
      case 'open': {
        const start = { offset: Math.floor(step.at * stream.endOffset), onExpired: 'skip' as const };
        const onLag = LAG_POLICIES[step.policy]!;
        const reader = stream.openReader({ start, onLag, reachBack: step.reachBack });
        reads.push({ reader, start: reader.cursor, received: 0, skipped: 0, isOver: false });
        return;
      }
      case 'read':
        if (reads.length > 0) this.read(reads[step.who % reads.length]!, step.max, step.way, step.part);
    }
  }

  /** Takes a part of what is readable. Returns whether anything was. */
  read(read: ReadSoFar, max: number, way: 'peek' | 'run', part: number): boolean {
    const { reader } = read;
    if (read.isOver) return false;
    let record: ReturnType<CursorReader['peek']> | ReturnType<CursorReader['borrowRun']>;
    try {
      record = way === 'peek' ? reader.peek(max) : reader.borrowRun(max);
    } catch (error) {
      if (!isStreamFSError(error, 'READER_TOO_SLOW')) throw error;
      read.isOver = true;
      return false;
    }
    const at = read.start + read.received + read.skipped;
    switch (record?.type) {
      case 'gap':
        expect(record.from).toBe(at);
        expect(record.to).toBeGreaterThan(at);
        read.skipped += record.to - record.from;
        return true;
      case 'data':
      case 'run': {
        const bytes = record.type === 'run' ? Buffer.concat(record.parts) : Buffer.from(record.data);
        expect(record.offset).toBe(at);
        if (record.type === 'run') expect(bytes.length).toBe(record.length);
        expect(bytes.length).toBeGreaterThan(0);
        expect(this.holes.filter(({ from, to }) => at < to && at + bytes.length > from)).toEqual([]);
        expect(bytes.equals(contentOf(at, at + bytes.length)), `the bytes from ${at} on`).toBe(true);
        const length = Math.max(1, Math.floor(bytes.length * part));
        reader.advance(length);
        read.received += length;
        return true;
      }
      case 'end':
        expect(record.offset).toBe(at);
        read.isOver = true;
        return true;
      case 'caught-up':
        return true;
      default:
        if (reader.cancelWait()) return false;
        reader.whenReadable(() => undefined);
        return false;
    }
  }

  /** Ends the stream, and lets all readers reach its end. */
  finish(): void {
    const { log, reads, stream } = this;
    stream.end('ended');
    log.save(1);
    for (const read of reads) {
      // Each load makes a reader advance by a chunk at least.
      for (let loads = 0; !read.isOver; loads++) {
        while (this.read(read, 5000, 'run', 1));
        expect(loads, 'loads').toBeLessThanOrEqual(2 * log.chunkEnds.length + 2);
        log.loadNow(5);
      }
      if (read.reader.policy === 'drop-oldest' || read.reader.policy === 'drop-newest') {
        expect(read.start + read.received + read.skipped).toBe(stream.writtenEnd);
      }
      expect(read.reader).toMatchObject({ receivedBytes: read.received });
    }
  }
}

type Sizes = [limit: fc.Arbitrary<number>, append: fc.Arbitrary<number>, steps: number, numRuns: number];

const SIZES: Record<string, Sizes> = {
  'small limits': [fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2000 }), 80, 400],
  'slabs of all sizes': [fc.integer({ min: 1024, max: 200_000 }), fc.integer({ min: 1, max: 100_000 }), 50, 100],
};

async function holds(isMirror: boolean, [limit, append, maxLength, numRuns]: Sizes): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      limit,
      limit,
      fc.array(stepArbitrary(append), { maxLength, size: 'max' }),
      async (retention, maxLag, steps) => {
        const checked = new Checked(retention, maxLag, isMirror);
        for (const step of steps) checked.run(step);
        checked.finish();
      },
    ),
    { numRuns },
  );
}

for (const [name, sizes] of Object.entries(SIZES)) {
  it(`contract 8, 20, 107: whatever the log has saved, readers receive the written bytes, and lost ones are reported: ${name}`, () =>
    holds(false, sizes));

  it(`contract 8, 20, 106: whatever a mirror has missed, readers receive the written bytes, and lost ones are reported: ${name}`, () =>
    holds(true, sizes));
}
