/**
 * A stream: one writer's end that decides the order of all bytes, one ring that holds them, any number of readers.
 *
 *     append ─► ring ─► (end of the event-loop turn) flush ─► the readers that wait
 *
 * `append` is synchronous and is the only place where order is decided: whatever was appended first is first for
 * everybody. It never looks at readers, however many there are; readers that wait are woken once per turn of the
 * event loop, however often something was appended in it.
 */
import { fail, type StreamFSError } from '../errors/index.ts';
import { newGeneration } from './generation.ts';
import { MANY, Pace } from './pace.ts';
import { Reader } from './reader.ts';
import { Ring } from './ring.ts';
import { added, emptySet, removed } from './shared-set.ts';
import type { Slab } from './slab.ts';
import { StreamMemory } from './stream-memory.ts';
import { policyOf, type StreamObserver, type StreamOptions, type StreamStats } from './stream-options.ts';
import {
  type EndReason,
  type GapRecord,
  type LagPolicy,
  MAX_CHUNK,
  MAX_OFFSET,
  type ReaderOptions,
  type ReaderStart,
} from './types.ts';
import { atLeastOne, requireWhole } from './whole.ts';
import { WriterGate } from './writer-gate.ts';

/** Of the last reader of any stream. */
let lastReaderId = 0;

export class Stream {
  /** What its owner calls it, where somebody is to be told; nothing here depends on it. */
  readonly name: string | undefined;
  readonly generation: string;
  readonly retention: number;
  readonly maxLag: number;
  readonly onLag: LagPolicy;
  readonly createdAt: number;
  /** When it was last written to or touched, in milliseconds since 1970 (contract 6). */
  modifiedAt: number;
  /** Losses of all readers there ever were, in bytes and in chunks (contract 8). */
  skippedBytes = 0;
  skippedChunks = 0;
  /** What readers that are closed had been delivered. */
  private closedBytes = 0;
  private closedChunks = 0;

  /** For readers only: what they read from. */
  readonly ring: Ring;
  /** Its part of the budget. */
  readonly memory: StreamMemory | undefined;
  private readonly firstOffset: number;
  private readonly now: () => number;
  private readonly observer: StreamObserver;
  private readonly gate: WriterGate;
  private openReaders = emptySet<Reader>();
  /** Readers whose policy must be looked after while they are away: `disconnect`, and `drop-newest`. */
  private watched = emptySet<Reader>();
  private waiting: Reader[] = [];
  private flushScheduled = false;
  /** The end of the stream at the last flush. */
  private flushedTo: number;
  /** Made when many readers wait for the first time. */
  private pace: Pace | undefined;
  /** Bytes to keep. */
  private kept: number;
  private reason: EndReason | undefined;
  /** Removed, expired or shut down, also where its writer had ended it before: nobody can come to it any more. */
  isGone = false;

  constructor(options: StreamOptions) {
    this.retention = atLeastOne('retention', options.retention);
    this.maxLag = atLeastOne('maxLag', options.maxLag);
    this.onLag = policyOf(options.onLag ?? 'drop-oldest');
    this.name = options.name;
    this.generation = options.generation ?? newGeneration();
    this.firstOffset = options.firstOffset ?? 0;
    requireWhole('firstOffset', this.firstOffset);
    this.flushedTo = this.firstOffset;
    this.now = options.now ?? Date.now;
    this.observer = options.observer ?? {};
    this.createdAt = this.now();
    this.modifiedAt = this.createdAt;
    this.memory = options.budget === undefined ? undefined : new StreamMemory(options.budget, this);
    this.gate = new WriterGate(options.blockTimeout ?? 5000, this.maxLag);
    this.ring = new Ring(this.firstOffset, Math.max(this.retention, this.maxLag), this, this.memory);
    this.kept = this.retention;
  }

  /** The oldest offset a new reader may start at: exactly `retention` bytes before the end, once so many were written. */
  get startOffset(): number {
    return Math.max(this.ring.floor, this.ring.end - this.retention);
  }

  /** The offset of the next byte to be written. */
  get endOffset(): number {
    return this.ring.end;
  }

  /** Bytes ever written (contract 5). */
  get totalWritten(): number {
    return this.ring.end - this.firstOffset;
  }

  /** Why no more can be written; undefined while it can. */
  get endReason(): EndReason | undefined {
    return this.reason;
  }

  get readerCount(): number {
    return this.openReaders.size;
  }

  readers(): IterableIterator<Reader> {
    return this.openReaders.values();
  }

