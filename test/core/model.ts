/**
 * A plain model of a stream and its readers: the whole history in one array, every policy recomputed from the beginning, no
 * memory released. Property tests compare the core with it.
 */
import type { LagPolicy, ReaderStart, ReadRecord } from '../../src/core/index.ts';
import { MAX_CHUNK } from '../../src/core/index.ts';

export interface Limits {
  retention: number;
  maxLag: number;
}

/** A run of offsets, `to` not included. */
interface Run {
  from: number;
  to: number;
}

/** The required result of a read: exactly a record, or at least some of the bytes of a run. */
export type Expected = Exclude<ReadRecord, { type: 'data' }> | ({ type: 'data' } & Run) | undefined;

export class ModelStream {
  readonly limits: Limits;
  readonly readers = new Set<ModelReader>();
  /** All bytes ever appended. */
  private bytes = Buffer.alloc(1024);
  end = 0;
  /** The offset after each chunk. */
  readonly chunkEnds: number[] = [];
  /** The oldest byte that any reader could still request. */
  floor = 0;
  ended: 'ended' | 'removed' | 'shutdown' | undefined;
  skippedBytes = 0;
  skippedChunks = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  get start(): number {
    return Math.max(0, this.end - this.limits.retention);
  }

  /** Bytes that must be kept: the retention for late joiners, and the allowed lag of readers. */
  get kept(): number {
    if (this.readers.size === 0) return this.limits.retention;
    const blocks = [...this.readers].some((reader) => reader.policy === 'block');
    return this.widest + (blocks ? MAX_CHUNK : 0);
  }

  /** The allowed lag of a reader on its way through history: a slab more than is retained. */
  get widest(): number {
    const { retention, maxLag } = this.limits;
    const slab = 2 ** Math.floor(Math.log2(Math.max(1, Math.max(retention, maxLag) / 4)));
    return Math.max(retention + Math.min(256 * 1024, Math.max(1024, slab)), maxLag);
  }

  append(bytes: Uint8Array): void {
    while (this.bytes.length < this.end + bytes.length) this.bytes = Buffer.concat([this.bytes, this.bytes]);
    this.bytes.set(bytes, this.end);
    for (let at = 0; at < bytes.length; at += MAX_CHUNK) {
      const length = Math.min(MAX_CHUNK, bytes.length - at);
      this.end += length;
      this.chunkEnds.push(this.end);
      this.floor = Math.max(this.floor, this.end - this.kept);
    }
    for (const reader of this.readers) reader.offered(this.end - bytes.length, this.end);
  }

  slice(from: number, to: number): Uint8Array {
    return this.bytes.subarray(from, to);
  }

  /** Chunks with at least one byte in the run. */
  chunksIn(from: number, to: number): number {
    let count = 0;
    let start = 0;
    for (const end of this.chunkEnds) {
      if (end > from && start < to) count++;
      start = end;
    }
    return count;
  }

  chunkEndAfter(offset: number): number {
    return this.chunkEnds.find((end) => end > offset)!;
  }

  lastLines(count: number): number {
    if (count === 0) return this.end;
    const starts: number[] = [];
    for (let at = this.start; at < this.end - 1; at++) if (this.bytes[at] === 10) starts.push(at + 1);
    return starts.length < count ? this.start : starts[starts.length - count]!;
  }

  startOf(start: ReaderStart): number {
    if ('from' in start) return start.from === 'live' ? this.end : this.start;
    if ('lastBytes' in start) return Math.max(this.start, this.end - start.lastBytes);
    if ('lastLines' in start) return this.lastLines(start.lastLines);
    return start.offset;
  }

  /** A reader leaves: with the last one, bytes that only readers needed are released. */
  leave(reader: ModelReader): void {
    if (this.readers.delete(reader) && this.readers.size === 0) {
      this.floor = Math.max(this.floor, this.end - this.limits.retention);
    }
  }
}

export class ModelReader {
  readonly policy: LagPolicy;
  cursor: number;
  received = 0;
  skippedBytes = 0;
  skippedChunks = 0;
  failed = false;
  /** The position of the cursor if nothing had ever been delivered or lost: only seeks move it. */
  origin: number;
  live = false;
  private announced = false;
  /** Whether chunks before the cursor can be counted: not while it is beyond the end. */
  private countable = true;
  private firstGap: Run | undefined;
  /** `drop-newest` only: its queued bytes. */
  private queue: Run[] = [];
  private readonly stream: ModelStream;

