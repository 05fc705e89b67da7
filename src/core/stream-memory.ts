/** A stream's share of a budget: the memory of its ring and its readers, and how it is evicted. */
import { limitReached } from '../errors/index.ts';
import type { MemoryHolder, MemoryLedger } from './budget.ts';
import type { Ring } from './ring.ts';
import { MIN_SLAB, slabMemory } from './slab-memory.ts';

/**
 * The fixed charge of a stream in bytes: the object, its name and its table entries. It is larger than the smallest
 * slab.
 */
export const STREAM_COST = 4 * 1024;

/**
 * Bytes charged per character of the name. The name is stored in several tables, together with the directories in it.
 */
const NAME_COST = 4;

/** The view of a stream that its memory accounting uses. */
export interface MemoryUser {
  readonly name: string | undefined;
  readonly ring: Ring;
  /** Called before retained bytes are evicted. */
  willChange(): void;
  readers(): Iterable<{
    /** The offset of the next byte that the reader can receive. */
    readonly nextOffset: number;
    /** The bytes below `floor` can no longer be kept for this reader. */
    lostBelow(floor: number): void;
  }>;
}

/**
 * Requires room in a budget for one more stream together with its initial slabs.
 *
 * @throws MEMORY_LIMIT, before anything is evicted
 */
export function requireMemoryFor(budget: MemoryLedger, name: string | undefined, bytes: number): void {
  if (!budget.canHold(bytes + costOf(name))) throw limitReached('MEMORY_LIMIT', 'memory', budget.limit);
}

/** The fixed charge of a stream with a name, in bytes. */
export function costOf(name: string | undefined): number {
  return STREAM_COST + NAME_COST * (name?.length ?? 0);
}

export class StreamMemory implements MemoryHolder {
  held = 0;
  level = 0;
  private readonly budget: MemoryLedger;
  private readonly stream: MemoryUser;
  private readonly cost: number;
  private released = false;

  /** @throws MEMORY_LIMIT if there is no room for another stream */
  constructor(budget: MemoryLedger, stream: MemoryUser) {
    this.budget = budget;
    this.stream = stream;
    this.cost = costOf(stream.name);
    if (!budget.join(this.cost)) throw limitReached('MEMORY_LIMIT', 'memory', budget.limit);
  }

  /** Called when the stream has neither a path nor a reader any more. Idempotent. */
  release(): void {
    if (this.released) return;
    this.released = true;
    this.budget.leave(this, this.cost);
  }

  // ── for the ring ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Reserves memory for a slab and returns its capacity: `wish`, or less if memory is short. */
  takeSlab(wish: number): number {
    if (this.released) return wish;
    const { budget } = this;
    let capacity = wish;
    if (!budget.fits(slabMemory(wish))) {
      // Leaves room for a few slabs per stream, however many streams there are: one large slab would evict everything
      // else of its stream.
      while (capacity > MIN_SLAB && capacity > budget.share / 4) capacity = Math.max(MIN_SLAB, capacity / 2);
    }
    budget.hold(this, slabMemory(capacity));
    return capacity;
  }

  /** A slab was evicted from the ring. A reader may have taken it over. */
  giveSlab(bytes: number): void {
    if (!this.released) this.budget.change(this, -bytes);
  }

  /** Reserves memory for several existing slabs. {@link requireMemoryFor} has checked that there is room. */
  takeSlabs(bytes: number): void {
    this.budget.hold(this, bytes);
  }

  /** The memory that readers hold outside the ring has changed. */
  heldByReaders(change: number): void {
    if (!this.released) this.budget.change(this, change);
  }

  /** Called after evictions: the copies that readers took over may be larger than the evicted slabs. */
  settle(): void {
    this.budget.makeRoom();
  }

  /** The log has saved bytes, so slabs that had to wait for it can be evicted now. */
  becameEvictable(): void {
    if (!this.released) this.budget.change(this, 0);
  }

  // ── for the budget ─────────────────────────────────────────────────────────────────────────────────────────────

  isOldestUnread(): boolean {
    const { oldestEnd } = this.stream.ring;
    for (const reader of this.stream.readers()) if (reader.nextOffset < oldestEnd) return true;
    return false;
  }

  isOldestUnsaved(): boolean {
    const { ring } = this.stream;
    return !ring.isEmpty && ring.oldestEnd > ring.evictLimit;
  }

  /** Memory that readers hold outside the ring is older than the ring, so it is released first. */
  evictOldest(): boolean {
    const before = this.held;
    this.loseBelow(this.stream.ring.floor);
    if (this.held < before) return true;
    this.stream.willChange();
    if (!this.stream.ring.dropOldest()) return false;
    this.loseBelow(this.stream.ring.floor);
    return true;
  }

  private loseBelow(floor: number): void {
    for (const reader of this.stream.readers()) reader.lostBelow(floor);
  }
}