  /**
   * Appends bytes as one piece, at once, whatever readers there are, and gives the new end offset. The bytes are
   * copied: the caller may reuse its memory. They become chunks of at most 64 KiB. No bytes: nothing happens.
   *
   * @throws STREAM_CLOSED after the end (contract 3), STREAM_FULL beyond 2^53 - 1 (contract 15); nothing is written then
   */
  append(bytes: Uint8Array): number {
    if (this.reason !== undefined) throw fail('STREAM_CLOSED');
    const { ring } = this;
    if (bytes.length === 0) return ring.end;
    if (bytes.length > MAX_OFFSET - ring.end) throw fail('STREAM_FULL', { max: MAX_OFFSET });
    // Once a turn is exact enough: asking for the time costs more than copying a small chunk.
    if (!this.flushScheduled) this.modifiedAt = this.now();
    if (bytes.length <= MAX_CHUNK) this.appendChunk(bytes);
    else {
      for (let at = 0; at < bytes.length; at += MAX_CHUNK) this.appendChunk(bytes.subarray(at, at + MAX_CHUNK));
    }
    // Also for those that come to wait later in this turn.
    if (this.openReaders.size > 0) this.scheduleFlush();
    return ring.end;
  }

  private appendChunk(chunk: Uint8Array): void {
    this.ring.append(chunk);
    this.ring.evict(this.ring.end - this.kept);
  }

  /** Readers have come or gone: keep what they may lag; beyond that nobody could ask for it. */
  private keepForReaders(): void {
    this.kept = this.openReaders.size === 0 ? this.retention : this.joinerLag + this.gate.slack;
  }

  /**
   * How far a reader may fall behind that has not caught up yet: by all that is retained, and a slab more, so that what
   * is appended between its opening and its first read costs it nothing, however full the ring is (contract 17).
   */
  get joinerLag(): number {
    return Math.max(this.retention + this.ring.maxSlab, this.maxLag);
  }

  /** Whether so many bytes would be written at once, without waiting for anybody. */
  takesAtOnce(length: number): boolean {
    const portion = this.openReaders.size === 0 ? Number.POSITIVE_INFINITY : this.gate.portion;
    return length <= portion && this.gate.isOpen;
  }

  /**
   * Appends like {@link append}, but waits where a reader has asked writers to (contract 20, `block`), and lets readers
   * keep up with a long one. Still one piece: no other `write` comes in between. Returns nothing where there was
   * nothing to wait for; otherwise the caller's memory is needed until the promise settles.
   *
   * @throws like {@link append}. A stream that ends in the middle of a long write keeps what was written until then
   */
  write(bytes: Uint8Array): void | Promise<void> {
    if (this.takesAtOnce(bytes.length)) {
      this.append(bytes);
      return undefined;
    }
    if (this.reason !== undefined) throw fail('STREAM_CLOSED');
    if (bytes.length > MAX_OFFSET - this.ring.end) throw fail('STREAM_FULL', { max: MAX_OFFSET });
    return this.gate.pass(bytes, (part) => this.append(part));
  }

  /** Moves the modification time to now. */
  touch(): void {
    this.modifiedAt = this.now();
  }

  /**
   * No more appends. Readers get what they are owed, then the end; history stays readable (contract 23, 29).
   * Ending twice is harmless: the first reason stays.
   */
  end(reason: EndReason = 'ended'): void {
    if (reason !== 'ended') this.isGone = true;
    if (this.reason === undefined) {
      this.reason = reason;
      this.gate.abandon();
      if (this.openReaders.size > 0) this.scheduleFlush();
      this.observer.ended?.(this);
    }
    this.releaseIfGone();
  }

  /** A stream whose path is gone is nobody's once its last reader has left. */
  private releaseIfGone(): void {
    if (this.isGone && this.openReaders.size === 0) this.memory?.release();
  }

  /**
   * A new reader (contract 17, 25).
   *
   * @throws OFFSET_GONE for an offset no longer retained, STREAM_RECREATED for another generation, INVALID_PARAMETER
   * for a start or a policy that is none
   */
  openReader(options: ReaderOptions = {}): Reader {
    if (options.generation !== undefined) this.requireGeneration(options.generation);
    const start = options.start ?? { from: 'earliest' };
    const cursor = this.startCursor(start);
    const policy = policyOf(options.onLag ?? this.onLag);
    const reader = new Reader(this, ++lastReaderId, policy, cursor, this.now());
    this.openReaders = added(this.openReaders, reader);
    if (policy === 'block') this.gate.add(reader);
    if (policy === 'disconnect' || policy === 'drop-newest') this.watched = added(this.watched, reader);
    this.keepForReaders();
    return reader;
  }

  /** @throws STREAM_RECREATED if `expected` is not this stream's generation */
  requireGeneration(expected: string): void {
    if (expected !== this.generation) throw fail('STREAM_RECREATED', { actual: this.generation, expected });
  }

