/**
 * A stream: one append path that decides the order of all bytes, one ring that holds them, any number of readers.
 *
 *     append ─► ring ─► (end of the event-loop turn) flush ─► waiting readers
 *
 * `append` is synchronous and is the only place that decides order, so all readers see the same order. It does not
 * touch readers: waiting readers are woken once per turn of the event loop, after all appends of that turn.
 */
import { createError, type StreamFSError } from '../errors/index.ts';
import { type Durability, END_REASONS, END_STATUS_RULE, isEndStatus } from '../protocol/words.ts';
import { type OptionNames, requireBytes, requireOptions, requireType } from '../units/index.ts';
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
import { StreamWithHistory } from './stream-with-history.ts';
import {
  type EndReason,
  type LagPolicy,
  MAX_CHUNK,
  MAX_OFFSET,
  type ReaderOptions,
  type ReaderStart,
} from './types.ts';
import { assertFrom, assertOffset } from './validate.ts';

const NO_BYTES = new Uint8Array(0);

/** The id of the newest reader of any stream. */
let lastReaderId = 0;

const OPTIONS: OptionNames<StreamOptions> = {
  ...{ name: true, generation: true, firstOffset: true, origin: true, createdAt: true },
  ...{ retention: true, maxLag: true, onLag: true, blockTimeout: true, now: true, observer: true, budget: true },
};

/** Checks the options of a stream that a program creates. @throws TypeError */
function checked(options: StreamOptions): StreamOptions {
  requireOptions('Stream', options, OPTIONS);
  requireType('name', options.name, 'string', true);
  requireType('generation', options.generation, 'string', true);
  requireType('origin', options.origin, 'object', true);
  requireType('createdAt', options.createdAt, 'number', true);
  requireType('now', options.now, 'function', true);
  requireType('observer', options.observer, 'object', true);
  return options;
}

export class RingStream implements ReaderSetStream, MemoryUser, SummedStream {
  /** A name chosen by the owner, used only in messages. */
  readonly name: string | undefined;
  readonly generation: string;
  /** The options that the stream may share with others. */
  rules: StreamRules;
  /** The stream that this one was forked from, if any. */
  readonly origin: StreamOrigin | undefined;
  readonly createdAt: number;
  /** Time of the last write or touch, in milliseconds since 1970 (contract 6). */
  modifiedAt: number;

  /** The ring that readers read from. Only for readers. */
  readonly ring: Ring;
  /** The stream's share of the budget. */
  readonly memory: StreamMemory | undefined;
  readonly firstOffset: number;
  /** Undefined until the first reader is opened. */
  private readerSet: ReaderSet | undefined;
  /** The number of newest bytes to keep in the ring. */
  private kept: number;
  /**
   * Finds the places where readers may begin, if the bytes have a known format. Set by the owner before the first byte.
   */
  format: StreamFormat | undefined;
  private reason: EndReason | undefined;
  private status: string | undefined;
  /** The log that also stores the stream, if any. */
  private log: StreamLog | undefined;
  /** Removed, expired or shut down, even if the writer had ended the stream before: no new reader can open it. */
  isGone = false;
  /** The sum that includes the stream's counters; undefined while they are read individually or not summed at all. */
  sum: StreamSum | undefined;

