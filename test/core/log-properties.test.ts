/**
 * The law of a stream whose bytes are not all in its ring: one with a log, and one that skips bytes it never had. Under
 * random interleavings of appends, saves, losses, loads from the log and reads of every kind, each byte that is read is
 * the one written at its offset, and received and lost bytes add up to the appended ones.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LAG_POLICIES, MemoryBudget, type ReaderStart } from '../../src/core/index.ts';
import {
  type CursorReader,
  type History,
  type HistoryBlock,
  historySlab,
  RingStream,
  type StreamFormat,
  type StreamLog,
} from '../../src/core/internal.ts';
import { isStreamFSError } from '../../src/errors/index.ts';
import { turn } from './helpers.ts';

type Slab = Extract<HistoryBlock, { kind: 'slab' }>['slab'];
type Pin = ReturnType<CursorReader['pin']>;

/** As much as an example may append. Neighbours at the distance of a slab or of a short append differ. */
const CONTENT = new Uint8Array(16 * 1024 * 1024);
for (let n = 0; n < CONTENT.length; n++) CONTENT[n] = n * 31 + (n >>> 7) * 17 + (n >>> 18) * 5;

const MEMORY_LIMIT = 4 * 1024 * 1024;

/** What the stream of an example has besides its ring. */
type Kind = 'a log' | 'a log that readers do not wait for' | 'skipped bytes';

/** A log in memory that saves, loads and deletes only when told to. */
class ManualLog implements StreamLog, History {
  readonly durability = 'written';
  readonly hasRoom = true;
  floor: number;
  isGone = false;
  private reach: number;
  private readonly readsAhead: boolean;
  private readonly stream: RingStream;
  private readonly chunkEnds: number[];
  private readonly loaded = new Map<number, HistoryBlock>();
  private readonly dropped: { slab: Slab; memory: Uint8Array }[] = [];
  private readonly memory = new Map<HistoryBlock, Uint8Array>();
  private readonly holes: { from: number; to: number }[] = [];
  private waiting: { offset: number; done: () => void }[] = [];

  constructor(stream: RingStream, chunkEnds: number[], readsAhead: boolean) {
    this.stream = stream;
    this.chunkEnds = chunkEnds;
    this.readsAhead = readsAhead;
    this.floor = stream.ring.floor;
    this.reach = this.floor;
  }

  get history(): History {
    return this;
  }
  get readable(): number {
    return this.isGone || this.readsAhead ? this.stream.writtenEnd : this.reach;
  }
  get saved(): number {
    return this.isGone ? Number.POSITIVE_INFINITY : this.reach;
  }
  get isEndReadable(): boolean {
    return this.isGone || this.readsAhead || this.reach === this.stream.writtenEnd;
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
    const to = this.reach + Math.ceil((this.stream.writtenEnd - this.reach) * part);
    this.reach = this.chunkEnds.find((end) => end >= to) ?? this.reach;
    this.stream.logChanged();
  }

  /** Deletes the oldest saved bytes, whole chunks of them; those that are too old from memory as well. */
  expire(part: number, isByAge: boolean): void {
    const to = this.floor + Math.floor((this.reach - this.floor) * part);
    this.floor = this.chunkEnds.findLast((end) => end <= to && end > this.floor) ?? this.floor;
    if (isByAge) this.stream.forgetBelow(this.floor);
  }

  /** Saved bytes become unreadable, whole chunks of them. */
  damage(part: number): void {
    const at = this.floor + Math.floor((this.reach - this.floor) * part);
    const last = this.chunkEnds.findIndex((end) => end > at);
    const from = this.chunkEnds[last - 1] ?? this.floor;
    if (last >= 0 && from >= this.floor && this.chunkEnds[last]! <= this.reach) {
      this.holes.push({ from, to: this.chunkEnds[last]! });
    }
  }

  /** The stream is removed, and its log with it. */
  remove(): void {
    this.isGone = true;
    this.stream.end('removed');
    this.drop();
    this.stream.logChanged();
  }

