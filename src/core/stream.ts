/**
 * A stream: one writer's end that decides the order of all bytes, one ring that holds them, any number of readers.
 *
 *     append ─► ring ─► (end of the event-loop turn) flush ─► the readers that wait
 *
 * `append` is synchronous and is the only place where order is decided: all readers see the same order. It never touches
 * readers; readers that wait are woken once per turn of the event loop, after all appends of that turn.
 */
import { createError, type StreamFSError } from '../errors/index.ts';
import { type Durability, END_STATUS_RULE, isEndStatus } from '../protocol/words.ts';
import type { StreamFormat } from './format.ts';
import { isOfThisProcess, newGeneration } from './generation.ts';
import type { History } from './history.ts';
import { lagStrategyOf } from './lag/index.ts';
import { emptySet } from './lazy-set.ts';
import type { StreamIdentity, StreamOptions, StreamOrigin, StreamStats } from './public.ts';
import { CursorReader } from './reader.ts';
import { ReaderSet, type ReaderSetStream } from './reader-set.ts';
import { Ring } from './ring.ts';
import type { Slab } from './slab.ts';
import type { StreamLog } from './stream-log.ts';
import { type MemoryUser, StreamMemory } from './stream-memory.ts';
import { StreamRules } from './stream-rules.ts';
import type { StreamSum, SummedStream } from './stream-sum.ts';
import {
  type EndReason,
  type LagPolicy,
  MAX_CHUNK,
  MAX_OFFSET,
  type ReaderOptions,
  type ReaderStart,
} from './types.ts';
import { assertBytes, assertFrom, assertOffset } from './validate.ts';
import { WholeStream } from './whole-stream.ts';

const NO_BYTES = new Uint8Array(0);

/** Of the last reader of any stream. */
let lastReaderId = 0;

export class RingStream implements ReaderSetStream, MemoryUser, SummedStream {
  /** Its owner's name for it, for messages only. */
  readonly name: string | undefined;
  readonly generation: string;
  /** What it may have in common with others. */
  rules: StreamRules;
  /** Whose bytes it begins with, where it is a fork. */
  readonly origin: StreamOrigin | undefined;
  readonly createdAt: number;
  /** When it was last written to or touched, in milliseconds since 1970 (contract 6). */
  modifiedAt: number;

  /** For readers only: what they read from. */
  readonly ring: Ring;
  /** Its part of the budget. */
  readonly memory: StreamMemory | undefined;
  readonly firstOffset: number;
  /** Undefined until there has been a reader. */
  private readerSet: ReaderSet | undefined;
  /** Bytes to keep. */
  private kept: number;
  /** Where readers may begin, for streams whose bytes have a format. Given by the owner before the first byte. */
  format: StreamFormat | undefined;
  private reason: EndReason | undefined;
  private status: string | undefined;
  /** What keeps it elsewhere as well. */
  private log: StreamLog | undefined;
  /** Removed, expired or shut down, also where its writer had ended it before: no new reader can open it. */
  isGone = false;
  /** The position of its counts in a sum; undefined while they are read one by one or not added up at all. */
  sum: StreamSum | undefined;

  /** One of many streams, which share their rules. */
  constructor(own: StreamIdentity, rules: StreamRules);
  constructor(options: StreamOptions);
  constructor(options: StreamIdentity | StreamOptions, rules = new StreamRules(options as StreamOptions)) {
    this.rules = rules;
    this.name = options.name;
    this.generation = options.generation ?? newGeneration();
    this.firstOffset = options.firstOffset ?? 0;
    assertOffset('firstOffset', this.firstOffset);
    this.origin = options.origin;
    this.format = undefined;
    this.sum = undefined;
    this.createdAt = options.createdAt ?? rules.now();
    this.modifiedAt = this.createdAt;
    this.memory = rules.budget === undefined ? undefined : new StreamMemory(rules.budget, this);
    this.ring = new Ring(this.firstOffset, rules.maxSlab, this, this.memory);
    this.kept = rules.retention;
  }

  /**
   * Takes other rules, of the same budget. Only before the first byte: nothing has been kept, lost or waited for by the
   * old ones yet. Readers that asked for a policy keep it; the others take the new one.
   */
  adopt(rules: StreamRules): void {
    if (this.writtenEnd > this.firstOffset) throw new Error('a stream takes other rules only before its first byte');
    this.rules = rules;
    this.kept = rules.retention;
    this.ring.maxSlab = rules.maxSlab;
    if (this.readerSet === undefined) return;
    this.readerSet.adopt(rules);
    this.keepForReaders(this.readerSet);
  }

