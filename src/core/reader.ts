/**
 * A reader: a cursor on a stream, and what it does when it has fallen behind. There is no queue: a reader that stands
 * still costs nothing but its cursor. Two ways to read:
 *  - `read` and iteration, for programs: records with promises, chunks as they were written;
 *  - `peek`, `borrowRun`, `advance`, `whenReadable`, to send bytes on: runs that are shared with all at the same place.
 */
import { createError, type StreamFSError } from '../errors/index.ts';
import type { Join, StreamFormat } from './format.ts';
import { type History, HistoryWindow } from './history.ts';
import type { DropNewestQueue, LaggingReader, LagStrategy, QueueAccount } from './lag/index.ts';
import type { Reader, Stream } from './public.ts';
import type { Ring } from './ring.ts';
import { chunkAt, makeRun, Pin } from './run.ts';
import type { Slab } from './slab.ts';
import type { StreamRules } from './stream-rules.ts';
import type {
  BorrowedRun,
  CaughtUpRecord,
  EndRecord,
  GapRecord,
  LagPolicy,
  ReadOptions,
  ReadRecord,
  RunEvent,
} from './types.ts';
import { assertOffset } from './validate.ts';
import { waitToTake } from './wait.ts';

/** Chunks that ended before the cursor are not known: it stands where the ring has nothing. */
const UNKNOWN = -1;

/** A stream, as its readers see it. */
export interface ReaderStream extends Stream {
  readonly rules: StreamRules;
  readonly ring: Ring;
  readonly memory: QueueAccount | undefined;
  /** The offset of the next byte to be written: beyond the end while what is between is not saved yet. */
  readonly writtenEnd: number;
  /** The error for an offset that is not retained any more. */
  offsetGone(offset: number, earliest?: number): StreamFSError;
  /** @throws OFFSET_BEYOND_END for an offset that will never be reached */
  requireReachable(offset: number): void;
}

/** The set that a reader belongs to, as the reader sees it. */
export interface ReaderOwner {
  /** Wakes the reader once, when there is something to read. */
  addWaiting(reader: CursorReader): void;
  removeWaiting(reader: CursorReader): void;
  /** It has moved on: writers that wait for it may go on. */
  roomMade(): void;
  gapFound(reader: CursorReader, gap: GapRecord): void;
  /** It was cut off. */
  readerFailed(reader: CursorReader, error: StreamFSError): void;
  readerClosed(reader: CursorReader): void;
  /** Bytes were taken after it was closed. */
  deliveredLate(bytes: number): void;
}

/** What sends on what a reader reads. */
export interface ReaderWatcher {
  readerFailed(error: StreamFSError): void;
}

export class CursorReader implements Reader, LaggingReader {
  readonly stream: ReaderStream;
  /** No other reader of this process has it. They count up, so that a later reader has a larger one. */
  readonly id: number;
  lagStrategy: LagStrategy;
  /** It asked for that policy; else it follows the stream's. */
  readonly hasOwnPolicy: boolean;
  /** When it was opened, in milliseconds since 1970. */
  readonly openedAt: number;
  /** Where it started: the offset of the first byte it could get. */
  readonly startCursor: number;
  /** Bytes delivered, and chunks of which the last byte was. */
  receivedBytes = 0;
  receivedChunks = 0;
  /** Bytes and chunks lost so far (contract 8). */
  skippedBytes = 0;
  skippedChunks = 0;
  /** Has caught up once since it was opened or last moved: from then on `maxLag` applies. For others to look at. */
  hasCaughtUp: boolean;
  /** Told once when the reader is cut off. */
  watcher: ReaderWatcher | undefined;
  /** For its set: where it stands in the list of those that wait. */
  place = -1;
  /** What its lag strategy has made for it. */
  queue: DropNewestQueue | undefined;

  private readonly owner: ReaderOwner;
  private position: number;
  private chunksBefore: number;
  private announced = false;
  private closed = false;
  private failure: StreamFSError | undefined;
  private waiter: (() => void) | undefined;
  /** A `read` is under way: it waits, or has been woken and not gone on yet. */
  private reading = false;
  /** Where the bytes lie that were peeked and not yet taken: the ring may give that slab back before they are. */
  private peeked: Slab | undefined;
  /** What its stream has on disk, where it reaches back that far. */
  private history: History | undefined;
  /** It reads what its stream has on disk, also where that comes after it. */
  readonly reachesBack: boolean;
  /** What it holds of that. */
  private window: HistoryWindow | undefined;
  /** A gap known from the beginning: the offset asked for had gone. */
  private firstGap: GapRecord | undefined;
  /** The bytes of that gap had been evicted before the reader asked for them: not counted as its loss. */
  private isTrimmed = false;
  /** Where it may begin, for one that begins at boundaries; and that it has to find one before it goes on. */
  private format: StreamFormat | undefined;
  private wantsBoundary = false;
  /** What must be sent before its first byte. */
  header: Uint8Array | undefined;

