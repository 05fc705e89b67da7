/**
 * The ring buffer of a stream: one copy of its newest bytes, in slabs that are filled and released in order.
 *
 *     floor                                                        end
 *       ▼                                                           ▼
 *     [ slab ··████ ] [ slab ██████ ] [ slab ██████ ] [ slab ████     ]
 *       evicted─┘                                          free─┘
 *
 * The ring makes no retention decisions: the stream tells it what to keep. Slabs start small and grow, so memory use
 * follows the fill level. At most one slab at each end is partly used.
 */
import { makeRun } from './run.ts';
import { Slab } from './slab.ts';
import { FIRST_SLAB } from './slab-memory.ts';
import type { BorrowedRun } from './types.ts';

const MAX_CACHED_RUNS = 4;

/** Accounts for the memory of a ring, if there is a budget. */
export interface SlabAccount {
  /** Reserves memory for a slab and returns the capacity it may have. This may evict slabs from this ring. */
  takeSlab(wish: number): number;
  giveSlab(bytes: number): void;
  settle(): void;
  /** Reserves memory for existing slabs. The caller has checked that there is room. */
  takeSlabs(bytes: number): void;
}

/** Receives each slab before it is evicted. */
export interface SlabWatcher {
  beforeEvict(slab: Slab): void;
}

/** Slabs for another ring; see {@link Ring.part}. */
export interface RingPart {
  readonly slabs: Slab[];
  /** Bytes of memory of all slabs, shared or not. */
  readonly memory: number;
  /** The offset after the last byte. */
  readonly to: number;
}

export class Ring {
  private slabs: Slab[] = [];
  /** The most recent runs, since readers request the same ones in a turn. Undefined if there are none. */
  private runs: BorrowedRun[] | undefined;
  /** The largest slab that the ring allocates, in bytes. May change while the ring is empty. */
  maxSlab: number;
  /** The oldest readable offset. */
  floor: number;
  /** The next offset to be written. */
  end: number;
  /** Chunks ever appended. */
  chunkCount = 0;
  /** Bytes at or above this offset are never evicted, because the log has not saved them yet. */
  evictLimit = Number.POSITIVE_INFINITY;
  private readonly watcher: SlabWatcher;
  private readonly account: SlabAccount | undefined;

  /**
   * @param start first offset, 0 for a new stream
   * @param maxSlab the largest slab that the ring allocates, in bytes
   */
  constructor(start: number, maxSlab: number, watcher: SlabWatcher, account?: SlabAccount) {
    this.account = account;
    this.floor = start;
    this.end = start;
    this.maxSlab = maxSlab;
    this.watcher = watcher;
  }

  /** Bytes of memory held by slabs and their chunk indexes. */
  get byteLength(): number {
    let total = 0;
    for (const slab of this.slabs) total += slab.byteLength;
    return total;
  }

  /** Copies one chunk after the last. It may span slabs. */
  append(chunk: Uint8Array): void {
    const slab = this.slabs[this.slabs.length - 1];
    if (slab !== undefined && chunk.length <= slab.free) {
      slab.fill(chunk, true);
      this.end += chunk.length;
    } else this.appendAcross(chunk, slab);
    this.chunkCount++;
  }

  private appendAcross(chunk: Uint8Array, last: Slab | undefined): void {
    let rest = chunk;
    let slab = last;
    while (rest.length > 0) {
      if (slab === undefined || slab.free === 0) slab = this.addSlab(slab, rest.length, rest === chunk);
      const part = rest.subarray(0, slab.free);
      rest = rest.subarray(part.length);
      slab.fill(part, rest.length === 0);
      this.end += part.length;
    }
  }

  private addSlab(last: Slab | undefined, wanted: number, startsChunk: boolean): Slab {
    const grown = last === undefined ? FIRST_SLAB : last.capacity * 4;
    const wish = Math.min(this.maxSlab, Math.max(grown, powerOfTwoAbove(wanted)));
    const capacity = this.account?.takeSlab(wish) ?? wish;
    const slab = new Slab(this.end, this.chunkCount, startsChunk, capacity);
    // The first push into an empty array would allocate room for 17 elements.
    if (last === undefined) this.slabs = [slab];
    else this.slabs.push(slab);
    return slab;
  }

  /** Evicts everything below `wish`, up to {@link evictLimit}. */
  evict(wish: number): void {
    const offset = Math.min(wish, this.evictLimit);
    if (offset <= this.floor) return;
    this.floor = offset;
    const held = this.slabs.length;
    while (this.slabs.length > 0) {
      const first = this.slabs[0]!;
      // A slab that is not full is still being written to, however old its bytes are.
      if (first.end > offset || first.free > 0) break;
      this.watcher.beforeEvict(first);
      this.slabs.shift();
      this.release(first);
    }
    if (this.account !== undefined && this.slabs.length < held) this.account.settle();
  }

  /**
   * The bytes between two retained offsets, for another ring. This ring does not change. Slabs that lie entirely in the
   * range are shared, so the cost does not depend on the number of bytes. The last slab is copied in part unless the
   * range ends with it.
   */
  part(from: number, to: number): RingPart {
    const own: Slab[] = [];
    let memory = 0;
    for (let at = from; at < to; ) {
      const slab = this.locate(at);
      own.push(slab);
      memory += slab.byteLength;
      at = slab.end;
    }
    const last = own.at(-1);
    if (last === undefined) return { slabs: [], memory, to };
    const isShared = last.end === to && last.free === 0 && last.chunkEnd(to - 1) === to;
    const chunks = own[0]!.chunksBefore(from);
    const slabs = own.map((slab) => (slab === last && !isShared ? slab.copyUpTo(to, chunks) : slab.share(chunks)));
    return { slabs, memory, to };
  }