  /** Number of newest bytes that it keeps for readers that join later. */
  get retention(): number {
    return this.rules.retention;
  }

  /** Bytes a reader that has caught up once may fall behind. */
  get maxLag(): number {
    return this.rules.maxLag;
  }

  get onLag(): LagPolicy {
    return this.rules.onLag;
  }

  /** The oldest offset a new reader may start at: exactly `retention` bytes before the end, 0 while less was written. */
  get startOffset(): number {
    return Math.max(this.ring.floor, this.endOffset - this.rules.retention);
  }

  /** The offset behind the last byte that may be read. */
  get endOffset(): number {
    return this.log === undefined ? this.ring.end : this.log.readable;
  }

  /** The offset of the next byte to be written: beyond {@link endOffset} while a log has yet to save what is between. */
  get writtenEnd(): number {
    return this.ring.end;
  }

  /** Bytes ever written (contract 5). */
  get totalWritten(): number {
    return this.endOffset - this.firstOffset;
  }

  /** Why there will be nothing more to read; undefined while there may be. */
  get endReason(): EndReason | undefined {
    return this.log === undefined || this.log.isEndReadable ? this.reason : undefined;
  }

  /** Why nothing can be written any more; undefined while it can. Readers may not have seen the end yet. */
  get closedBy(): EndReason | undefined {
    return this.reason;
  }

  /** What the writer that ended it said of how it ended, such as `exit 3` (contract 100). */
  get endStatus(): string | undefined {
    return this.status;
  }

  get readerCount(): number {
    return this.readerSet?.readers.size ?? 0;
  }

  readers(): IterableIterator<CursorReader> {
    return (this.readerSet?.readers ?? emptySet<CursorReader>()).values();
  }

  /** Losses of all readers there ever were, in bytes and in chunks (contract 8). */
  get skippedBytes(): number {
    return this.readerSet?.skippedBytes ?? 0;
  }

  get skippedChunks(): number {
    return this.readerSet?.skippedChunks ?? 0;
  }

  /**
   * Appends bytes as one piece, now, without regard to readers, and returns the new end offset. The bytes are copied: the
   * caller may reuse its memory. They become chunks of at most 64 KiB. An empty array changes nothing.
   *
   * @throws as {@link requireOpen} after the end (contract 3), STREAM_FULL beyond 2^53 - 1 (contract 15); nothing is written then
   */
  append(bytes: Uint8Array): number {
    assertBytes(bytes);
    this.requireOpen();
    const { readerSet, ring, log } = this;
    if (bytes.length === 0) return ring.end;
    if (log !== undefined) {
      log.requireRoom(bytes.length);
      return this.appendLogged(bytes, log);
    }
    if (bytes.length > MAX_OFFSET - ring.end) throw createError('STREAM_FULL', { max: MAX_OFFSET });
    // Once a turn is exact enough: asking for the time costs more than copying a small chunk.
    if (readerSet === undefined || !readerSet.isFlushDue) this.modifiedAt = this.rules.now();
    this.appendChunks(bytes);
    readerSet?.changed();
    return ring.end;
  }

  private appendChunks(bytes: Uint8Array): void {
    if (this.sum !== undefined) this.willChange();
    if (bytes.length <= MAX_CHUNK) this.appendChunk(bytes);
    else {
      for (let at = 0; at < bytes.length; at += MAX_CHUNK) this.appendChunk(bytes.subarray(at, at + MAX_CHUNK));
    }
  }

  /** The same with a log, of which the readers wait to hear. */
  private appendLogged(bytes: Uint8Array, log: StreamLog): number {
    const { ring } = this;
    if (bytes.length > MAX_OFFSET - ring.end) throw createError('STREAM_FULL', { max: MAX_OFFSET });
    this.modifiedAt = this.rules.now();
    this.appendChunks(bytes);
    log.changed();
    if (log.readable === ring.end) this.readerSet?.changed();
    return ring.end;
  }

  private appendChunk(chunk: Uint8Array): void {
    if (this.format !== undefined) this.format.take(chunk, this.ring.end);
    this.ring.append(chunk);
    this.ring.evict(this.ring.end - this.kept);
  }