  block(offset: number): HistoryBlock | undefined {
    for (const [from, block] of this.loaded) {
      if (offset >= from && offset < (block.kind === 'slab' ? block.slab.end : block.to)) return block;
    }
    return undefined;
  }
  holeEnd(offset: number): number | undefined {
    const block = this.block(offset);
    return block?.kind === 'hole' ? block.to : undefined;
  }
  isHeld(offset: number): boolean {
    return this.block(offset) !== undefined;
  }
  load(offset: number, done: () => void): void {
    this.waiting.push({ offset, done });
  }

  /** Completes the pending loads with blocks of up to `chunks` chunks, and drops the blocks loaded before. */
  loadNow(chunks: number): void {
    this.drop();
    const { waiting } = this;
    this.waiting = [];
    for (const { offset } of waiting) if (this.block(offset) === undefined) this.read(offset, chunks);
    for (const { done } of waiting) done();
  }

  private read(offset: number, chunks: number): void {
    const hole = this.holes.find(({ from, to }) => offset >= from && offset < to);
    if (this.isGone || offset < this.floor || hole !== undefined) {
      const to = this.isGone ? this.reach : (hole?.to ?? this.floor);
      this.loaded.set(offset, { kind: 'hole', to: Math.max(to, offset + 1) });
      return;
    }
    const first = this.chunkEnds.findIndex((end) => end > offset);
    const from = this.chunkEnds[first - 1] ?? this.stream.firstOffset;
    const limit = Math.min(this.reach, ...this.holes.map((next) => (next.from > offset ? next.from : this.reach)));
    const ends = this.chunkEnds.slice(first, first + chunks).filter((end) => end <= limit);
    const lengths = ends.map((end, n) => end - (ends[n - 1] ?? from));
    const memory = Buffer.from(CONTENT.subarray(from, ends.at(-1)!));
    const block: HistoryBlock = { kind: 'slab', slab: historySlab(from, first, lengths, memory) };
    this.memory.set(block, memory);
    this.loaded.set(from, block);
  }

  private drop(): void {
    for (const block of this.loaded.values()) {
      if (block.kind === 'slab') this.dropped.push({ slab: block.slab, memory: this.memory.get(block)! });
    }
    this.loaded.clear();
    this.memory.clear();
  }

  /** Overwrites the memory of blocks that nothing holds any more, as the next block would. */
  reuse(): void {
    for (const { memory, slab } of this.dropped.splice(0)) {
      if (slab.isUnused) memory.fill(0xee);
      else if (!slab.isRetained) this.dropped.push({ slab, memory });
    }
  }
}

/** A format in which about one chunk in four begins a unit. */
class Units implements StreamFormat {
  private readonly starts: number[] = [];

  take(_bytes: Uint8Array, offset: number): void {
    if ((offset * 7) % 4 === 0) this.starts.push(offset);
  }
  isStart(offset: number): boolean {
    return this.starts.includes(offset);
  }
  boundaryFrom(offset: number): number | undefined {
    return this.starts.find((start) => start >= offset);
  }
  join(wanted: number, start: number) {
    const before = this.starts.findLast((one) => one <= wanted && one >= start);
    const offset = before ?? this.boundaryFrom(wanted) ?? wanted;
    return { offset, header: undefined, waits: !this.isStart(offset) };
  }
  headerLost(): undefined {
    return undefined;
  }
  release(): void {}
}

type Start = 'offset' | 'earliest' | 'live' | 'bytes';

type Step =
  | { do: 'append' | 'skip'; size: number }
  | { do: 'save' | 'expire' | 'forget' | 'damage'; part: number }
  | { do: 'load'; chunks: number }
  | { do: 'memory'; left: number }
  | { do: 'open'; start: Start; at: number; policy: number; reachBack: boolean; aligned: boolean }
  | { do: 'read'; who: number; max: number; way: 'peek' | 'run' | 'chunk'; part: number; holds: boolean }
  | { do: 'release' | 'announce' | 'close'; who: number }
  | { do: 'seek'; who: number; at: number }
  | { do: 'gather'; from: number; to: number }
  | { do: 'turn' | 'remove' | 'end' };

const part = fc.double({ min: 0.01, max: 1, noNaN: true });
const who = fc.nat({ max: 7 });

