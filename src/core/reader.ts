/**
 * A reader: a cursor on a stream, and its behaviour when it lags. It has no queue, so a reader that is not being read
 * costs only its cursor. There are two ways to read:
 *  - `read` and iteration, for programs: promises of records, with chunks as they were written;
 *  - `peek`, `borrowRun`, `advance`, `whenReadable`, to send bytes on: runs that all readers at the same position
 *    share.
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

/** The number of chunks before the cursor is unknown, because the cursor is outside the ring. */
const UNKNOWN = -1;

/** The view of a stream that its readers use. */
export interface ReaderStream extends Stream {
  readonly rules: StreamRules;
  readonly ring: Ring;
  readonly memory: QueueAccount | undefined;
  /** The offset of the next byte to be written. Beyond the end while a log has not yet saved the bytes in between. */
  readonly writtenEnd: number;
  /** The error for an offset that is no longer retained. */
  offsetGone(offset: number, earliest?: number): StreamFSError;
  /** @throws OFFSET_BEYOND_END for an offset that will never be reached */
  requireReachable(offset: number): void;
}

/** The view of its reader set that a reader uses. */
export interface ReaderOwner {
  /** Wakes the reader once, when there is something to read. */
  addWaiting(reader: CursorReader): void;
  removeWaiting(reader: CursorReader): void;
  /** The reader has advanced: writers that wait for it may continue. */
  roomMade(): void;
  gapFound(reader: CursorReader, gap: GapRecord): void;
  /** The reader was disconnected for being too slow. */
  readerFailed(reader: CursorReader, error: StreamFSError): void;
  readerClosed(reader: CursorReader): void;
  /** The reader took bytes after it was closed. */
  deliveredLate(bytes: number): void;
}

/** The consumer that sends the bytes of a reader on. */
export interface ReaderWatcher {
  readerFailed(error: StreamFSError): void;
}

export class CursorReader implements Reader, LaggingReader {
  readonly stream: ReaderStream;
  /** Unique within this process and increasing. */
  readonly id: number;
  lagStrategy: LagStrategy;
  /** Whether the reader requested its policy; otherwise it uses the policy of the stream. */
  readonly hasOwnPolicy: boolean;
  /** When the reader was opened, in milliseconds since 1970. */
  readonly openedAt: number;
  /** The offset at which the reader was opened. */
  readonly startCursor: number;
  /** Bytes delivered, and chunks whose last byte was delivered. */
  receivedBytes = 0;
  receivedChunks = 0;
  /** Bytes and chunks lost so far (contract 8). */
  skippedBytes = 0;
  skippedChunks = 0;
  /**
   * True once the reader has caught up since it was opened or last moved; from then on `maxLag` applies. Read by
   * others.
   */
  hasCaughtUp: boolean;
  /** Notified once, when the reader is disconnected for being too slow. */
  watcher: ReaderWatcher | undefined;
  /** The index of the reader in the waiting list of its set. Maintained by the set. */
  place = -1;
  /** The queue that the lag strategy created for the reader, if any. */
  queue: DropNewestQueue | undefined;

  private readonly owner: ReaderOwner;
  private position: number;
  private chunksBefore: number;
  private announced = false;
  private closed = false;
  private failure: StreamFSError | undefined;
  private waiter: (() => void) | undefined;
  /** A `read` is in progress: it waits, or was woken and has not continued yet. */
  private reading = false;
  /** The slab of the bytes that were peeked and not yet taken. The ring may evict it in between. */
  private peeked: Slab | undefined;
  /** The history of the stream on disk, if the reader reads it. */
  private history: History | undefined;
  /** Whether the reader also reads from disk, even if the log is attached after the reader was opened. */
  readonly reachesBack: boolean;
  /** The blocks of the history that the reader holds. */
  private window: HistoryWindow | undefined;
  /** A gap that the reader begins with, because the requested offset was no longer retained. */
  private firstGap: GapRecord | undefined;
  /** The bytes of {@link firstGap} were evicted before the reader was opened, so they do not count as its loss. */
  private isTrimmed = false;
  /**
   * The format whose boundaries the reader aligns to, if any, and whether it must find a boundary before it continues.
   */
  private format: StreamFormat | undefined;
  private wantsBoundary = false;
  /** The format header to send before the first byte. */
  header: Uint8Array | undefined;

