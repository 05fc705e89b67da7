/**
 * One limit for the memory of many streams and of everything else that is charged to it. This module only does the
 * accounting.
 *
 *     0 ├── fixed: files, bodies, streams as such ──┼── queued ──┼── history: the slabs of rings ──┤ limit
 *          refused at five eighths of the limit         an eighth     evicted: the oldest, of the holders with the most
 *
 * *Fixed* memory cannot be reclaimed before its owner releases it, so it must be reserved first and is refused if there
 * is no room. *History* can always be evicted; a reader that had not read it yet gets a gap. So an append is never
 * refused and never waits. Memory *queued* in sockets is sampled, and the code that samples it keeps it below an
 * eighth. So a quarter is always left for history. Every stream is charged more than twice the size of its smallest
 * slab, so that quarter has room for at least one slab per stream, and the limit is exact
 * (docs/adr/0015-evict-history-under-memory-pressure.md).
 */

import type { MemoryBudget } from './public.ts';
import { ChargedBuffers } from './shared-buffers.ts';

/** The share of the limit that fixed memory may use. */
const FIXED_SHARE = 5 / 8;

/**
 * The share of the limit that fixed memory may use at startup. The rest of its share remains for connections, so that
 * the server can be reached.
 */
const STARTUP_SHARE = 1 / 2;

/** The smallest budget, in bytes: a quarter of a smaller one would not hold the largest slab. */
export const MIN_BUDGET = 2 * 1024 * 1024;

/**
 * The number of holders checked for one whose oldest memory no reader still needs, before one is evicted regardless.
 */
const MAX_CANDIDATES = 8;

/** A holder of history. The budget maintains the fields; the holder implements the methods. */
export interface MemoryHolder {
  /** Bytes held. */
  held: number;
  /** The size class of the holder: holders of the same level hold the same amount, within a factor of two. */
  level: number;
  /** Whether a reader still has to read the memory that would be evicted next. */
  isOldestUnread(): boolean;
  /** Whether its memory must be saved before it can be evicted. */
  isOldestUnsaved(): boolean;
  /**
   * Evicts its oldest memory and reports it with {@link MemoryLedger.change}. Returns false if nothing can be evicted.
   * Must not reserve memory.
   */
  evictOldest(): boolean;
}

export class MemoryLedger implements MemoryBudget {
  /** Bytes; Infinity for no limit. Only {@link takeRequired} raises it. */
  limit: number;
  /** Fixed memory with several holders. */
  readonly shared = new ChargedBuffers(this);
  /** Bytes of memory that only its owner can release. */
  fixed = 0;
  /** Bytes of history. */
  history = 0;
  /** Bytes that were evicted from history and are still queued in sockets. */
  queued = 0;
  /** The peak of {@link used}, in bytes. */
  peak = 0;
  /** Bytes of history evicted for lack of room, since the start. */
  givenUp = 0;
  /** The number of streams that share the budget. */
  holderCount = 0;
  /** Holders by level: the power of two of their size in KiB. */
  private readonly levels: Set<MemoryHolder>[] = [];

  /** @param limit bytes, at least {@link MIN_BUDGET}; 0 for no limit */
  constructor(limit: number) {
    if (limit !== 0 && !(limit >= MIN_BUDGET)) {
      throw new RangeError(`a budget must be 0 or at least ${MIN_BUDGET} bytes, not ${limit}`);
    }
    this.limit = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  }

  get used(): number {
    return this.fixed + this.history + this.queued;
  }

  /** Reserves fixed memory, evicting history if necessary. Returns false, and reserves nothing, if there is no room. */
  tryTake(bytes: number): boolean {
    if (this.fixed + bytes > this.limit * FIXED_SHARE) return false;
    this.makeRoom(bytes);
    this.fixed += bytes;
    this.notePeak();
    return true;
  }