  /**
   * Use `stream.openReader`.
   *
   * @param hasOwnPolicy it asked for that policy; else it follows the stream's
   */
  constructor(
    stream: ReaderStream,
    owner: ReaderOwner,
    id: number,
    lagStrategy: LagStrategy,
    hasOwnPolicy: boolean,
    cursor: number,
    reachesBack = false,
    history?: History,
  ) {
    this.stream = stream;
    this.reachesBack = reachesBack;
    this.history = history;
    this.owner = owner;
    this.id = id;
    this.lagStrategy = lagStrategy;
    this.hasOwnPolicy = hasOwnPolicy;
    this.openedAt = stream.rules.now();
    this.startCursor = cursor;
    this.position = cursor;
    const { oldest } = this;
    if (cursor < oldest) {
      this.firstGap = { type: 'gap', from: cursor, to: oldest, chunks: 0 };
      this.position = oldest;
    }
    this.hasCaughtUp = this.position >= stream.endOffset;
    this.queue = lagStrategy.createQueue(this.position, stream.memory);
    this.chunksBefore = this.chunksAt(this.position);
  }

  /** Its stream is kept on disk from now on: a reader that came before is served from there like others. */
  historyCame(history: History): void {
    if (this.reachesBack) this.history = history;
  }

  /** Has it begin with a gap from `from` on, which does not count as skipped. Before anything is read. */
  reportTrimmed(from: number): void {
    this.firstGap = { type: 'gap', from, to: this.position, chunks: 0 };
    this.isTrimmed = true;
  }

  /** Begins, and goes on after gaps, where its stream's format can be understood. Before anything is read. */
  align(format: StreamFormat, join: Join | undefined): void {
    this.format = format;
    this.header = join?.header;
    this.wantsBoundary = join?.waits ?? this.firstGap !== undefined;
  }

  /** The header of a format that has begun in a gap. */
  headerLostIn({ from, to }: GapRecord): Uint8Array | undefined {
    return this.format?.headerLost(from, to);
  }

  /** The offset of the next byte to be read. */
  get cursor(): number {
    return this.firstGap?.from ?? this.position;
  }

  /** The offset of the next byte to be delivered: the cursor, or what comes after a gap known from the beginning. */
  get nextOffset(): number {
    return this.position;
  }

  get policy(): LagPolicy {
    return this.lagStrategy.name;
  }

  /** Bytes between the cursor and the end of the stream, with what is not saved yet: they are kept for it. */
  get lag(): number {
    return Math.max(0, this.stream.writtenEnd - this.position);
  }

  /** How far it may fall behind, in bytes: `maxLag` once it has caught up; until then, by all that is kept. */
  get allowedLag(): number {
    if (this.readsHistory) return Number.POSITIVE_INFINITY;
    return this.hasCaughtUp ? this.stream.rules.maxLag : this.stream.rules.joinerLag;
  }

  /** Memory that is kept for this reader alone, in bytes: what it has queued with `drop-newest`, else none. */
  get heldMemory(): number {
    return this.queue?.byteLength ?? 0;
  }

  /** The oldest offset it may stand at. */
  private get oldest(): number {
    const { history, stream } = this;
    return history === undefined ? stream.startOffset : Math.min(stream.startOffset, history.floor);
  }

  /** What is in the ring no more it reads from disk, rather than losing it. */
  private get readsHistory(): boolean {
    return this.history !== undefined && (!this.hasCaughtUp || this.lagStrategy.name === 'drop-oldest');
  }

  get isClosed(): boolean {
    return this.closed;
  }

  // ── for programs ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The next record: a chunk as it was written, a gap, the news of having caught up, or the end; waits for one.
   *
   * @throws READ_TIMEOUT when nothing came in time (contract 21), READER_TOO_SLOW when it was cut off, READER_CLOSED,
   * READER_BUSY for a second read at the same time, or the signal's reason
   */
  async read(options: ReadOptions = {}): Promise<ReadRecord> {
    if (this.reading || this.waiter !== undefined) throw createError('READER_BUSY');
    options.signal?.throwIfAborted();
    const record = this.takeChunk();
    if (record !== undefined) return record;
    const news = { begin: (wake: () => void) => this.whenReadable(wake), end: () => this.cancelWait() };
    this.reading = true;
    try {
      return await waitToTake(news, () => this.takeChunk(), options);
    } finally {
      this.reading = false;
    }
  }