  /**
   * Use `stream.openReader`.
   *
   * @param hasOwnPolicy whether the reader requested its policy; otherwise it uses the policy of the stream
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

  /** A log was attached to the stream after the reader was opened. */
  attachHistory(history: History): void {
    if (this.reachesBack) this.history = history;
  }

  /**
   * Makes the reader begin with a gap from `from`, which does not count as skipped. Must be called before the first
   * read.
   */
  reportTrimmed(from: number): void {
    this.firstGap = { type: 'gap', from, to: this.position, chunks: 0 };
    this.isTrimmed = true;
  }

  /**
   * Makes the reader begin, and resume after gaps, at boundaries of the format. Must be called before the first read.
   */
  align(format: StreamFormat, join: Join | undefined): void {
    this.format = format;
    this.header = join?.header;
    this.wantsBoundary = join?.waits ?? this.firstGap !== undefined;
  }

  /** The header of the format, if it began within a gap. */
  headerLostIn({ from, to }: GapRecord): Uint8Array | undefined {
    return this.format?.headerLost(from, to);
  }

  /** The offset of the next byte to be read. */
  get cursor(): number {
    return this.firstGap?.from ?? this.position;
  }

  /** The offset of the next byte to be delivered: the cursor, or the end of a gap that the reader begins with. */
  get nextOffset(): number {
    return this.position;
  }

  get policy(): LagPolicy {
    return this.lagStrategy.name;
  }

  /** Bytes between the cursor and the end of the stream, including unsaved bytes, because the ring keeps these too. */
  get lag(): number {
    return Math.max(0, this.stream.writtenEnd - this.position);
  }

  /** Bytes between the cursor and the end of the stream that readers may receive now. */
  get unread(): number {
    return Math.max(0, this.stream.endOffset - this.position);
  }

  /** Bytes that the reader may lag: `maxLag` once it has caught up, and everything that is kept until then. */
  get allowedLag(): number {
    if (this.readsHistory) return Number.POSITIVE_INFINITY;
    return this.hasCaughtUp ? this.stream.rules.maxLag : this.stream.rules.joinerLag;
  }

  /** Bytes of memory held for this reader alone: its `drop-newest` queue, if any. */
  get heldMemory(): number {
    return this.queue?.byteLength ?? 0;
  }

  /** The oldest offset at which the reader can be positioned. */
  private get oldest(): number {
    const { history, stream } = this;
    return history === undefined ? stream.startOffset : Math.min(stream.startOffset, history.floor);
  }

  /** Whether the reader reads evicted bytes from disk rather than losing them. */
  private get readsHistory(): boolean {
    return this.history !== undefined && (!this.hasCaughtUp || this.lagStrategy.name === 'drop-oldest');
  }

  get isClosed(): boolean {
    return this.closed;
  }

  // ── for programs ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Waits for the next record: a chunk as it was written, a gap, a caught-up record or the end.
   *
   * @throws READ_TIMEOUT if nothing arrived in time (contract 21), READER_TOO_SLOW if the reader was disconnected,
   * READER_CLOSED, READER_BUSY for a second read at the same time, or the abort reason of the signal
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

  /** Yields all records; the end is the last. Leaving the loop closes the reader. */
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

  /** Frees the reader. A waiting read fails with READER_CLOSED. Closing a closed reader has no effect (contract 23). */
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
   * The next record, without taking its bytes: as many bytes as are contiguous in memory, at most `max`; or a gap,
   * caught-up or end record; or undefined if there is nothing yet. {@link advance} takes bytes; other records are taken
   * immediately.
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
   * Like {@link peek}, but the bytes may span slabs, so that they can be sent on together. They are borrowed: valid
   * until something is appended, or, if {@link pin pinned}, until they are released.
   *
   * @param aligned if the run is shorter than the available bytes, end it at a slab boundary if possible
   */
  borrowRun(max: number, aligned = true): RunEvent | undefined {
    const gap = this.applyLagPolicy();
    if (gap !== undefined) return gap;
    const from = this.position;
    const readable = this.readableEnd();
    if (from >= readable) return this.atEnd();
    let to = Math.min(readable, from + max);
    // The bytes may be in the queue or the window rather than in the ring.
    if (this.queue !== undefined || this.window !== undefined) {
      return makeRun(from, to, (offset) => this.locate(offset));
    }
    if (to < readable && aligned) {
      // A slab boundary is better: the number of chunks before it is known.
      const { base } = this.locate(to);
      if (base > from) to = base;
    }
    return this.stream.ring.run(from, to);
  }