  /** Readers have come or gone: keep what they may lag and the retention, and nothing more. */
  private keepForReaders(readerSet: ReaderSet): void {
    const { joinerLag, retention } = this.rules;
    this.kept = readerSet.readers.size === 0 ? retention : joinerLag + readerSet.gate.slack;
  }

  /**
   * Appends like {@link append}, but waits where a reader has asked writers to (contract 20, `block`), and lets readers
   * keep up with a long one. Still one piece: no other `write` comes in between. Returns nothing where there was
   * nothing to wait for. The caller may reuse its memory as soon as this returns (contract 2): what waits is copied.
   *
   * @throws like {@link append}. A stream that ends in the middle of a long write keeps what was written until then
   */
  write(bytes: Uint8Array): void | Promise<void> {
    const { readerSet, log } = this;
    if (
      (readerSet === undefined || readerSet.takesAtOnce(bytes.length)) &&
      (log === undefined || log.takesAtOnce(bytes.length))
    ) {
      this.append(bytes);
      return undefined;
    }
    assertBytes(bytes);
    this.requireOpen();
    if (bytes.length > MAX_OFFSET - this.ring.end) throw createError('STREAM_FULL', { max: MAX_OFFSET });
    const { gate } = this.readersOrNone();
    const append = log === undefined ? (part: Uint8Array) => this.append(part) : this.passLogged(log);
    // Not by `slice`: that of a Buffer is no copy.
    return gate.pass(new Uint8Array(bytes), append);
  }

  /**
   * Waits as {@link write} does before `length` bytes, for a writer whose bytes arrive by another way; undefined where there
   * is nothing to wait for.
   */
  whenRoom(length: number): void | Promise<void> {
    const { readerSet } = this;
    if (readerSet === undefined || readerSet.takesAtOnce(length)) return undefined;
    return readerSet.gate.pass(NO_BYTES, () => undefined);
  }

  /** What a writer that has waited for room appends: others may have come meanwhile, so there may be none again. */
  private passLogged(log: StreamLog): (part: Uint8Array) => void {
    return (part) => {
      this.requireOpen();
      log.requireWritable();
      if (part.length > 0) this.appendLogged(part, log);
    };
  }

  private readersOrNone(): ReaderSet {
    if (this.readerSet === undefined) {
      this.readerSet = new ReaderSet(this);
      this.readerSet.gate.log = this.log;
    }
    return this.readerSet;
  }

  // ── kept elsewhere ─────────────────────────────────────────────────────────────────────────────────────────────

  /** From now on a log keeps it as well: nothing leaves the ring, and nothing is read, before the log says so. */
  attachLog(log: StreamLog): void {
    this.log = log;
    this.ring.hold = log.saved;
    if (this.readerSet === undefined) return;
    this.readerSet.gate.log = log;
    for (const reader of this.readerSet.readers) reader.historyCame(log.history);
  }

  /** What its log says of it has changed: what is saved, what may be read, or whether it has ended for readers. */
  logMoved(): void {
    const { log, ring } = this;
    if (log === undefined) return;
    ring.hold = log.saved;
    ring.evict(ring.end - this.kept);
    this.memory?.mayGiveWay();
    this.readerSet?.changed();
  }

  /** What lies below is to be read no more, although it is in memory. Readers there get a gap. */
  forgetBelow(offset: number): void {
    this.ring.evict(offset);
    this.readerSet?.changed();
  }

  /** What {@link whenSaved} promises; undefined where nothing keeps it elsewhere. */
  get durability(): Durability | undefined {
    return this.log?.durability;
  }

  /** Settles when all that has happened to it is as safe as its log promises; undefined where there is nothing to wait for. */
  whenSaved(): Promise<void> | undefined {
    return this.log?.whenSaved();
  }

  /**
   * Moves the end over bytes that were never here: they were written elsewhere, or before. Readers below get a gap.
   *
   * @param chunks number of chunks that end among them
   */
  skipTo(offset: number, chunks: number): void {
    assertOffset('offset', offset);
    if (offset < this.ring.end) throw new RangeError(`a stream that ends at ${this.ring.end} cannot skip to ${offset}`);
    this.willChange();
    this.ring.skipTo(offset, chunks);
    this.readerSet?.changed();
  }