function stepArbitrary(size: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  const one = <S extends Step>(weight: number, arbitrary: fc.Arbitrary<S>) => ({ weight, arbitrary });
  return fc.oneof<fc.WeightedArbitrary<Step>[]>(
    one(160, fc.record({ do: fc.constant('append' as const), size })),
    one(10, fc.record({ do: fc.constant('skip' as const), size })),
    one(100, fc.record({ do: fc.constant('save' as const), part })),
    one(20, fc.record({ do: fc.constantFrom('expire' as const, 'forget' as const, 'damage' as const), part })),
    one(80, fc.record({ do: fc.constant('load' as const), chunks: fc.integer({ min: 1, max: 5 }) })),
    one(10, fc.record({ do: fc.constant('memory' as const), left: fc.integer({ min: 1024, max: MEMORY_LIMIT }) })),
    one(
      40,
      fc.record({
        do: fc.constant('open' as const),
        start: fc.constantFrom<Start[]>('offset', 'offset', 'earliest', 'live', 'bytes'),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        policy: fc.nat({ max: LAG_POLICIES.length - 1 }),
        reachBack: fc.boolean(),
        aligned: fc.boolean(),
      }),
    ),
    one(
      220,
      fc.record({
        do: fc.constant('read' as const),
        who,
        max: fc.integer({ min: 1, max: 5000 }),
        way: fc.constantFrom('peek' as const, 'run' as const, 'chunk' as const),
        part,
        holds: fc.boolean(),
      }),
    ),
    one(60, fc.record({ do: fc.constant('release' as const), who })),
    one(20, fc.record({ do: fc.constant('announce' as const), who })),
    one(10, fc.record({ do: fc.constant('close' as const), who })),
    one(20, fc.record({ do: fc.constant('seek' as const), who, at: fc.double({ min: 0, max: 1.1, noNaN: true }) })),
    one(10, fc.record({ do: fc.constant('gather' as const), from: part, to: part })),
    one(60, fc.constant<Step>({ do: 'turn' })),
    one(1, fc.constantFrom<Step[]>({ do: 'remove' }, { do: 'end' })),
  );
}

/** Bytes that a reader has received and that have not been released. */
interface Held {
  offset: number;
  parts: readonly Uint8Array[];
  pin: Pin | undefined;
}

class CheckedReader {
  readonly reader: CursorReader;
  readonly isAligned: boolean;
  at: number;
  received = 0;
  skipped = 0;
  /** Where it was moved to, possibly beyond the end of the stream. */
  soughtTo = 0;
  isOver = false;
  held: Held | undefined;
  /** The length of the peeked bytes that were not taken yet. */
  peeked = 0;

  constructor(reader: CursorReader, isAligned: boolean) {
    this.reader = reader;
    this.isAligned = isAligned;
    this.at = reader.cursor;
  }

  take(length: number): void {
    this.reader.advance(length);
    this.at += length;
    this.received += length;
  }

  /** Checks that the held bytes have not changed, and releases them. */
  release(): void {
    if (this.held !== undefined) {
      requireContent(this.held.offset, this.held.parts);
      this.held.pin?.release();
      this.held = undefined;
    }
    if (this.peeked > 0) this.take(this.peeked);
    this.peeked = 0;
  }
}

function requireContent(offset: number, parts: readonly Uint8Array[]): number {
  let at = offset;
  for (const part of parts) {
    const isSame = Buffer.compare(part, CONTENT.subarray(at, at + part.length)) === 0;
    if (!isSame) expect.fail(`other bytes than those written from ${at} to ${at + part.length}`);
    at += part.length;
  }
  return at - offset;
}

class Checked {
  readonly stream: RingStream;
  readonly log: ManualLog | undefined;
  readonly readers: CheckedReader[] = [];
  private readonly chunkEnds: number[] = [];
  private readonly missing: { from: number; to: number }[] = [];
  private readonly gathered: Promise<void>[] = [];
  private readonly budget: MemoryBudget & { setQueued(bytes: number): void };
  private readonly format = new Units();
  private isGathered = false;

