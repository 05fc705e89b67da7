/**
 * The readers of a stream: which to wake and when, which ones writers wait for, and the totals of delivered and lost
 * bytes. Created with the first reader, since most streams of a server may never have one.
 */
import type { StreamFSError } from '../errors/index.ts';
import { COALESCE_FROM_READERS, FlushCoalescer } from './flush-coalescer.ts';
import { lagStrategyOf } from './lag/index.ts';
import { added, emptySet, removed } from './lazy-set.ts';
import type { Stream } from './public.ts';
import type { CursorReader, ReaderOwner } from './reader.ts';
import type { Slab } from './slab.ts';
import type { StreamRules } from './stream-rules.ts';
import type { GapRecord } from './types.ts';
import { WriterGate } from './writer-gate.ts';

/** The view of a stream that its reader set uses. */
export interface ReaderSetStream extends Stream {
  readonly rules: StreamRules;
  /** One of the stream's readers was closed. */
  readerLeft(readers: ReaderSet): void;
  /** A closed reader has taken bytes. */
  deliveredLate(bytes: number): void;
}

export class ReaderSet implements ReaderOwner {
  readonly gate: WriterGate;
  /** Losses of all readers, including closed ones, in bytes and in chunks (contract 8). */
  skippedBytes = 0;
  skippedChunks = 0;
  /** Bytes and chunks delivered to readers that are now closed. */
  closedBytes = 0;
  closedChunks = 0;
  /** A flush that wakes the waiting readers is scheduled for the end of this turn. */
  isFlushDue = false;
  private readonly stream: ReaderSetStream;
  private open = emptySet<CursorReader>();
  /** Readers whose policy must observe appends and evictions. */
  private watched = emptySet<CursorReader>();
  private waiting: CursorReader[] = [];
  /** The end offset of the stream at the last flush. */
  private flushedTo: number;
  /** Created when many readers wait for the first time. */
  private coalescer: FlushCoalescer | undefined;

  constructor(stream: ReaderSetStream) {
    this.stream = stream;
    this.gate = new WriterGate(stream.rules);
    this.flushedTo = stream.endOffset;
  }

  get readers(): ReadonlySet<CursorReader> {
    return this.open;
  }

  add(reader: CursorReader): void {
    this.open = added(this.open, reader);
    this.applyLagStrategy(reader);
  }

  private applyLagStrategy(reader: CursorReader): void {
    const { blocksWriters, watchesStream } = reader.lagStrategy;
    if (blocksWriters) this.gate.add(reader);
    if (watchesStream) this.watched = added(this.watched, reader);
  }

  /** The rules of the stream have changed. Readers that did not request a policy switch to the new one. */
  adopt(rules: StreamRules): void {
    this.gate.adopt(rules);
    for (const reader of this.open) {
      if (reader.hasOwnPolicy || reader.policy === rules.onLag) continue;
      this.gate.delete(reader);
      this.watched = removed(this.watched, reader);
      reader.setLagStrategy(lagStrategyOf(rules.onLag));
      this.applyLagStrategy(reader);
    }
  }

  /** Whether `length` bytes can be written now without waiting for a reader. */
  acceptsNow(length: number): boolean {
    const portion = this.open.size === 0 ? Number.POSITIVE_INFINITY : this.gate.portion;
    return length <= portion && this.gate.isOpen;
  }

  // ── for the stream ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Something was appended, or the stream has ended. Readers that start to wait later in this turn are woken too. */
  changed(): void {
    if (this.isFlushDue || this.open.size === 0) return;
    this.isFlushDue = true;
    setImmediate(ReaderSet.flush, this);
  }

  beforeEvict(slab: Slab): void {
    for (const reader of this.watched) reader.lagStrategy.beforeEvict(reader, slab);
  }

  // ── for readers ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Adds a reader to the waiting list. */
  addWaiting(reader: CursorReader): void {
    reader.place = this.waiting.length;
    this.waiting.push(reader);
  }

  /** Removes a reader from the waiting list in constant time: the last reader takes its index. */
  removeWaiting(reader: CursorReader): void {
    const { place } = reader;
    if (this.waiting[place] !== reader) return;
    const last = this.waiting.pop()!;
    if (last === reader) return;
    this.waiting[place] = last;
    last.place = place;
  }

  /** A reader has advanced: writers that wait for it may continue. */
  roomMade(): void {
    this.gate.roomMade();
  }

  gapFound(reader: CursorReader, gap: GapRecord): void {
    this.skippedBytes += gap.to - gap.from;
    this.skippedChunks += gap.chunks;
    this.stream.rules.observer.gap?.(this.stream, reader, gap);
  }

  readerFailed(reader: CursorReader, error: StreamFSError): void {
    this.stream.rules.observer.tooSlow?.(this.stream, reader, error);
  }

  /** A reader took bytes after it was closed, which it had peeked before. */
  deliveredLate(bytes: number): void {
    this.closedBytes += bytes;
    this.stream.deliveredLate(bytes);
  }

  readerClosed(reader: CursorReader): void {
    this.closedBytes += reader.receivedBytes;
    this.closedChunks += reader.receivedChunks;
    this.removeWaiting(reader);
    this.open = removed(this.open, reader);
    this.watched = removed(this.watched, reader);
    this.gate.delete(reader);
    this.stream.readerLeft(this);
  }

  // ── waking ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Wakes every waiting reader, once for all appends of this turn of the event loop. */
  private static flush(this: void, readers: ReaderSet): void {
    const { stream } = readers;
    const { length } = readers.waiting;
    if (length >= COALESCE_FROM_READERS) readers.coalescer ??= new FlushCoalescer();
    const { coalescer } = readers;
    if (stream.endReason === undefined && coalescer?.shouldWait(length, stream.endOffset - readers.flushedTo)) {
      setImmediate(ReaderSet.flush, readers);
      return;
    }
    readers.isFlushDue = false;
    readers.flushedTo = stream.endOffset;
    for (const reader of readers.watched) reader.lagStrategy.checkLag(reader);
    if (length === 0) return;
    if (coalescer === undefined) readers.wakeAll();
    else readers.wakeCoalesced(coalescer, length);
  }

  private wakeCoalesced(coalescer: FlushCoalescer, length: number): void {
    coalescer.flush(length, () => this.wakeAll());
  }

  private wakeAll(): void {
    const woken = this.waiting;
    this.waiting = [];
    for (const reader of woken) reader.wake();
  }
}