  /**
   * Reserves fixed memory that cannot be refused, such as that of streams on disk. If that takes more than the share of
   * startup, raises the limit accordingly. Returns whether the limit was raised.
   */
  takeRequired(bytes: number): boolean {
    const required = (this.fixed + bytes) / STARTUP_SHARE;
    const isRaised = required > this.limit;
    if (isRaised) this.limit = required;
    this.makeRoom(bytes);
    this.fixed += bytes;
    this.notePeak();
    return isRaised;
  }

  /** Whether so many more bytes of fixed memory leave enough free at startup. */
  fitsAtStartup(bytes: number): boolean {
    return this.fixed + bytes <= this.limit * STARTUP_SHARE;
  }

  /** Releases fixed memory. */
  give(bytes: number): void {
    this.fixed -= bytes;
  }

  /** Sets the number of bytes queued in sockets. */
  setQueued(bytes: number): void {
    this.queued = bytes;
    this.makeRoom();
    this.notePeak();
  }

  /**
   * Registers a holder that holds nothing yet and reserves `cost` bytes of fixed memory for it. Returns false if there
   * is no room.
   */
  join(cost: number): boolean {
    if (!this.tryTake(cost)) return false;
    this.holderCount++;
    return true;
  }

  /** Removes a holder with all its memory. Must be called once for each {@link join}. */
  leave(holder: MemoryHolder, cost: number): void {
    this.holderCount--;
    this.change(holder, -holder.held);
    this.give(cost);
  }

  /** Whether so many bytes are free without an eviction. */
  fits(bytes: number): boolean {
    return this.used + bytes <= this.limit;
  }

  /**
   * Whether one holder may reserve so many bytes at once: free bytes, or at most half of all history if that of others
   * has to be evicted.
   */
  canHold(bytes: number): boolean {
    return this.fits(bytes) || bytes <= (this.limit - this.fixed - this.queued) / 2;
  }

  /** The fair share of a holder, in bytes: the memory available to history divided by the number of holders. */
  get share(): number {
    return (this.limit - this.fixed - this.queued) / Math.max(1, this.holderCount);
  }

  /** Reserves memory for history, evicting from the largest holders if necessary, which may include this one. */
  hold(holder: MemoryHolder, bytes: number): void {
    this.makeRoom(bytes);
    this.change(holder, bytes);
    this.notePeak();
  }

  /** Records that a holder's size has changed without a reservation; the caller calls {@link makeRoom} next. */
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

  /** Evicts history until so many bytes are free or no history is left. */
  makeRoom(bytes = 0): void {
    while (this.used + bytes > this.limit) {
      const holder = this.next();
      if (holder === undefined) return;
      const before = this.history;
      const gave = holder.evictOldest();
      this.givenUp += before - this.history;
      if (gave) continue;
      if (holder.isOldestUnsaved()) this.setAside(holder);
      // A holder that cannot evict any of its memory is no longer counted.
      else this.change(holder, -holder.held);
    }
  }

  /**
   * The holder cannot evict anything now. It becomes a candidate again once its size changes. Its memory still counts.
   */
  private setAside(holder: MemoryHolder): void {
    this.levels[holder.level]?.delete(holder);
    holder.level = 0;
  }

  /**
   * The next holder to evict from: the largest holders in turn, preferring one whose oldest memory no reader still
   * needs.
   */
  private next(): MemoryHolder | undefined {
    let top = this.levels.length - 1;
    while (top > 0 && this.levels[top]!.size === 0) top--;
    const largest = this.levels[top];
    if (largest === undefined || largest.size === 0) return undefined;
    let chosen: MemoryHolder | undefined;
    let looked = 0;
    for (const holder of largest) {
      chosen ??= holder;
      if (!holder.isOldestUnread()) {
        chosen = holder;
        break;
      }
      if (++looked === MAX_CANDIDATES) break;
    }
    // Moves it to the end of the set, so that holders take turns.
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

/**
 * The implementation of a published budget.
 *
 * @throws TypeError for an object that the core did not create
 */
export function ledgerOf(budget: MemoryBudget): MemoryLedger {
  if (budget instanceof MemoryLedger) return budget;
  throw new TypeError('a budget must be made by `new MemoryBudget(…)` of streamfsd/core');
}
