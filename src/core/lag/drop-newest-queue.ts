import type { Slab } from '../slab.ts';

/** Pieces a queue may consist of: a reader that takes a byte at a time would otherwise have one for every byte. */
const MAX_RANGES = 1024;

/** Bytes queued for a `drop-newest` reader: a range that stays readable after the ring has evicted it. */
interface Range {
  from: number;
  to: number;
}

/** Accounts for the memory that queues hold, where a budget is used. */
export interface QueueAccount {
  heldByReaders(change: number): void;
}

/**
 * The queue of a `drop-newest` reader: what it has queued stays, what arrives while the queue is full is lost.
 *
 *     ranges[0]          gap         ranges[1]      gap      tail…end (still filling)
 *     ███████████ ···············  ████████████ ·········  ████
 *
 * At most `capacity` bytes are queued, in evicted slabs that this queue alone keeps alive where it must. Of a slab that
 * is needed for less than half, that part is copied: a reader that keeps falling behind has its queue scattered over all
 * that was ever written, and must not hold all of that.
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

  /** Memory held, in bytes. */
  get byteLength(): number {
    let total = 0;
    for (const slab of this.held) total += slab.byteLength;
    return total;
  }

  /** Brings the queue up to date: what no longer fits before `end` is lost. */
  advanceTo(cursor: number, end: number, capacity: number): void {
    let queued = 0;
    for (const range of this.ranges) queued += range.to - Math.max(range.from, cursor);
    const from = Math.max(this.tail, cursor);
    const room = from + Math.max(0, capacity - queued);
    if (end <= room) return;
    if (room > from && this.ranges.length < MAX_RANGES) this.ranges.push({ from, to: room });
    this.tail = end;
  }

  /** Up to where a reader at `cursor` can read on. */
  readableEnd(cursor: number, end: number): number {
    const first = this.ranges[0];
    return first !== undefined && cursor < first.to ? first.to : end;
  }

  /** Where a reader goes on that has read all it could at `cursor`: beyond `cursor` when something was lost there. */
  resume(cursor: number): number {
    while (this.ranges.length > 0 && cursor >= this.ranges[0]!.to) this.ranges.shift();
    while (this.held.length > 0 && this.held[0]!.end <= cursor) this.letGo(this.held.shift()!);
    const next = this.ranges[0]?.from ?? this.tail;
    return Math.max(cursor, next);
  }

  /**
   * A slab leaves the ring: keep what is queued of it. The queue must have been settled. What lies behind the last range
   * is no more than a queue may hold, and the ring keeps at least that.
   */
  hold(slab: Slab, cursor: number): void {
    const parts: Range[] = [];
    let needed = 0;
    for (const range of this.ranges) {
      const from = Math.max(range.from, cursor, slab.base);
      const to = Math.min(range.to, slab.end);
      if (from >= to) continue;
      parts.push({ from, to });
      needed += to - from;
    }
    const kept = needed * 2 >= slab.capacity ? [slab] : parts.map(({ from, to }) => slab.copy(from, to));
    for (const one of kept) {
      one.isRetained = true;
      this.held.push(one);
      this.account?.heldByReaders(one.byteLength);
    }
  }

  /** What is queued below `floor` is lost, and with it all memory held alone: there is none left for it. */
  lostBelow(floor: number): void {
    this.ranges = this.ranges.filter((range) => range.to > floor);
    const first = this.ranges[0];
    if (first !== undefined && first.from < floor) first.from = floor;
    this.tail = Math.max(this.tail, floor);
    this.release();
  }

  /** Releases the memory held. */
  release(): void {
    for (const slab of this.held.splice(0)) this.letGo(slab);
  }

  private letGo(slab: Slab): void {
    this.account?.heldByReaders(-slab.byteLength);
  }

  /**
   * The held slab with the byte at `offset`, if the ring has it no more. Looking ahead gives nothing back: a run is
   * looked up to its end before its first byte has been read.
   */
  locate(offset: number): Slab | undefined {
    return this.held.find((slab) => slab.base <= offset && offset < slab.end);
  }
}