  /** Whether no byte will directly follow the byte before `offset`: the stream has ended there, or a gap follows. */
  isLastBefore(offset: number): boolean {
    const { endOffset, endReason } = this.stream;
    if (this.window !== undefined && offset < endOffset) return this.window.endsInHole && offset >= this.window.to;
    return offset >= this.readableEnd() && (endReason !== undefined || offset < endOffset);
  }

  /** Whether the ring has evicted the byte at `offset`, so that only a pin keeps borrowed memory of it alive. */
  isEvicted(offset: number): boolean {
    return offset < this.stream.ring.floor && this.history?.isHeld(offset) !== true;
  }

  /**
   * Keeps the bytes of a run unchanged until the pin is released. Must be called before the bytes are taken and before
   * anything is appended.
   */
  pin({ offset, length }: BorrowedRun): Pin {
    return new Pin(offset, offset + length, (at) => this.locate(at));
  }

  /**
   * Takes the first `length` peeked bytes. They count as delivered even if bytes were appended or the reader was closed
   * since the peek.
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
      // A chunk or a run may end in a later slab than it began in, or in no slab if memory ran short in the meantime.
      const known = peeked !== undefined && this.position <= peeked.end;
      const inWindow = this.window?.locate(this.position - 1);
      const slab = known ? peeked : (inWindow ?? this.find(this.position - 1));
      if (slab === undefined) this.chunksBefore = UNKNOWN;
      // Counting from the start of the slab would make each chunk cost the slab's length.
      else if (chunksBefore !== UNKNOWN) this.chunksBefore = slab.chunksBefore(this.position, from, chunksBefore);
      else this.chunksBefore = slab.chunksBefore(this.position);
    }
    if (chunksBefore !== UNKNOWN) this.receivedChunks += Math.max(0, this.chunksBefore - chunksBefore);
    this.window?.leave(this.position);
    if (this.lagStrategy.blocksWriters) this.owner.roomMade();
  }

  /**
   * For encodings that hold back bytes before `end` until more arrive, such as an unfinished line: if no bytes follow,
   * the reader has caught up.
   *
   * @returns the caught-up record that {@link borrowRun} would return at the end; undefined if it was already returned
   */
  announceCaughtUp(end: number): CaughtUpRecord | undefined {
    if (this.announced || end < this.stream.endOffset) return undefined;
    this.announced = true;
    this.hasCaughtUp = true;
    return { type: 'caught-up', offset: this.position };
  }

  /**
   * Calls `wake` once, at the end of a turn in which something was appended or the stream or reader ended. Must be
   * called in the turn in which {@link peek} returned nothing: an append of an earlier turn does not wake.
   */
  whenReadable(wake: () => void): void {
    if (this.waiter !== undefined) throw createError('READER_BUSY');
    this.waiter = wake;
    if (this.closed || this.failure !== undefined) this.wake();
    else if (this.history !== undefined && this.isInHistory) this.loadMore(this.history);
    else this.owner.addWaiting(this);
  }

  /** Whether only the log has the bytes between the reader and the ring. */
  private get isInHistory(): boolean {
    const { position, stream, window } = this;
    return this.readsHistory && (window?.to ?? position) < Math.min(stream.ring.floor, stream.endOffset);
  }

  /** Loads more history and then wakes the reader. Also used when the caller needs more than the loaded blocks. */
  private loadMore(history: History): void {
    this.window ??= new HistoryWindow(this.position);
    const { window } = this;
    history.load(window.to, () => {
      if (this.window === window) window.extend(history);
      this.wake();
    });
  }

  /** Cancels {@link whenReadable}. Returns false if nothing was waiting. */
  cancelWait(): boolean {
    if (this.waiter === undefined) return false;
    this.waiter = undefined;
    this.owner.removeWaiting(this);
    return true;
  }