  /** Creates a stream that shares its rules with others. */
  constructor(own: StreamIdentity, rules: StreamRules);
  constructor(options: StreamOptions);
  constructor(options: StreamIdentity | StreamOptions, rules = new StreamRules(checked(options as StreamOptions))) {
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
   * Replaces the rules by others with the same budget. Allowed only before the first byte, while the old rules have not
   * yet affected anything. Readers that requested a policy keep it; the others get the new one.
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

  /** The number of newest bytes kept for readers that join later. */
  get retention(): number {
    return this.rules.retention;
  }

  /** Bytes that a reader may lag once it has caught up. */
  get maxLag(): number {
    return this.rules.maxLag;
  }

  get onLag(): LagPolicy {
    return this.rules.onLag;
  }

  /**
   * The oldest offset at which a new reader may start: exactly `retention` bytes before the end, or 0 while fewer bytes
   * were written.
   */
  get startOffset(): number {
    return Math.max(this.ring.floor, this.endOffset - this.rules.retention);
  }

  /** The offset after the last readable byte. */
  get endOffset(): number {
    return this.log === undefined ? this.ring.end : this.log.readable;
  }

  /**
   * The offset of the next byte to be written. Beyond {@link endOffset} while a log has not yet saved the bytes in
   * between.
   */
  get writtenEnd(): number {
    return this.ring.end;
  }

  /** Bytes ever written (contract 5). */
  get totalWritten(): number {
    return this.endOffset - this.firstOffset;
  }

  /** Why readers get no more bytes; undefined while they may. */
  get endReason(): EndReason | undefined {
    return this.log === undefined || this.log.isEndReadable ? this.reason : undefined;
  }

  /** Why the stream no longer accepts writes; undefined while it does. Readers may not have seen the end yet. */
  get closedBy(): EndReason | undefined {
    return this.reason;
  }

  /** The end status that the writer gave, such as `exit 3` (contract 100). */
  get endStatus(): string | undefined {
    return this.status;
  }

  get readerCount(): number {
    return this.readerSet?.readers.size ?? 0;
  }

  readers(): IterableIterator<CursorReader> {
    return (this.readerSet?.readers ?? emptySet<CursorReader>()).values();
  }

  /** Losses of all readers, including closed ones, in bytes and in chunks (contract 8). */
  get skippedBytes(): number {
    return this.readerSet?.skippedBytes ?? 0;
  }

  get skippedChunks(): number {
    return this.readerSet?.skippedChunks ?? 0;
  }

  /**
   * Appends bytes contiguously and immediately, regardless of readers, and returns the new end offset. The bytes are
   * copied: the caller may reuse its memory. They become chunks of at most 64 KiB. An empty array changes nothing. If
   * it throws, nothing was written.
   *
   * @throws as {@link requireOpen} after the end (contract 3), STREAM_FULL beyond 2^53 - 1 (contract 15)
   */
  append(bytes: Uint8Array): number {
    requireBytes(bytes);
    this.requireOpen();
    const { readerSet, ring, log } = this;
    if (bytes.length === 0) return ring.end;
    if (log !== undefined) {
      log.requireRoom(bytes.length);
      return this.appendLogged(bytes, log);
    }
    if (bytes.length > MAX_OFFSET - ring.end) throw createError('STREAM_FULL', { max: MAX_OFFSET });
    // Once per turn is exact enough: reading the clock costs more than copying a small chunk.
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

  /** Like {@link append}, but readers wait until the log has saved the bytes. */
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

  /** Adjusts the number of bytes to keep after a reader was opened or closed. */
  private keepForReaders(readerSet: ReaderSet): void {
    const { joinerLag, retention } = this.rules;
    this.kept = readerSet.readers.size === 0 ? retention : joinerLag + readerSet.gate.slack;
  }

  /**
   * Appends like {@link append}, but waits for readers with the policy `block` (contract 20), and lets readers keep up
   * with a long write. The write is still contiguous: no other `write` is interleaved. Returns undefined if there was
   * nothing to wait for. The caller may reuse its memory as soon as this returns (contract 2): bytes that wait are
   * copied.
   *
   * @throws like {@link append}. If the stream ends in the middle of a long write, the bytes written until then stay
   */
  write(bytes: Uint8Array): void | Promise<void> {
    const { readerSet, log } = this;
    if (
      (readerSet === undefined || readerSet.acceptsNow(bytes.length)) &&
      (log === undefined || log.acceptsNow(bytes.length))
    ) {
      this.append(bytes);
      return undefined;
    }
    requireBytes(bytes);
    this.requireOpen();
    if (bytes.length > MAX_OFFSET - this.ring.end) throw createError('STREAM_FULL', { max: MAX_OFFSET });
    const { gate } = this.ensureReaderSet();
    const append = log === undefined ? (part: Uint8Array) => this.append(part) : this.appendAfterWait(log);
    // Not `slice`: `Buffer.slice` does not copy.
    return gate.write(new Uint8Array(bytes), append);
  }

  /** Whether no reader makes a write of `length` bytes wait. */
  acceptsNow(length: number): boolean {
    const { readerSet } = this;
    return readerSet === undefined || readerSet.acceptsNow(length);
  }

  /**
   * Waits as {@link write} does before a write of `length` bytes, for writers that append by other means. Undefined if
   * there is nothing to wait for.
   */
  whenRoom(length: number): void | Promise<void> {
    if (this.acceptsNow(length)) return undefined;
    return this.ensureReaderSet().gate.write(NO_BYTES, () => undefined);
  }

  /**
   * The append function of a writer that has waited for room in the log. It does not require room again, because other
   * writers may have used it in the meantime.
   */
  private appendAfterWait(log: StreamLog): (part: Uint8Array) => void {
    return (part) => {
      this.requireOpen();
      log.requireWritable();
      if (part.length > 0) this.appendLogged(part, log);
    };
  }

  private ensureReaderSet(): ReaderSet {
    if (this.readerSet === undefined) {
      this.readerSet = new ReaderSet(this);
      this.readerSet.gate.log = this.log;
    }
    return this.readerSet;
  }

  // ── log ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Attaches a log. From now on the ring evicts only saved bytes, and readers get only bytes that the log has made
   * readable.
   */
  attachLog(log: StreamLog): void {
    this.log = log;
    this.ring.evictLimit = log.saved;
    if (this.readerSet === undefined) return;
    this.readerSet.gate.log = log;
    for (const reader of this.readerSet.readers) reader.attachHistory(log.history);
  }

  /** The state of the log has changed: the saved offset, the readable offset, or whether readers may see the end. */
  logChanged(): void {
    const { log, ring } = this;
    if (log === undefined) return;
    ring.evictLimit = log.saved;
    ring.evict(ring.end - this.kept);
    this.memory?.becameEvictable();
    this.readerSet?.changed();
  }

  /** Makes the bytes below `offset` unreadable although they are in memory. Readers positioned there get a gap. */
  forgetBelow(offset: number): void {
    this.ring.evict(offset);
    this.readerSet?.changed();
  }

  /** The guarantee of {@link whenSaved}; undefined without a log. */
  get durability(): Durability | undefined {
    return this.log?.durability;
  }

  /**
   * Settles when all changes so far have the durability that the log guarantees; undefined if there is nothing to wait
   * for.
   */
  whenSaved(): Promise<void> | undefined {
    return this.log?.whenSaved();
  }

  /**
   * Advances the end over bytes that were never in this ring, because they were written elsewhere or earlier. Readers
   * below get a gap.
   *
   * @param chunks the number of chunks that end among these bytes
   */
  skipTo(offset: number, chunks: number): void {
    assertOffset('offset', offset);
    if (offset < this.ring.end) throw new RangeError(`a stream that ends at ${this.ring.end} cannot skip to ${offset}`);
    this.willChange();
    if (this.readerSet !== undefined) for (const reader of this.readerSet.readers) reader.beforeSkip(offset);
    this.ring.skipTo(offset, chunks);
    this.readerSet?.changed();
  }

  /** The number of chunks that ended at or before an offset, which must be in the ring. */
  chunksAt(offset: number): number {
    const { ring } = this;
    return offset >= ring.end ? ring.chunkCount : ring.locate(offset).chunksBefore(offset);
  }

  /** Appends a chunk during recovery, without updating the modification time or the log. */
  restoreChunk(chunk: Uint8Array): void {
    this.willChange();
    this.appendChunk(chunk);
  }

  /**
   * @throws STREAM_CLOSED after the end, with its reason; STREAM_SHUT_DOWN after a shutdown, when writers may retry
   * later
   */
  requireOpen(): void {
    if (this.reason !== undefined) throw closedError(this.reason);
  }

  /** Sets the modification time to now. */
  touch(): void {
    this.modifiedAt = this.rules.now();
  }

  /**
   * Ends the stream: no more appends. Readers get the bytes up to the end, then the end; retained bytes stay readable
   * (contract 23, 29). Ending an ended stream changes nothing: the first reason and status stay.
   *
   * @param status the end status given by the writer, such as `exit 3`
   * @throws INVALID_PARAMETER for a status that is too long or contains anything but visible ASCII and single spaces
   */
  end(reason: EndReason = 'ended', status?: string): void {
    if (!END_REASONS.includes(reason)) {
      throw createError('INVALID_PARAMETER', { name: 'reason', reason: `it must be one of ${END_REASONS.join(', ')}` });
    }
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

  /** Releases a stream without a path once it has no readers. */
  private releaseIfGone(): void {
    if (!this.isGone || this.readerCount > 0) return;
    this.memory?.release();
    this.format?.release();
  }

  /**
   * Opens a reader (contract 17, 25).
   *
   * @throws OFFSET_GONE for an offset no longer retained, STREAM_RECREATED for another generation, INVALID_PARAMETER
   * for an invalid start or policy
   */
  openReader(options: ReaderOptions = {}): CursorReader {
    requireType('options of openReader', options, 'object');
    requireType('start', options.start, 'object', true);
    requireType('generation', options.generation, 'string', true);
    if (options.generation !== undefined) this.requireGeneration(options.generation);
    const start = options.start ?? { from: 'earliest' };
    const format = options.join === 'boundary' ? this.format : undefined;
    const reachesBack = options.reachBack === true;
    const saved = reachesBack ? this.log?.history : undefined;
    const oldest = this.oldestOffset(saved);
    const wantedCursor = this.startCursor(start, saved);
    // A start below the retained bytes begins with a gap. A start at the first byte of the stream needs no join point.
    const isBeginning = wantedCursor === this.firstOffset && wantedCursor < this.startOffset;
    const join = wantedCursor < oldest || isBeginning ? undefined : format?.join(wantedCursor, oldest);
    const cursor = join?.offset ?? wantedCursor;
    const { onLag } = options;
    const strategy = lagStrategyOf(onLag ?? this.rules.onLag);
    const readerSet = this.ensureReaderSet();
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

  /** The first byte that a start refers to, retained or not; undefined if it cannot be determined. */
  private wantedOffset(start: ReaderStart): number | undefined {
    if ('from' in start) return start.from === 'earliest' ? this.firstOffset : undefined;
    return 'lastBytes' in start ? Math.max(this.firstOffset, this.endOffset - start.lastBytes) : undefined;
  }

  /** @throws STREAM_RECREATED if `expected` is not this stream's generation */
  requireGeneration(expected: string): void {
    if (expected === this.generation) return;
    throw createError('STREAM_RECREATED', { actual: this.generation, expected }, restartDetails(expected));
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

  /** The error for an offset that is no longer retained; it contains the earliest retained offset (contract 25, 56). */
  offsetGone(offset: number, earliest = this.startOffset): StreamFSError {
    return createError('OFFSET_GONE', { offset, earliest }, { earliest });
  }

  /**
   * The offset that a start refers to, including bytes that only the log has. Lines are searched in memory only.
   *
   * @throws as {@link openReader}
   */
  startWithHistory(start: ReaderStart): number {
    const history = this.log?.history;
    const cursor = this.startCursor(start, history);
    return Math.min(Math.max(cursor, this.oldestOffset(history)), this.endOffset);
  }

  private oldestOffset(history: History | undefined): number {
    return history === undefined ? this.startOffset : Math.min(this.startOffset, history.floor);
  }

  /** The stream including the bytes that only its log has. */
  get withHistory(): StreamWithHistory {
    return new StreamWithHistory(this, this.log?.history);
  }

  // ── chunks and lines ───────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The start of the chunk that contains `offset`, or the oldest retained offset if that is later. A chunk start and
   * the end of the stream are returned unchanged.
   *
   * @throws OFFSET_GONE
   */
  chunkStart(offset: number): number {
    if (offset < this.startOffset) throw this.offsetGone(offset);
    if (offset >= this.endOffset) return this.endOffset;
    return Math.max(this.startOffset, this.ring.chunkStart(offset));
  }

  /**
   * The offset after the chunk that contains `offset`. The end of the stream is returned unchanged.
   *
   * @throws OFFSET_GONE
   */
  chunkEnd(offset: number): number {
    if (offset < this.startOffset) throw this.offsetGone(offset);
    return this.ring.chunkEnd(offset);
  }

  /**
   * The start of the line that contains `offset`, which must be retained or the end; undefined if that start is no
   * longer retained.
   */
  lineStart(offset: number): number | undefined {
    const { startOffset } = this;
    const newline = this.ring.newlineBefore(startOffset, offset);
    if (newline >= 0) return newline + 1;
    return this.isLineStart(startOffset) ? startOffset : undefined;
  }

  /** The first retained line start; the end of the stream if there is none. */
  firstLineStart(): number {
    const { startOffset } = this;
    return this.isLineStart(startOffset) ? startOffset : this.lineEnd(startOffset);
  }

  /** The offset after the line that contains `offset`; the end of the stream if that line is unfinished. */
  lineEnd(offset: number): number {
    const newline = this.ring.newlineFrom(offset);
    return newline < 0 ? this.endOffset : Math.min(this.endOffset, newline + 1);
  }

  private isLineStart(offset: number): boolean {
    return offset === this.firstOffset || this.ring.followsNewline(offset);
  }

  /**
   * The bytes at an absolute offset, without a reader: as many as are contiguous in memory, at most `max`. Undefined at
   * the end.
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
   * The bytes between two retained offsets, without a copy. They stay unchanged for as long as they are referenced,
   * even after eviction.
   */
  retainParts(from: number, to: number): Uint8Array[] {
    return this.partsBetween(from, to, (slab, at, end) => slab.retain(at, end));
  }

  /** The oldest offset in memory. It is below {@link startOffset} while readers need more than the retained bytes. */
  get oldestHeld(): number {
    return this.ring.floor;
  }

  /** The bytes between two offsets in memory, without a copy. Valid until the next append. */
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

  /** A copy of the retained bytes from a start on (contract 34). */
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

  /** Like {@link snapshot}, but without a copy. The bytes stay unchanged for as long as they are referenced. */
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

  /** The stream's counters are about to change, so it must leave the sum. */
  willChange(): void {
    const { sum } = this;
    if (sum === undefined) return;
    this.sum = undefined;
    sum.leave(this);
  }

  /** A closed reader has taken bytes that it had peeked before. */
  deliveredLate(bytes: number): void {
    this.sum?.deliveredLate(bytes);
  }

  beforeEvict(slab: Slab): void {
    this.readerSet?.beforeEvict(slab);
  }

  /** One of the stream's readers was closed. */
  readerLeft(readerSet: ReaderSet): void {
    this.keepForReaders(readerSet);
    if (readerSet.readers.size === 0) this.ring.evict(this.ring.end - this.kept);
    this.releaseIfGone();
    this.rules.observer.readerClosed?.(this);
  }
}

/** The error for a write to an ended stream. */
export function closedError(reason: EndReason): StreamFSError {
  return reason === 'shutdown' ? createError('STREAM_SHUT_DOWN') : createError('STREAM_CLOSED', {}, { reason });
}

/** Error details for a generation that does not exist: whether it was lost in a server restart. */
export function restartDetails(generation: string): { server_restarted?: true } {
  return isOfThisProcess(generation) ? {} : { server_restarted: true };
}