  constructor(stream: ModelStream, policy: LagPolicy, cursor: number) {
    this.stream = stream;
    this.policy = policy;
    this.origin = cursor;
    this.cursor = cursor;
    if (cursor < stream.start) this.firstGap = { from: cursor, to: stream.start };
    this.settleAt(Math.max(cursor, stream.start));
    stream.readers.add(this);
  }

  private settleAt(position: number): void {
    const { stream } = this;
    this.live = position >= stream.end;
    this.countable = position <= stream.end;
    this.queue = position < stream.end ? [{ from: position, to: stream.end }] : [];
  }

  get allowed(): number {
    return this.live ? this.stream.limits.maxLag : this.stream.widest;
  }

  get position(): number {
    return this.firstGap?.to ?? this.cursor;
  }

  get lag(): number {
    return Math.max(0, this.stream.end - this.position);
  }

  /** Bytes arrive: a full queue takes none of them, one with room takes what fits. */
  offered(from: number, to: number): void {
    if (this.policy !== 'drop-newest') return;
    const start = Math.max(from, this.position);
    const queued = this.queue.reduce((sum, run) => sum + run.to - run.from, 0);
    const taken = Math.min(Math.max(0, this.allowed - queued), Math.max(0, to - start));
    if (taken === 0) return;
    const last = this.queue.at(-1);
    if (last?.to === start) last.to += taken;
    else this.queue.push({ from: start, to: start + taken });
  }

  /** The end of a turn of the event loop: a `disconnect` reader that is too far behind is disconnected. */
  turn(): void {
    if (this.policy === 'disconnect' && this.lag > this.allowed) this.cut();
  }

  private cut(): void {
    this.failed = true;
    this.stream.leave(this);
  }

  seek(offset: number): void {
    this.origin += offset - this.cursor;
    this.firstGap = undefined;
    this.cursor = offset;
    this.announced = false;
    this.settleAt(offset);
  }

  /** The offset up to which bytes can be read now; equal to the cursor if there are none. */
  private readableTo(): number {
    return this.policy === 'drop-newest' ? (this.queue[0]?.to ?? this.cursor) : this.stream.end;
  }

  /** Where reading must continue: the cursor, or beyond it if bytes were lost. */
  private resume(): number {
    const { stream } = this;
    switch (this.policy) {
      case 'drop-newest':
        return this.queue[0]?.from ?? Math.max(this.cursor, stream.end);
      case 'block':
        return stream.floor;
      default:
        return stream.end - this.allowed;
    }
  }

  /** The required result of a read, or 'cut off'. Consumes everything but bytes, like the reader. */
  next(chunkwise: boolean): Expected | 'cut off' {
    if (this.failed) return 'cut off';
    if (this.firstGap !== undefined) {
      const { from, to } = this.firstGap;
      this.firstGap = undefined;
      return this.lose(from, to, 0);
    }
    const resume = this.resume();
    if (resume > this.cursor) {
      if (this.policy === 'disconnect' || this.policy === 'block') {
        this.cut();
        return 'cut off';
      }
      this.announced = false;
      const chunks = this.countable ? this.stream.chunksIn(this.cursor, resume) : 0;
      this.countable = true;
      return this.lose(this.cursor, resume, chunks);
    }
    const to = this.readableTo();
    if (this.cursor < to) {
      const chunkEnd = chunkwise ? this.stream.chunkEndAfter(this.cursor) : to;
      return { type: 'data', from: this.cursor, to: Math.min(to, chunkEnd) };
    }
    if (this.stream.ended !== undefined) return { type: 'end', offset: this.cursor, reason: this.stream.ended };
    if (this.announced || this.cursor > this.stream.end) return undefined;
    this.announced = true;
    this.live = true;
    return { type: 'caught-up', offset: this.cursor };
  }

  private lose(from: number, to: number, chunks: number): Expected {
    this.cursor = to;
    this.skippedBytes += to - from;
    this.skippedChunks += chunks;
    this.stream.skippedBytes += to - from;
    this.stream.skippedChunks += chunks;
    return { type: 'gap', from, to, chunks };
  }

  take(length: number): void {
    this.cursor += length;
    this.received += length;
    this.countable = true;
    if (this.cursor === this.stream.end) this.live = true;
    const first = this.queue[0];
    if (first !== undefined) {
      first.from = this.cursor;
      if (first.from === first.to) this.queue.shift();
    }
  }
}
