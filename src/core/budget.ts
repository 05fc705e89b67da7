/**
 * One bound for the memory of many streams and of all else that is charged to it: pure accounting.
 *
 *     0 ├── fixed: files, bodies, streams as such ──┼── queued ──┼── history: the slabs of rings ──┤ limit
 *          refused at five eighths of the limit         an eighth     evicted: the oldest, of the holders with the most
 *
 * *Fixed* memory cannot be reclaimed before its owner releases it, so it is asked for first and refused when there is no
 * room. *History* can always be evicted; a reader that had not read it yet gets a gap. So an append is never refused and
 * never waits. Memory *queued* in sockets is sampled, and the code that samples it keeps it below an eighth. So a quarter
 * is always left for history. Every stream is charged more than twice the size of its smallest slab, so that quarter has
 * room for at least one slab per stream, and the limit holds exactly
 * (docs/adr/0015-evict-history-under-memory-pressure.md).
 */

import type { MemoryBudget } from './public.ts';
import { ChargedBuffers } from './shared-buffers.ts';

/** The part of the limit that fixed memory may take. */
const FIXED_SHARE = 5 / 8;

/** The least a budget can be, in bytes: below it a quarter would not hold the largest slab. */
export const MIN_BUDGET = 2 * 1024 * 1024;

/** Holders tried, in search of one whose oldest memory no reader still has to read, before one is evicted regardless. */
const LOOKED_AT = 8;

/** A holder of history. The budget maintains its fields; the two methods are the holder's. */
export interface MemoryHolder {
  /** Bytes it holds. */
  held: number;
  /** Which holders it is among: those that hold as much, to a factor of two. */
  level: number;
  /** Whether a reader still has to read the memory that would be evicted next. */
  isWanted(): boolean;
  /** Whether what it holds has to be saved before it can be given up. */
  isHeldBack(): boolean;
  /** Gives up its oldest memory, with {@link MemoryLedger.give}; false when it has none. Must not take any. */
  giveWay(): boolean;
}

export class MemoryLedger implements MemoryBudget {
  /** Bytes; Infinity for none. */
  readonly limit: number;
  /** Of the fixed memory, what several may have at once. */
  readonly shared = new ChargedBuffers(this);
  /** Bytes of memory that only its owner can release. */
  fixed = 0;
  /** Bytes of history. */
  history = 0;
  /** Bytes that are history no more, and stay because they wait in sockets. */
  queued = 0;
  /** The most that was ever used, in bytes. */
  peak = 0;
  /** Bytes of history given up for want of room, since the beginning. */
  givenUp = 0;
  /** Streams that have a share of it. */
  holderCount = 0;
  /** Holders by the power of two of what they hold, in KiB. */
  private readonly levels: Set<MemoryHolder>[] = [];

  /** @param limit bytes, at least {@link MIN_BUDGET}; 0 for none */
  constructor(limit: number) {
    if (limit !== 0 && !(limit >= MIN_BUDGET)) {
      throw new RangeError(`a budget must be 0 or at least ${MIN_BUDGET} bytes, not ${limit}`);
    }
    this.limit = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  }

  get used(): number {
    return this.fixed + this.history + this.queued;
  }

  /** Takes fixed memory, for which history gives way. False where there is no room for it: then nothing was taken. */
  tryTake(bytes: number): boolean {
    if (this.fixed + bytes > this.limit * FIXED_SHARE) return false;
    this.makeRoom(bytes);
    this.fixed += bytes;
    this.notePeak();
    return true;
  }

  /** Gives fixed memory back. */
  give(bytes: number): void {
    this.fixed -= bytes;
  }

  /** Says how much waits in sockets. */
  setQueued(bytes: number): void {
    this.queued = bytes;
    this.makeRoom();
    this.notePeak();
  }

  /** A holder comes, which holds nothing yet, and for which `cost` bytes are fixed; false where there is no room for it. */
  join(cost: number): boolean {
    if (!this.tryTake(cost)) return false;
    this.holderCount++;
    return true;
  }

  /** A holder that has joined goes, with all it held. Once. */
  leave(holder: MemoryHolder, cost: number): void {
    this.holderCount--;
    this.change(holder, -holder.held);
    this.give(cost);
  }

  /** Whether that many bytes are free without evicting anything. */
  fits(bytes: number): boolean {
    return this.used + bytes <= this.limit;
  }

  /** Whether one holder may take so much at once: what is free, or, where history of others is evicted for it, half of all history. */
  canHold(bytes: number): boolean {
    return this.fits(bytes) || bytes <= (this.limit - this.fixed - this.queued) / 2;
  }

  /** What a holder may have when all that can be had is shared alike, in bytes. */
  get share(): number {
    return (this.limit - this.fixed - this.queued) / Math.max(1, this.holderCount);
  }

  /** Takes memory for history: the holders that hold most give way, which may be this one. */
  hold(holder: MemoryHolder, bytes: number): void {
    this.makeRoom(bytes);
    this.change(holder, bytes);
    this.notePeak();
  }

  /** A holder's size has changed without a request for room; the caller calls {@link makeRoom} next. */
  change(holder: MemoryHolder, bytes: number): void {
    this.history += bytes;
    holder.held += bytes;
    const level = levelOf(holder.held);
    if (level === holder.level) return;
    this.levels[holder.level]?.delete(holder);
    holder.level = level;
    if (level === 0) return;
    while (this.levels.length <= level) this.levels.push(new Set());
    this.levels[level]!.add(holder);
  }

  /** Evicts history until that many bytes are free, or no history is left. */
  makeRoom(bytes = 0): void {
    while (this.used + bytes > this.limit) {
      const holder = this.next();
      if (holder === undefined) return;
      const before = this.history;
      const gave = holder.giveWay();
      this.givenUp += before - this.history;
      if (gave) continue;
      if (holder.isHeldBack()) this.setAside(holder);
      // One that holds something but can give none of it is asked no more.
      else this.change(holder, -holder.held);
    }
  }

  /** It can give nothing now: it is asked again once what it holds has changed. Its memory counts all the while. */
  private setAside(holder: MemoryHolder): void {
    this.levels[holder.level]?.delete(holder);
    holder.level = 0;
  }

  /** The next to be evicted from: the largest holders in turn, preferring one whose oldest memory no reader waits for. */
  private next(): MemoryHolder | undefined {
    let top = this.levels.length - 1;
    while (top > 0 && this.levels[top]!.size === 0) top--;
    const largest = this.levels[top];
    if (largest === undefined || largest.size === 0) return undefined;
    let chosen: MemoryHolder | undefined;
    let looked = 0;
    for (const holder of largest) {
      chosen ??= holder;
      if (!holder.isWanted()) {
        chosen = holder;
        break;
      }
      if (++looked === LOOKED_AT) break;
    }
    // Behind the others, so that each has its turn.
    largest.delete(chosen!);
    largest.add(chosen!);
    return chosen;
  }

  private notePeak(): void {
    if (this.used > this.peak) this.peak = this.used;
  }
}

function levelOf(held: number): number {
  return held === 0 ? 0 : 33 - Math.clz32(Math.floor(held / 1024));
}

/** The ledger behind a budget, which has what streams need of it. @throws TypeError for what is none */
export function ledgerOf(budget: MemoryBudget): MemoryLedger {
  if (budget instanceof MemoryLedger) return budget;
  throw new TypeError('a budget must be made by `new MemoryBudget(…)` of streamfsd/core');
}