  private startCursor(start: ReaderStart): number {
    const { startOffset, endOffset } = this;
    if ('from' in start) return start.from === 'live' ? endOffset : startOffset;
    if ('lastBytes' in start) {
      requireWhole('lastBytes', start.lastBytes);
      return Math.max(startOffset, endOffset - start.lastBytes);
    }
    if ('lastLines' in start) {
      requireWhole('lastLines', start.lastLines);
      return this.ring.lastLines(start.lastLines, startOffset);
    }
    requireWhole('offset', start.offset);
    if (start.offset < startOffset && start.onExpired !== 'skip') throw this.offsetGone(start.offset);
    return start.offset;
  }

  /** The error for an offset no longer retained; it names the earliest that is (contract 25, 56). */
  offsetGone(offset: number): StreamFSError {
    const earliest = this.startOffset;
    return fail('OFFSET_GONE', { offset, earliest }, { earliest });
  }

  /**
   * The bytes at an absolute offset, without a reader: as many as lie together, at most `max`. Undefined at the end.
   *
   * @throws OFFSET_GONE
   */
  peekAt(offset: number, max: number): Uint8Array | undefined {
    if (offset < this.startOffset) throw this.offsetGone(offset);
    if (offset >= this.endOffset) return undefined;
    const slab = this.ring.locate(offset);
    return slab.view(offset, Math.min(slab.end, offset + max));
  }

  /** A copy of the bytes retained from a start on (contract 34). */
  snapshot(start: ReaderStart = { from: 'earliest' }): { data: Uint8Array; offset: number } {
    const from = Math.min(Math.max(this.startCursor(start), this.startOffset), this.endOffset);
    const data = new Uint8Array(this.endOffset - from);
    for (let at = from; at < this.endOffset; ) {
      const slab = this.ring.locate(at);
      data.set(slab.glance(at, slab.end), at - from);
      at = slab.end;
    }
    return { data, offset: from };
  }

  stats(): StreamStats {
    let maxReaderLag = 0;
    let deliveredBytes = this.closedBytes;
    let deliveredChunks = this.closedChunks;
    for (const reader of this.openReaders) {
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
      ended: this.reason,
      createdAt: this.createdAt,
      modifiedAt: this.modifiedAt,
    };
  }

  // ── for the ring ───────────────────────────────────────────────────────────────────────────────────────────────

  slabLeaves(slab: Slab): void {
    for (const reader of this.watched) reader.slabLeaves(slab);
  }

  // ── for readers ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Puts a reader on the list of those to be woken. */
  enlist(reader: Reader): void {
    reader.place = this.waiting.length;
    this.waiting.push(reader);
  }

  /** Takes a reader off that list, in constant time: the last one takes its place. */
  delist(reader: Reader): void {
    const { place } = reader;
    if (this.waiting[place] !== reader) return;
    const last = this.waiting.pop()!;
    if (last === reader) return;
    this.waiting[place] = last;
    last.place = place;
  }

  /** A reader has moved on: writers that wait for it may go on. */
  roomMade(): void {
    this.gate.roomMade();
  }

  gapFound(reader: Reader, gap: GapRecord): void {
    this.skippedBytes += gap.to - gap.from;
    this.skippedChunks += gap.chunks;
    this.observer.gap?.(this, reader, gap);
  }

  readerFailed(reader: Reader, error: StreamFSError): void {
    this.observer.tooSlow?.(this, reader, error);
  }

  /** What was peeked before a reader was closed, and arrived after. */
  deliveredLate(bytes: number): void {
    this.closedBytes += bytes;
  }

  readerClosed(reader: Reader): void {
    this.closedBytes += reader.receivedBytes;
    this.closedChunks += reader.receivedChunks;
    this.delist(reader);
    this.openReaders = removed(this.openReaders, reader);
    this.watched = removed(this.watched, reader);
    this.gate.delete(reader);
    this.keepForReaders();
    if (this.openReaders.size === 0) this.ring.evict(this.ring.end - this.kept);
    this.releaseIfGone();
    this.observer.readerClosed?.(this);
  }

  private scheduleFlush(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    setImmediate(Stream.flush, this);
  }

  /** Wakes every reader that waits, once for all that was appended in this turn of the event loop. */
  private static flush(this: void, stream: Stream): void {
    const { length } = stream.waiting;
    if (length >= MANY) stream.pace ??= new Pace();
    const { pace } = stream;
    if (stream.reason === undefined && pace?.waits(length, stream.ring.end - stream.flushedTo)) {
      setImmediate(Stream.flush, stream);
      return;
    }
    stream.flushScheduled = false;
    stream.flushedTo = stream.ring.end;
    for (const reader of stream.watched) reader.checkLag();
    if (length === 0) return;
    if (pace === undefined) stream.wakeAll();
    else stream.wakeAtPace(pace, length);
  }

  private wakeAtPace(pace: Pace, length: number): void {
    pace.round(length, () => this.wakeAll());
  }

  private wakeAll(): void {
    const woken = this.waiting;
    this.waiting = [];
    for (const reader of woken) reader.wake();
  }
}