  /**
   * Moves the cursor to an absolute offset. If it is beyond the end, reads wait until the stream reaches it (contract
   * 56).
   *
   * @throws OFFSET_GONE, INVALID_PARAMETER for an invalid offset
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

  /** Switches to another lag strategy. Allowed only before the first byte, while nothing is queued. */
  setLagStrategy(lagStrategy: LagStrategy): void {
    this.lagStrategy = lagStrategy;
    this.queue = lagStrategy.createQueue(this.position, this.stream.memory);
  }

  wake(): void {
    const { waiter } = this;
    this.waiter = undefined;
    waiter?.();
  }

  /** Disconnects the reader for being too slow: every later read throws the returned error. */
  disconnect(): StreamFSError {
    // The ring holds less than the allowed lag if memory has run short.
    const held = this.stream.endOffset - this.stream.ring.floor;
    const error = createError('READER_TOO_SLOW', { lag: this.lag, limit: Math.min(this.allowedLag, held) });
    if (this.failure !== undefined || this.closed) return error;
    this.failure = error;
    this.owner.readerFailed(this, error);
    this.close();
    this.watcher?.readerFailed(error);
    return error;
  }

  /** Memory has run short: bytes below `floor` are lost under every policy. */
  lostBelow(floor: number): void {
    this.queue?.lostBelow(floor);
  }

  /** The stream is about to continue at `offset`: the bytes in between will never be in the ring. */
  beforeSkip(offset: number): void {
    this.queue?.skipTo(offset, this.position, this.stream.writtenEnd, this.allowedLag);
  }

  // ── the cursor ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Applies the lag policy. Returns the gap before the cursor, if any. */
  private applyLagPolicy(): GapRecord | undefined {
    if (this.failure !== undefined) throw this.failure;
    if (this.closed) throw createError('READER_CLOSED');
    if (this.firstGap !== undefined) {
      const gap = this.firstGap;
      this.firstGap = undefined;
      if (this.isTrimmed) return gap;
      return this.lose(gap);
    }
    // All loaded blocks are read. The window is no longer needed once the reader is in the ring or has stopped reading
    // from disk.
    if (this.window?.isEmpty && (this.position >= this.stream.ring.floor || !this.readsHistory))
      this.window = undefined;
    const due = this.readsHistory ? this.resumeInHistory(this.history!) : this.lagStrategy.resumeOffset(this);
    if (due > this.position) {
      if (this.lagStrategy.disconnects && !this.readsHistory) throw this.disconnect();
      this.wantsBoundary = this.format !== undefined;
    }
    const resume = this.wantsBoundary ? this.boundaryFrom(Math.max(due, this.position)) : due;
    if (resume <= this.position) return undefined;
    const gap: GapRecord = { type: 'gap', from: this.position, to: resume, chunks: this.chunksLost(resume) };
    this.position = resume;
    this.window?.leave(resume);
    if (this.window !== undefined && this.window.to < resume) this.window = undefined;
    this.chunksBefore = this.chunksAt(resume);
    this.announced = false;
    return this.lose(gap);
  }

  /** The next boundary at or after `offset`; the end of the stream while none is known. */
  private boundaryFrom(offset: number): number {
    const { endOffset } = this.stream;
    for (let from = offset; ; ) {
      const found = this.format?.boundaryFrom(from);
      if (found === undefined || found > endOffset) return Math.max(from, endOffset);
      // The queue may have lost the bytes at the boundary.
      from = this.queue === undefined || this.readsHistory ? found : this.queue.resume(found);
      if (from > found) continue;
      this.wantsBoundary = false;
      return found;
    }
  }

  /**
   * The offset to resume at. It is after the current position only if the bytes there are gone from the disk or
   * unreadable.
   */
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

  /** The number of chunks with at least one byte between the cursor and `resume`; 0 if unknown. */
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

  /** The end of the readable bytes: the held blocks, and the ring if it follows them directly. */
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

  /** Like {@link locate}, for an offset that may no longer be in memory. */
  private find(offset: number): Slab | undefined {
    return offset >= this.stream.ring.base ? this.locate(offset) : this.queue?.locate(offset);
  }

  private atEnd(): CaughtUpRecord | EndRecord | undefined {
    const { stream, position } = this;
    const { endReason, endStatus } = stream;
    // More bytes exist, but must be loaded from disk first.
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