  /** Chunks that ended at or before an offset from the ring's floor to its end. */
  chunksAt(offset: number): number {
    const { ring } = this;
    return offset >= ring.end ? ring.chunkCount : ring.locate(offset).chunksBefore(offset);
  }

  /** Appends a chunk as it was, without a trace in any time or log: of a stream that is put together again. */
  restoreChunk(chunk: Uint8Array): void {
    this.willChange();
    this.appendChunk(chunk);
  }

  /** @throws STREAM_CLOSED after the end, with its reason; STREAM_SHUT_DOWN where its writers may come back to another */
  requireOpen(): void {
    if (this.reason !== undefined) throw closedError(this.reason);
  }

  /** Moves the modification time to now. */
  touch(): void {
    this.modifiedAt = this.rules.now();
  }

  /**
   * No more appends. Readers get the bytes up to the end, then the end; history stays readable (contract 23, 29).
   * Ending twice changes nothing: the first reason and its status stay.
   *
   * @param status what the writer says of how it ended, such as `exit 3`
   * @throws INVALID_PARAMETER for a status that is too long or has other characters than visible ASCII
   */
  end(reason: EndReason = 'ended', status?: string): void {
    if (status !== undefined && !isEndStatus(status)) {
      throw createError('INVALID_PARAMETER', { name: 'status', reason: `it ${END_STATUS_RULE}` });
    }
    if (reason !== 'ended' && !this.isGone) {
      this.willChange();
      this.isGone = true;
    }
    if (this.reason === undefined) {
      this.reason = reason;
      this.status = status;
      this.readerSet?.gate.abandon();
      this.log?.changed();
      this.readerSet?.changed();
      this.rules.observer.ended?.(this);
    }
    this.releaseIfGone();
  }

  /** A stream whose path was removed is released with its last reader. */
  private releaseIfGone(): void {
    if (!this.isGone || this.readerCount > 0) return;
    this.memory?.release();
    this.format?.release();
  }

  /**
   * A new reader (contract 17, 25).
   *
   * @throws OFFSET_GONE for an offset no longer retained, STREAM_RECREATED for another generation, INVALID_PARAMETER
   * for a start or a policy that is none
   */
  openReader(options: ReaderOptions = {}): CursorReader {
    if (options.generation !== undefined) this.requireGeneration(options.generation);
    const start = options.start ?? { from: 'earliest' };
    const format = options.join === 'boundary' ? this.format : undefined;
    const reachesBack = options.reachBack === true;
    const saved = reachesBack ? this.log?.history : undefined;
    const oldest = this.oldestOffset(saved);
    const wantedCursor = this.startCursor(start, saved);
    // What is no longer retained is a gap first; the beginning of a format needs no place to join at.
    const isBeginning = wantedCursor === this.firstOffset && wantedCursor < this.startOffset;
    const join = wantedCursor < oldest || isBeginning ? undefined : format?.join(wantedCursor, oldest);
    const cursor = join?.offset ?? wantedCursor;
    const { onLag } = options;
    const strategy = lagStrategyOf(onLag ?? this.rules.onLag);
    const readerSet = this.readersOrNone();
    const hasOwnPolicy = onLag !== undefined;
    const id = ++lastReaderId;
    const reader = new CursorReader(this, readerSet, id, strategy, hasOwnPolicy, cursor, reachesBack, saved);
    if (options.reportTrimmed === true) {
      const wanted = this.wantedOffset(start);
      if (wanted !== undefined && wanted < cursor) reader.reportTrimmed(wanted);
    }
    if (format !== undefined) reader.align(format, join);
    this.willChange();
    readerSet.add(reader);
    this.keepForReaders(readerSet);
    return reader;
  }

  /** The oldest byte that a start means, whether it is retained or not; undefined where that cannot be known. */
  private wantedOffset(start: ReaderStart): number | undefined {
    if ('from' in start) return start.from === 'earliest' ? this.firstOffset : undefined;
    return 'lastBytes' in start ? Math.max(this.firstOffset, this.endOffset - start.lastBytes) : undefined;
  }

  /** @throws STREAM_RECREATED if `expected` is not this stream's generation */
  requireGeneration(expected: string): void {
    if (expected === this.generation) return;
    throw createError('STREAM_RECREATED', { actual: this.generation, expected }, lifeDetails(expected));
  }