  constructor(kind: Kind, retention: number, maxLag: number) {
    this.budget = new MemoryBudget(MEMORY_LIMIT) as MemoryBudget & { setQueued(bytes: number): void };
    this.stream = new RingStream({ retention, maxLag, budget: this.budget });
    this.stream.format = this.format;
    if (kind === 'skipped bytes') return;
    this.log = new ManualLog(this.stream, this.chunkEnds, kind !== 'a log');
  }

  /** Readers may have opened the stream before. */
  attach(): void {
    if (this.log !== undefined) this.stream.attachLog(this.log);
  }

  async run(step: Step): Promise<void> {
    const { log, readers, stream } = this;
    switch (step.do) {
      case 'append':
        this.append(step.size);
        return;
      case 'skip':
        if (log !== undefined || stream.closedBy !== undefined || stream.writtenEnd + step.size > CONTENT.length)
          return;
        this.missing.push({ from: stream.writtenEnd, to: stream.writtenEnd + step.size });
        this.chunkEnds.push(stream.writtenEnd + step.size);
        stream.skipTo(stream.writtenEnd + step.size, 1);
        return;
      case 'save':
        log?.save(step.part);
        return;
      case 'expire':
      case 'forget':
        log?.expire(step.part, step.do === 'forget');
        return;
      case 'damage':
        log?.damage(step.part);
        return;
      case 'load':
        log?.loadNow(step.chunks);
        return;
      case 'memory':
        this.budget.setQueued(MEMORY_LIMIT - step.left);
        return;
      case 'open':
        this.open(step);
        return;
      case 'gather':
        if (!stream.isGone) {
          const gathered = this.gather(step.from, step.to);
          this.gathered.push(gathered);
          gathered.catch(() => undefined);
        }
        return;
      case 'turn':
        await turn();
        log?.reuse();
        return;
      case 'end':
        stream.end('ended');
        return;
      case 'remove':
        if (log === undefined) stream.end('removed');
        else log.remove();
        return;
    }
    if (readers.length === 0) return;
    const reader = readers[step.who % readers.length]!;
    switch (step.do) {
      case 'read':
        await this.read(reader, step);
        return;
      case 'release':
        reader.release();
        return;
      case 'announce':
        this.announce(reader);
        return;
      case 'seek':
        this.seek(reader, Math.floor(step.at * stream.endOffset));
        return;
      case 'close':
        reader.reader.close();
        reader.release();
        readers.splice(readers.indexOf(reader), 1);
    }
  }

  private append(size: number): void {
    const { stream } = this;
    const from = stream.writtenEnd;
    if (stream.closedBy !== undefined || from + size > CONTENT.length) return;
    for (let at = from; at < from + size; ) {
      at = Math.min(at + 65_536, from + size);
      this.chunkEnds.push(at);
    }
    stream.append(CONTENT.subarray(from, from + size));
  }

  open({ start, at, policy, reachBack, aligned }: Step & { do: 'open' }): void {
    const { stream } = this;
    const offset = Math.floor(at * stream.endOffset);
    const starts: Record<Start, ReaderStart> = {
      offset: { offset, onExpired: 'skip' },
      earliest: { from: 'earliest' },
      live: { from: 'live' },
      bytes: { lastBytes: offset },
    };
    const onLag = LAG_POLICIES[policy]!;
    const options = { start: starts[start], onLag, reachBack, join: aligned ? ('boundary' as const) : undefined };
    this.readers.push(new CheckedReader(stream.openReader(options), aligned));
  }