  /** All records to the end, which is the last. Leaving the loop closes the reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ReadRecord, void, undefined> {
    try {
      for (;;) {
        const record = await this.read();
        yield record;
        if (record.type === 'end') return;
      }
    } finally {
      this.close();
    }
  }

  private takeChunk(): ReadRecord | undefined {
    const gap = this.applyLagPolicy();
    if (gap !== undefined) return gap;
    const from = this.position;
    const readable = this.readableEnd();
    if (from >= readable) return this.atEnd();
    const data = chunkAt(from, readable, (offset) => this.locate(offset));
    this.advance(data.length);
    return { type: 'data', offset: from, data };
  }

  /** Frees the reader. A waiting read ends with READER_CLOSED. Twice is harmless (contract 23). */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.peeked = undefined;
    this.window?.release();
    this.window = undefined;
    this.queue?.release();
    this.queue = undefined;
    this.owner.readerClosed(this);
    this.wake();
  }

  // ── for transfers that send bytes on ───────────────────────────────────────────────────────────────────────────

  /**
   * What is next, without taking it: as many bytes as lie together, at most `max`; or a gap, the news of having caught
   * up, the end; or undefined when there is nothing yet. Bytes are taken by {@link advance}, everything else at once.
   *
   * @throws READER_TOO_SLOW, READER_CLOSED
   */
  peek(max = Number.POSITIVE_INFINITY): ReadRecord | undefined {
    const gap = this.applyLagPolicy();
    if (gap !== undefined) return gap;
    const readable = this.readableEnd();
    if (this.position >= readable) return this.atEnd();
    const slab = this.locate(this.position);
    this.peeked = slab;
    const to = Math.min(slab.end, readable, this.position + max);
    return { type: 'data', offset: this.position, data: slab.retain(this.position, to) };
  }

  /**
   * Like {@link peek}, but bytes wherever they lie, so that they can be sent on in one go. They are borrowed: good until
   * something is appended, or until they are released where they have been {@link pin pinned}.
   *
   * @param aligned a run shorter than what there is ends where a slab does, where that is possible
   */
  borrowRun(max: number, aligned = true): RunEvent | undefined {
    const gap = this.applyLagPolicy();
    if (gap !== undefined) return gap;
    const from = this.position;
    const readable = this.readableEnd();
    if (from >= readable) return this.atEnd();
    let to = Math.min(readable, from + max);
    // In this order: the queue releases everything before the offset that it is asked for.
    if (this.queue !== undefined || this.window !== undefined) {
      return makeRun(from, to, (offset) => this.locate(offset));
    }
    if (to < readable && aligned) {
      // Better where a slab begins: there the number of chunks before the cursor is known.
      const { base } = this.locate(to);
      if (base > from) to = base;
    }
    return this.stream.ring.run(from, to);
  }

  /** Whether no byte will follow the one before `offset` but behind a gap: the stream has ended there, or a loss follows. */
  isLastBefore(offset: number): boolean {
    const { endOffset, endReason } = this.stream;
    if (this.window !== undefined && offset < endOffset) return this.window.endsInHole && offset >= this.window.to;
    return offset >= this.readableEnd() && (endReason !== undefined || offset < endOffset);
  }

  /** Whether the ring no longer has the byte at `offset`: then only a pin keeps borrowed memory of it alive. */
  isEvicted(offset: number): boolean {
    return offset < this.stream.ring.floor && this.history?.isHeld(offset) !== true;
  }

  /** Keeps the bytes of a run as they are until they are released. Before they are taken, and before anything is appended. */
  pin({ offset, length }: BorrowedRun): Pin {
    return new Pin(offset, offset + length, (at) => this.locate(at));
  }

  /**
   * Takes the first `length` bytes of what was peeked. Bytes may have been appended, and the reader closed, since:
   * what was peeked counts as delivered all the same.
   */
  advance(length: number): void {
    const { stream, peeked, chunksBefore, position: from } = this;
    this.peeked = undefined;
    this.position += length;
    this.receivedBytes += length;
    if (this.closed) this.owner.deliveredLate(length);
    if (this.closed) return;
    if (this.position === stream.endOffset) this.hasCaughtUp = true;
    if (this.position === stream.writtenEnd) {
      this.chunksBefore = stream.ring.chunkCount;
    } else {
      // A chunk read, or a run, may end in a later slab than it began in; or in none, where memory has run short since.
      const known = peeked !== undefined && this.position <= peeked.end;
      const inWindow = this.window?.locate(this.position - 1);
      const slab = known ? peeked : (inWindow ?? (stream.ring.isEmpty ? undefined : this.locate(this.position - 1)));
      if (slab === undefined || this.position < slab.base) this.chunksBefore = UNKNOWN;
      // From the start of the slab, counting after each chunk would cost the length of the slab each time.
      else if (chunksBefore !== UNKNOWN) this.chunksBefore = slab.chunksBefore(this.position, from, chunksBefore);
      else this.chunksBefore = slab.chunksBefore(this.position);
    }
    if (chunksBefore !== UNKNOWN) this.receivedChunks += Math.max(0, this.chunksBefore - chunksBefore);
    this.window?.leave(this.position);
    if (this.lagStrategy.blocksWriters) this.owner.roomMade();
  }

  /**
   * For encodings that hold back bytes before `end` until more arrives, such as an unfinished line: where no bytes follow
   * them, the reader has caught up.
   *
   * @returns what {@link borrowRun} would give of that at the end of the stream; undefined where it has been given
   */
  announceCaughtUp(end: number): CaughtUpRecord | undefined {
    if (this.announced || end < this.stream.endOffset) return undefined;
    this.announced = true;
    this.hasCaughtUp = true;
    return { type: 'caught-up', offset: this.position };
  }

  /**
   * Calls `wake` once, at the end of a turn in which something was appended, or the stream or the reader ended. Call it in
   * the turn in which {@link peek} gave nothing: an append of an earlier turn does not wake.
   */
  whenReadable(wake: () => void): void {
    if (this.waiter !== undefined) throw createError('READER_BUSY');
    this.waiter = wake;
    if (this.closed || this.failure !== undefined) this.wake();
    else if (this.history !== undefined && this.isInHistory) this.loadMore(this.history);
    else this.owner.addWaiting(this);
  }

  /** Between it and the ring there are bytes that only its log has. */
  private get isInHistory(): boolean {
    const { position, stream, window } = this;
    return this.readsHistory && (window?.to ?? position) < Math.min(stream.ring.floor, stream.endOffset);
  }

  /** Wakes it when more of its history is loaded, also where the caller needs more than is loaded. */
  private loadMore(history: History): void {
    this.window ??= new HistoryWindow(this.position);
    const { window } = this;
    history.load(window.to, () => {
      if (this.window === window) window.extend(history);
      this.wake();
    });
  }

  /** Takes {@link whenReadable} back; false where nothing was waited for. */
  cancelWait(): boolean {
    if (this.waiter === undefined) return false;
    this.waiter = undefined;
    this.owner.removeWaiting(this);
    return true;
  }

  /**
   * Moves the cursor to an absolute offset; one beyond the end waits until the stream gets there (contract 56).
   *
   * @throws OFFSET_GONE, INVALID_PARAMETER for what is no offset
   */
  seek(offset: number): void {
    assertOffset('offset', offset);
    if (offset < this.oldest) throw this.stream.offsetGone(offset, this.oldest);
    this.stream.requireReachable(offset);
    this.window?.release();
    this.window = undefined;
    this.firstGap = undefined;
    this.peeked = undefined;
    this.position = offset;
    this.hasCaughtUp = offset >= this.stream.endOffset;
    this.announced = false;
    this.queue?.release();
    this.queue = this.lagStrategy.createQueue(offset, this.stream.memory);
    this.chunksBefore = this.chunksAt(offset);
    if (this.lagStrategy.blocksWriters) this.owner.roomMade();
    this.owner.removeWaiting(this);
    this.wake();
  }

  // ── for the stream ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes another policy. Before the first byte: it has nothing queued. */
  follow(lagStrategy: LagStrategy): void {
    this.lagStrategy = lagStrategy;
    this.queue = lagStrategy.createQueue(this.position, this.stream.memory);
  }

  wake(): void {
    const { waiter } = this;
    this.waiter = undefined;
    waiter?.();
  }

  /** Cuts the reader off for being too slow: reading it gives this error from now on. */
  cutOff(): StreamFSError {
    // Less than it was promised is held where memory has run short.
    const held = this.stream.endOffset - this.stream.ring.floor;
    const error = createError('READER_TOO_SLOW', { lag: this.lag, limit: Math.min(this.allowedLag, held) });
    if (this.failure !== undefined || this.closed) return error;
    this.failure = error;
    this.owner.readerFailed(this, error);
    this.close();
    this.watcher?.readerFailed(error);
    return error;
  }

  /** Memory has run short: nothing below `floor` can be kept under any policy. */
  lostBelow(floor: number): void {
    this.queue?.lostBelow(floor);
  }

  // ── the cursor ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Applies the policy: the gap that has opened before the cursor, if any. */
  private applyLagPolicy(): GapRecord | undefined {
    if (this.failure !== undefined) throw this.failure;
    if (this.closed) throw createError('READER_CLOSED');
    if (this.firstGap !== undefined) {
      const gap = this.firstGap;
      this.firstGap = undefined;
      if (this.isTrimmed) return gap;
      return this.lose(gap);
    }
    // All that was loaded is read: in the ring, and where nothing more is read from disk, it has no use.
    if (this.window?.isEmpty && (this.position >= this.stream.ring.floor || !this.readsHistory))
      this.window = undefined;
    const due = this.readsHistory ? this.resumeInHistory(this.history!) : this.lagStrategy.resumeOffset(this);
    if (due > this.position) {
      if (this.lagStrategy.cutsOff && !this.readsHistory) throw this.cutOff();
      this.wantsBoundary = this.format !== undefined;
    }
    const resume = this.wantsBoundary ? this.boundaryFrom(Math.max(due, this.position)) : due;
    if (resume <= this.position) return undefined;
    const gap: GapRecord = { type: 'gap', from: this.position, to: resume, chunks: this.chunksLost(resume) };
    this.position = resume;
    this.chunksBefore = this.chunksAt(resume);
    this.announced = false;
    return this.lose(gap);
  }

  /** The next place to go on at; the end of the stream while none is known. */
  private boundaryFrom(offset: number): number {
    const { endOffset } = this.stream;
    const found = this.format?.boundaryFrom(offset);
    if (found === undefined || found > endOffset) return Math.max(offset, endOffset);
    this.wantsBoundary = false;
    return found;
  }

  /** Where it goes on: behind what it stands at only where that has gone from the disk, or cannot be read there. */
  private resumeInHistory(history: History): number {
    const { position, stream } = this;
    const { floor } = stream.ring;
    if (this.window !== undefined && !this.window.isEmpty) return position;
    if (position >= floor) return position;
    if (this.window?.to !== position) this.window = new HistoryWindow(position);
    const oldest = Math.min(history.floor, floor);
    const to = position < oldest ? oldest : Math.min(history.holeEnd(position) ?? position, floor);
    if (to > position) this.window = undefined;
    return to;
  }

  /** Chunks of which something lies between the cursor and `resume`; 0 where that is not known. */
  private chunksLost(resume: number): number {
    if (this.chunksBefore === UNKNOWN) return 0;
    const ended = this.chunksAt(resume) - this.chunksBefore;
    if (ended < 0) return 0;
    const cut = resume < this.stream.endOffset && !this.locate(resume).isBoundary(resume);
    return cut ? ended + 1 : ended;
  }

  private lose(gap: GapRecord): GapRecord {
    this.skippedBytes += gap.to - gap.from;
    this.skippedChunks += gap.chunks;
    this.owner.gapFound(this, gap);
    return gap;
  }

  private readableEnd(): number {
    const { endOffset } = this.stream;
    if (this.window !== undefined) return this.historyEnd(this.window, this.history!);
    return this.queue === undefined ? endOffset : this.queue.readableEnd(this.position, endOffset);
  }

  /** Up to where it can be given bytes: through what it holds, and the ring where that follows. */
  private historyEnd(window: HistoryWindow, history: History): number {
    const { endOffset, ring } = this.stream;
    if (window.isEmpty && window.to < ring.floor) window.extend(history);
    if (this.chunksBefore === UNKNOWN) {
      this.chunksBefore = window.locate(this.position)?.chunksBefore(this.position) ?? UNKNOWN;
    }
    return window.to >= ring.floor ? endOffset : Math.min(window.to, endOffset);
  }

  private locate(offset: number): Slab {
    return this.queue?.locate(offset) ?? this.window?.locate(offset) ?? this.stream.ring.locate(offset);
  }

  private atEnd(): CaughtUpRecord | EndRecord | undefined {
    const { stream, position } = this;
    const { endReason, endStatus } = stream;
    // There is more, which has to come from the disk first.
    if (this.window !== undefined && position < stream.endOffset) return undefined;
    if (endReason !== undefined) return { type: 'end', offset: position, reason: endReason, status: endStatus };
    if (this.announced || position > stream.endOffset) return undefined;
    this.announced = true;
    this.hasCaughtUp = true;
    return { type: 'caught-up', offset: position };
  }

  private chunksAt(offset: number): number {
    const { ring, writtenEnd } = this.stream;
    if (offset === writtenEnd) return ring.chunkCount;
    if (offset < ring.floor && this.history !== undefined) return UNKNOWN;
    return offset > writtenEnd ? UNKNOWN : this.locate(offset).chunksBefore(offset);
  }
}