  private startCursor(start: ReaderStart, history?: History): number {
    const { startOffset, endOffset } = this;
    const oldest = this.oldestOffset(history);
    if ('from' in start) {
      assertFrom(start.from);
      return start.from === 'live' ? endOffset : oldest;
    }
    if ('lastBytes' in start) {
      assertOffset('lastBytes', start.lastBytes);
      return Math.max(oldest, endOffset - start.lastBytes);
    }
    if ('lastLines' in start) {
      assertOffset('lastLines', start.lastLines);
      return this.ring.lastLines(start.lastLines, startOffset, endOffset);
    }
    assertOffset('offset', start.offset);
    if (start.offset < oldest && start.onExpired !== 'skip') throw this.offsetGone(start.offset, oldest);
    this.requireReachable(start.offset);
    return start.offset;
  }

  /** @throws OFFSET_BEYOND_END for an offset that will never be reached */
  requireReachable(offset: number): void {
    const { endOffset: end, endReason } = this;
    if (endReason !== undefined && offset > end) throw createError('OFFSET_BEYOND_END', { offset, end }, { end });
  }

  /** The error for an offset no longer retained; it names the earliest that is (contract 25, 56). */
  offsetGone(offset: number, earliest = this.startOffset): StreamFSError {
    return createError('OFFSET_GONE', { offset, earliest }, { earliest });
  }

  /**
   * The offset that a start means, including what only its log has. Lines are searched in memory only.
   *
   * @throws as {@link openReader}
   */
  startInWhole(start: ReaderStart): number {
    const history = this.log?.history;
    const cursor = this.startCursor(start, history);
    return Math.min(Math.max(cursor, this.oldestOffset(history)), this.endOffset);
  }

  private oldestOffset(history: History | undefined): number {
    return history === undefined ? this.startOffset : Math.min(this.startOffset, history.floor);
  }

  /** All of it that there is, what its log has included. */
  get whole(): WholeStream {
    return new WholeStream(this, this.log?.history);
  }

  // ── chunks and lines ───────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Where the chunk begins that holds the byte at `offset`; the oldest offset retained if that is later. An offset at
   * which a chunk begins, or the end of the stream, stays.
   *
   * @throws OFFSET_GONE
   */
  chunkStart(offset: number): number {
    if (offset < this.startOffset) throw this.offsetGone(offset);
    if (offset >= this.endOffset) return this.endOffset;
    return Math.max(this.startOffset, this.ring.chunkStart(offset));
  }

  /** The offset behind the chunk that holds the byte at `offset`; the end of the stream for its end. @throws OFFSET_GONE */
  chunkEnd(offset: number): number {
    if (offset < this.startOffset) throw this.offsetGone(offset);
    return this.ring.chunkEnd(offset);
  }

  /**
   * Where the line begins that holds the byte at `offset`, from the oldest retained to the end; undefined where its
   * beginning is no longer retained.
   */
  lineStart(offset: number): number | undefined {
    const { startOffset } = this;
    const newline = this.ring.newlineBefore(startOffset, offset);
    if (newline >= 0) return newline + 1;
    return this.isLineStart(startOffset) ? startOffset : undefined;
  }

  /** Where the first line begins of which the beginning is retained; the end of the stream where there is none. */
  firstLineStart(): number {
    const { startOffset } = this;
    return this.isLineStart(startOffset) ? startOffset : this.lineEnd(startOffset);
  }

  /** The offset behind the line that holds the byte at `offset`; the end of the stream where that line has no end yet. */
  lineEnd(offset: number): number {
    const newline = this.ring.newlineFrom(offset);
    return newline < 0 ? this.endOffset : Math.min(this.endOffset, newline + 1);
  }

  private isLineStart(offset: number): boolean {
    return offset === this.firstOffset || this.ring.isBehindNewline(offset);
  }

  /**
   * The bytes at an absolute offset, without a reader: as many as lie together, at most `max`. Undefined at the end.
   *
   * @throws OFFSET_GONE
   */
  retainAt(offset: number, max: number): Uint8Array | undefined {
    if (offset < this.startOffset) throw this.offsetGone(offset);
    this.requireReachable(offset);
    if (offset >= this.endOffset) return undefined;
    const slab = this.ring.locate(offset);
    return slab.retain(offset, Math.min(slab.end, offset + max, this.endOffset));
  }

  /**
   * The bytes between two offsets that are retained, without a copy. They stay unchanged for as long as they are
   * referenced, also after they were evicted.
   */
  retainParts(from: number, to: number): Uint8Array[] {
    return this.partsBetween(from, to, (slab, at, end) => slab.retain(at, end));
  }

