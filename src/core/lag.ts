/**
 * What becomes of a slow reader: the one place that decides it (contract 20; docs/adr/0002-what-a-slow-reader-loses.md).
 *
 * A reader that has caught up once may lag `maxLag` bytes; one still on its way through history may lag by all that is
 * kept. Nothing here runs when bytes are appended: what a reader has lost follows from where it stands and where the
 * stream's end is, so it is worked out when the reader comes back, and costs the writer nothing. Two exceptions, for
 * the readers that ask for them: `block` makes writers wait, and `drop-newest` holds on to slabs as they are evicted.
 */
import type { Slab } from './slab.ts';

/** Bytes a `drop-newest` reader has queued: a range that stays readable whatever the ring evicts. */
interface Range {
  from: number;
  to: number;
}

/**
 * The queue of a `drop-newest` reader: what it has queued stays, what arrives while the queue is full is lost.
 *
 *     ranges[0]          gap         ranges[1]      gap      tail…end (still filling)
 *     ███████████ ···············  ████████████ ·········  ████
 *
 * At most `capacity` bytes are queued, in evicted slabs that this queue alone keeps alive where it must.
 */
export class DropNewestQueue {
  private ranges: Range[] = [];
  private tail: number;
  private readonly held: Slab[] = [];

  constructor(cursor: number) {
    this.tail = cursor;
  }

  /** Brings the queue up to date: what no longer fits before `end` is lost. */
  settle(cursor: number, end: number, capacity: number): void {
    let queued = 0;
    for (const range of this.ranges) queued += range.to - Math.max(range.from, cursor);
    const from = Math.max(this.tail, cursor);
    const room = from + Math.max(0, capacity - queued);
    if (end <= room) return;
    if (room > from) this.ranges.push({ from, to: room });
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
    const next = this.ranges[0]?.from ?? this.tail;
    return Math.max(cursor, next);
  }

  /** A slab leaves the ring: keep it if anything queued lies in it. */
  hold(slab: Slab, cursor: number): void {
    const needed = (from: number, to: number) => slab.base < to && slab.end > Math.max(from, cursor);
    if (this.ranges.some((range) => needed(range.from, range.to)) || slab.end > Math.max(this.tail, cursor)) {
      this.held.push(slab);
    }
  }

  /** The held slab with the byte at `offset`, if the ring has it no more. */
  locate(offset: number): Slab | undefined {
    while (this.held.length > 0 && this.held[0]!.end <= offset) this.held.shift();
    const first = this.held[0];
    return first !== undefined && first.base <= offset ? first : undefined;
  }
}