  /** Takes a part of what is readable. Returns whether anything was. */
  async read(
    one: CheckedReader,
    { max, way, part, holds }: Pick<Step & { do: 'read' }, 'max' | 'way' | 'part' | 'holds'>,
  ): Promise<boolean> {
    const { reader } = one;
    if (one.isOver) return false;
    one.release();
    const waited = reader.cancelWait();
    let record: ReturnType<CursorReader['peek']> | ReturnType<CursorReader['borrowRun']>;
    try {
      if (way === 'chunk') record = await reader.read({ timeout: 0 });
      else record = way === 'peek' ? reader.peek(max) : reader.borrowRun(max);
    } catch (error) {
      if (isStreamFSError(error, 'READER_TOO_SLOW')) {
        one.isOver = true;
        return false;
      }
      if (!isStreamFSError(error, 'READ_TIMEOUT')) throw error;
    }
    switch (record?.type) {
      case 'gap':
        expect(record.from).toBe(one.at);
        expect(record.to).toBeGreaterThan(one.at);
        one.skipped += record.to - record.from;
        one.at = record.to;
        return true;
      case 'data':
      case 'run': {
        const { offset } = record;
        const parts = record.type === 'run' ? record.parts : [record.data];
        const length = requireContent(offset, parts);
        expect(offset).toBe(one.at);
        expect(length).toBeGreaterThan(0);
        expect(this.missing.some(({ from, to }) => offset < to && offset + length > from)).toBe(false);
        if (record.type === 'run') {
          expect(record.length).toBe(length);
          if (holds) one.held = { offset, parts, pin: reader.pin(record) };
          one.take(Math.max(1, Math.floor(length * part)));
        } else if (way === 'chunk') {
          one.at += length;
          one.received += length;
        } else {
          if (holds) one.held = { offset, parts, pin: undefined };
          one.peeked = Math.max(1, Math.floor(length * part));
          if (!holds) one.release();
        }
        return true;
      }
      case 'end':
        expect(record.offset).toBe(one.at);
        one.isOver = true;
        return true;
      case 'caught-up':
        expect(record.offset).toBe(one.at);
        return true;
      default:
        if (waited) return false;
        reader.whenReadable(() => undefined);
        return false;
    }
  }

  /** All readable bytes are part of a unit that an encoding holds back until it is complete. */
  private announce(one: CheckedReader): void {
    const { reader } = one;
    if (one.isOver || one.reader.isClosed) return;
    one.release();
    let run: ReturnType<CursorReader['borrowRun']>;
    try {
      run = reader.borrowRun(Number.POSITIVE_INFINITY, false);
    } catch (error) {
      if (!isStreamFSError(error, 'READER_TOO_SLOW')) throw error;
      one.isOver = true;
      return;
    }
    if (run?.type === 'run') {
      requireContent(run.offset, run.parts);
      reader.announceCaughtUp(run.offset + run.length);
    } else if (run?.type === 'gap') {
      one.skipped += run.to - run.from;
      one.at = run.to;
    } else if (run?.type === 'end') one.isOver = true;
  }

  private seek(one: CheckedReader, offset: number): void {
    if (one.isOver || one.reader.isClosed) return;
    one.release();
    try {
      one.reader.seek(offset);
      one.at = offset;
      one.soughtTo = offset;
    } catch (error) {
      if (!isStreamFSError(error, 'OFFSET_GONE') && !isStreamFSError(error, 'OFFSET_BEYOND_END')) throw error;
    }
  }

  /** Reads a range including the history, while everything else goes on. */
  private async gather(first: number, second: number): Promise<void> {
    const { stream } = this;
    const whole = stream.withHistory;
    const low = whole.startOffset;
    const places = [first, second].map((part) => low + Math.floor((stream.endOffset - low) * part));
    const [from, to] = [Math.min(...places), Math.max(...places)];
    try {
      let at = from;
      for await (const piece of whole.pieces(from, to)) at += requireContent(at, [piece]);
      expect(at).toBe(to);
    } catch (error) {
      if (!isStreamFSError(error, 'OFFSET_GONE')) throw error;
    }
  }

  /** Invariants at every moment. */
  check(): void {
    const { stream } = this;
    const { endOffset, startOffset, writtenEnd } = stream;
    if (!(startOffset <= endOffset && endOffset <= writtenEnd)) {
      expect.fail(`start ${startOffset}, end ${endOffset}, written ${writtenEnd}`);
    }
    const { offset, parts } = stream.retainSnapshot({ lastBytes: 5000 });
    expect(offset + requireContent(offset, parts)).toBe(endOffset);
  }