  /** The oldest offset in memory: below {@link startOffset} where readers need more than is retained. */
  get oldestHeld(): number {
    return this.ring.floor;
  }

  /** The bytes between two offsets that are held, where they lie: good until the next append. */
  borrowParts(from: number, to: number): Uint8Array[] {
    return this.partsBetween(from, to, (slab, at, end) => slab.borrow(at, end));
  }

  private partsBetween(from: number, to: number, take: (slab: Slab, at: number, end: number) => Uint8Array) {
    const parts: Uint8Array[] = [];
    for (let at = from; at < to; ) {
      const slab = this.ring.locate(at);
      const end = Math.min(slab.end, to);
      parts.push(take(slab, at, end));
      at = end;
    }
    return parts;
  }

  /** A copy of the bytes retained from a start on (contract 34). */
  snapshot(start: ReaderStart = { from: 'earliest' }): { data: Uint8Array; offset: number } {
    const { parts, offset } = this.partsFrom(start, (slab, at, to) => slab.borrow(at, to));
    const data = new Uint8Array(this.endOffset - offset);
    let at = 0;
    for (const part of parts) {
      data.set(part, at);
      at += part.length;
    }
    return { data, offset };
  }

  /** The same bytes where they lie, without a copy. They stay as they are for as long as something refers to them. */
  retainSnapshot(start: ReaderStart = { from: 'earliest' }): { parts: Uint8Array[]; offset: number } {
    return this.partsFrom(start, (slab, at, to) => slab.retain(at, to));
  }

  private partsFrom(start: ReaderStart, take: (slab: Slab, at: number, to: number) => Uint8Array) {
    const { endOffset } = this;
    const offset = Math.min(Math.max(this.startCursor(start), this.startOffset), endOffset);
    return { parts: this.partsBetween(offset, endOffset, take), offset };
  }

  stats(): StreamStats {
    let maxReaderLag = 0;
    let deliveredBytes = this.readerSet?.closedBytes ?? 0;
    let deliveredChunks = this.readerSet?.closedChunks ?? 0;
    for (const reader of this.readers()) {
      maxReaderLag = Math.max(maxReaderLag, reader.lag);
      deliveredBytes += reader.receivedBytes;
      deliveredChunks += reader.receivedChunks;
    }
    return {
      generation: this.generation,
      startOffset: this.startOffset,
      endOffset: this.endOffset,
      totalWritten: this.totalWritten,
      totalChunks: this.ring.chunkCount,
      retained: this.endOffset - this.startOffset,
      memory: this.ring.byteLength,
      readers: this.readerCount,
      maxReaderLag,
      skippedBytes: this.skippedBytes,
      skippedChunks: this.skippedChunks,
      deliveredBytes,
      deliveredChunks,
      ended: this.endReason,
      endStatus: this.status,
      createdAt: this.createdAt,
      modifiedAt: this.modifiedAt,
    };
  }

  // ── for the ring and the readers ───────────────────────────────────────────────────────────────────────────────

  /** Its counts are about to change, or to change from now on. */
  willChange(): void {
    const { sum } = this;
    if (sum === undefined) return;
    this.sum = undefined;
    sum.leave(this);
  }

  /** A reader that was closed has got what it had peeked before. */
  deliveredLate(bytes: number): void {
    this.sum?.deliveredLate(bytes);
  }

  slabLeaves(slab: Slab): void {
    this.readerSet?.slabLeaves(slab);
  }

  /** A reader of its has been closed. */
  readerLeft(readerSet: ReaderSet): void {
    this.keepForReaders(readerSet);
    if (readerSet.readers.size === 0) this.ring.evict(this.ring.end - this.kept);
    this.releaseIfGone();
    this.rules.observer.readerClosed?.(this);
  }
}

/** The error of a write to a stream that has ended. */
export function closedError(reason: EndReason): StreamFSError {
  return reason === 'shutdown' ? createError('STREAM_SHUT_DOWN') : createError('STREAM_CLOSED', {}, { reason });
}

/** What is known of a stream that is asked for by its generation and not there: whether it was lost with its server. */
export function lifeDetails(generation: string): { server_restarted?: true } {
  return isOfThisProcess(generation) ? {} : { server_restarted: true };
}
