import type { Slab } from '../slab.ts';

/**
 * The maximum number of ranges in a queue. Without it, a reader that takes one byte at a time could have a range per
 * byte.
 */
const MAX_RANGES = 1024;

/** A range of bytes queued for a `drop-newest` reader. It stays readable after the ring has evicted it. */
interface Range {
  from: number;
  to: number;
}

/** Accounts for the memory that queues hold, if there is a budget. */
export interface QueueAccount {
  heldByReaders(change: number): void;
}

/**
 * The queue of a `drop-newest` reader: queued bytes are kept, and bytes that arrive while the queue is full are lost.
 *
 *     ranges[0]          gap         ranges[1]      gap      tail…end (still filling)
 *     ███████████ ···············  ████████████ ·········  ████
 *
 * At most `capacity` bytes are queued. The queue keeps evicted slabs alive as long as it needs them. If it needs less
 * than half of a slab, it copies that part: the queue of a reader that keeps lagging is scattered over everything ever
 * written, and must not hold all of it.
 */
export class DropNewestQueue {
  private ranges: Range[] = [];
  private tail: number;
  private readonly held: Slab[] = [];
  private readonly account: QueueAccount | undefined;

  constructor(cursor: number, account?: QueueAccount) {
    this.tail = cursor;
    this.account = account;
  }

  /** Bytes of memory held. */
  get byteLength(): number {
    let total = 0;
    for (const slab of this.held) total += slab.byteLength;
    return total;
  }

  /** Updates the queue to the stream end `end`: bytes that do not fit are lost. */
  advanceTo(cursor: number, end: number, capacity: number): void {
    let queued = 0;
    for (const range of this.ranges) queued += range.to - Math.max(range.from, cursor);
    const from = Math.max(this.tail, cursor);
    const room = from + Math.max(0, capacity - queued);
    if (end <= room) return;
    if (room > from && this.ranges.length < MAX_RANGES) this.ranges.push({ from, to: room });
    this.tail = end;
  }

  /** The end of the contiguous bytes that a reader at `cursor` can read. */
  readableEnd(cursor: number, end: number): number {
    const first = this.ranges[0];
    return first !== undefined && cursor < first.to ? first.to : end;
  }

  /** The offset at which a reader resumes after reading up to `cursor`: beyond `cursor` if bytes were lost there. */
  resume(cursor: number): number {
    while (this.ranges.length > 0 && cursor >= this.ranges[0]!.to) this.ranges.shift();
    while (this.held.length > 0 && this.held[0]!.end <= cursor) this.letGo(this.held.shift()!);
    const next = this.ranges[0]?.from ?? this.tail;
    return Math.max(cursor, next);
  }

  /**
   * Keeps the queued bytes of a slab that the ring evicts. {@link advanceTo} must have been called. The ring may evict
   * bytes after the last range too: with a log, the end is behind the bytes already written, which count towards what
   * the ring retains.
   */
  hold(slab: Slab, cursor: number): void {
    const parts: Range[] = [];
    let needed = 0;
    const add = (range: Range): void => {
      const from = Math.max(range.from, cursor, slab.base);
      const to = Math.min(range.to, slab.end);
      if (from >= to) return;
      const last = parts.at(-1);
      if (last?.to === from) last.to = to;
      else parts.push({ from, to });
      needed += to - from;
    };
    for (const range of this.ranges) add(range);
    add({ from: this.tail, to: slab.end });
    const kept = needed * 2 >= slab.capacity ? [slab] : parts.map(({ from, to }) => slab.copy(from, to));
    for (const one of kept) {
      one.isRetained = true;
      this.held.push(one);
      this.account?.heldByReaders(one.byteLength);
    }
  }

  /**
   * Queued bytes below `floor` are lost, and all memory held by the queue is released, because memory has run short.
   */
  lostBelow(floor: number): void {
    this.ranges = this.ranges.filter((range) => range.to > floor);
    const first = this.ranges[0];
    if (first !== undefined && first.from < floor) first.from = floor;
    this.tail = Math.max(this.tail, floor);
    this.release();
  }

  /**
   * The stream continues at `offset`, after its end at `end`: the bytes in between are lost. Queued bytes stay, and the
   * slabs they are in must then be passed to {@link hold}.
   */
  skipTo(offset: number, cursor: number, end: number, capacity: number): void {
    this.advanceTo(cursor, end, capacity);
    const from = Math.max(this.tail, cursor);
    // With an infinite capacity the reader reads from the log instead.
    if (from < end && capacity !== Number.POSITIVE_INFINITY) this.ranges.push({ from, to: end });
    this.tail = offset;
  }

  /** Releases the memory held. */
  release(): void {
    for (const slab of this.held.splice(0)) this.letGo(slab);
  }

  private letGo(slab: Slab): void {
    this.account?.heldByReaders(-slab.byteLength);
  }

  /**
   * The held slab that contains `offset`, if the ring has evicted it. Locating releases nothing: a run is located up to
   * its end before its first byte is read.
   */
  locate(offset: number): Slab | undefined {
    return this.held.find((slab) => slab.base <= offset && offset < slab.end);
  }
}