  /** Ends the stream, and lets all readers reach its end. */
  async finish(): Promise<void> {
    const { log, readers, stream } = this;
    stream.end('ended');
    log?.save(1);
    for (const one of readers) {
      // Each load makes a reader advance by a chunk at least.
      for (let loads = 0; !one.isOver; loads++) {
        while (await this.read(one, { max: 100_000, way: 'run', part: 1, holds: false }));
        expect(loads, 'loads').toBeLessThanOrEqual(2 * this.chunkEnds.length + 2);
        log?.loadNow(5);
        if (loads % 4 === 0) {
          await turn();
          log?.reuse();
        }
      }
      one.release();
      const { policy } = one.reader;
      if (policy === 'drop-oldest' || policy === 'drop-newest')
        expect(one.at).toBe(Math.max(stream.writtenEnd, one.soughtTo));
      expect(one.reader).toMatchObject({ receivedBytes: one.received, skippedBytes: one.skipped });
    }
    void Promise.allSettled(this.gathered).then(() => {
      this.isGathered = true;
    });
    while (!this.isGathered) {
      await turn();
      log?.reuse();
      log?.loadNow(5);
    }
    await Promise.all(this.gathered);
    this.budget.setQueued(0);
  }
}

interface Sizes {
  limit: fc.Arbitrary<number>;
  append: fc.Arbitrary<number>;
  maxLength: number;
}

const SMALL: Sizes = {
  limit: fc.integer({ min: 1, max: 5000 }),
  append: fc.integer({ min: 1, max: 2000 }),
  maxLength: 100,
};

/** Slabs of all sizes, whose memory is reused from 256 KiB. */
const LARGE: Sizes = {
  limit: fc.oneof(fc.integer({ min: 1024, max: 200_000 }), fc.integer({ min: 1_000_000, max: 2_000_000 })),
  append: fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 600_000 })),
  maxLength: 70,
};

type Example = [retention: number, maxLag: number, opened: (Step & { do: 'open' })[], steps: Step[]];

/**
 * A rare one: a reader announces that it has caught up while it holds blocks of the history, because its encoding holds
 * bytes back. From then on its lag is limited, and it loses bytes after these blocks.
 */
const CAUGHT_UP_IN_HISTORY: Example = [
  1,
  1,
  [
    {
      do: 'open',
      start: 'offset',
      at: 0,
      policy: LAG_POLICIES.indexOf('drop-newest'),
      reachBack: true,
      aligned: false,
    },
  ],
  [
    { do: 'append', size: 1 },
    { do: 'append', size: 1 },
    { do: 'append', size: 1 },
    { do: 'seek', who: 0, at: 0 },
    { do: 'append', size: 837 },
    { do: 'save', part: 0.01 },
    { do: 'append', size: 186 },
    { do: 'read', who: 0, max: 1, way: 'peek', part: 1, holds: false },
    { do: 'load', chunks: 2 },
    { do: 'announce', who: 0 },
    { do: 'read', who: 0, max: 1, way: 'peek', part: 1, holds: false },
    { do: 'append', size: 2 },
  ],
];

async function holds(kind: Kind, { limit, append, maxLength }: Sizes, numRuns: number): Promise<void> {
  const step = stepArbitrary(append);
  const opened = step.filter((one): one is Step & { do: 'open' } => one.do === 'open');
  const steps = fc.array(step, { maxLength, size: 'max' });
  await fc.assert(
    fc.asyncProperty(
      limit,
      limit,
      fc.array(opened, { maxLength: 2 }),
      steps,
      async (retention, maxLag, first, rest) => {
        const checked = new Checked(kind, retention, maxLag);
        for (const one of first) checked.open(one);
        checked.attach();
        for (const one of rest) {
          await checked.run(one);
          checked.check();
        }
        await checked.finish();
      },
    ),
    { numRuns, examples: [CAUGHT_UP_IN_HISTORY] },
  );
}

const KINDS: readonly Kind[] = ['a log', 'a log that readers do not wait for', 'skipped bytes'];

describe.each(KINDS)(
  'contract 8, 20, 106, 107: with %s, readers receive the written bytes, and lost ones are reported',
  (kind) => {
    it('small limits', () => holds(kind, SMALL, 300));

    it('slabs of all sizes', () => holds(kind, LARGE, 100));
  },
);