  /**
   * Takes over a part of another ring as the first content. This ring must be empty, and the part must begin at its
   * end.
   */
  beginWith({ memory, slabs, to }: RingPart): void {
    const last = slabs.at(-1);
    if (last === undefined) return;
    this.account?.takeSlabs(memory);
    this.slabs = slabs;
    this.end = to;
    this.chunkCount += last.chunksBefore(to);
  }

  get isEmpty(): boolean {
    return this.slabs.length === 0;
  }

  /** The offset after the oldest slab. */
  get oldestEnd(): number {
    return this.slabs[0]?.end ?? this.end;
  }

  /**
   * Evicts the oldest slab with everything in it, full or not, regardless of retention. Returns false if no slab can be
   * evicted.
   */
  dropOldest(): boolean {
    const first = this.slabs[0];
    if (first === undefined || first.end > this.evictLimit) return false;
    this.slabs.shift();
    this.floor = Math.max(this.floor, first.end);
    this.release(first);
    return true;
  }

  /**
   * Drops the content and continues at `offset`, after bytes that were never in this ring; `chunks` chunks end among
   * them.
   */
  skipTo(offset: number, chunks: number): void {
    for (const slab of this.slabs.splice(0)) {
      this.watcher.beforeEvict(slab);
      this.release(slab);
    }
    this.floor = offset;
    this.end = offset;
    this.chunkCount += chunks;
  }

  private release(slab: Slab): void {
    this.runs = undefined;
    this.account?.giveSlab(slab.byteLength);
    slab.recycle();
  }

  /** The offset of the first byte in memory; the end if there is none. At or below the floor. */
  get base(): number {
    return this.slabs[0]?.base ?? this.end;
  }

  /**
   * The slab that contains `offset`, which must be at or above {@link base} and below the end.
   *
   * @throws RangeError for an offset below the base: a caller that was wrong must not receive other bytes
   */
  locate(offset: number): Slab {
    let high = this.slabs.length - 1;
    const last = this.slabs[high];
    if (last !== undefined && offset >= last.base) return last;
    if (offset < this.base || last === undefined) {
      throw new RangeError(`offset ${offset} is not in memory, which begins at ${this.base}`);
    }
    let low = 0;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.slabs[middle]!.base <= offset) low = middle;
      else high = middle - 1;
    }
    return this.slabs[low]!;
  }

  /**
   * The start of the chunk that contains `offset`, which must be at or above the floor and below the end. Returns the
   * floor if the chunk begins before it.
   */
  chunkStart(offset: number): number {
    for (let at = offset; ; ) {
      const slab = this.locate(at);
      const start = slab.chunkStart(at);
      if (start >= 0) return Math.max(start, this.floor);
      if (slab.base <= this.floor) return this.floor;
      at = slab.base - 1;
    }
  }

  /** The offset after the chunk that contains `offset`, which must be at or above the floor and below the end. */
  chunkEnd(offset: number): number {
    for (let at = offset; at < this.end; ) {
      const slab = this.locate(at);
      const end = slab.chunkEnd(at);
      if (end >= 0) return end;
      at = slab.end;
    }
    return this.end;
  }

  /** The offset of the last newline from `from` up to before `to`, or -1. */
  newlineBefore(from: number, to: number): number {
    for (let high = to; high > from; ) {
      const slab = this.locate(high - 1);
      const low = Math.max(from, slab.base);
      const at = slab.borrow(low, high).lastIndexOf(10);
      if (at >= 0) return low + at;
      high = low;
    }
    return -1;
  }

  /** The offset of the first newline from `from` on, or -1. */
  newlineFrom(from: number): number {
    for (let low = from; low < this.end; ) {
      const slab = this.locate(low);
      const at = slab.borrow(low, slab.end).indexOf(10);
      if (at >= 0) return low + at;
      low = slab.end;
    }
    return -1;
  }

  /**
   * Whether the byte before `offset` is a newline; `offset` must be at or above the floor. False also if that byte is
   * no longer in memory.
   */
  followsNewline(offset: number): boolean {
    const first = this.slabs[0];
    if (first === undefined || first.base >= offset) return false;
    return this.locate(offset - 1).borrow(offset - 1, offset)[0] === 10;
  }

  /**
   * The bytes between two offsets in the ring, without a copy. Valid until the next append unless pinned. The same
   * range gives the same object.
   */
  run(from: number, to: number): BorrowedRun {
    const length = to - from;
    this.runs ??= [];
    for (const run of this.runs) if (run.offset === from && run.length === length) return run;
    const run = makeRun(from, to, (offset) => this.locate(offset));
    if (this.runs.length === MAX_CACHED_RUNS) this.runs.shift();
    this.runs.push(run);
    return run;
  }

  /**
   * The offset after the `count`-th newline before `end`, ignoring a newline that is the last byte; at least `from`.
   */
  lastLines(count: number, from: number, end: number): number {
    if (count === 0) return end;
    let left = count;
    for (let to = end - 1; to > from; ) {
      const slab = this.locate(to - 1);
      const start = Math.max(from, slab.base);
      const bytes = slab.borrow(start, to);
      for (let at = bytes.lastIndexOf(10); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(10, at - 1)) {
        if (--left === 0) return start + at + 1;
      }
      to = start;
    }
    return from;
  }
}

function powerOfTwoAbove(n: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, n)));
}
