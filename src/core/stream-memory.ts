/** A stream's part of a budget: what its ring and its readers hold, and how it gives way. */
import { limitReached } from '../errors/index.ts';
import type { MemoryHolder, MemoryLedger } from './budget.ts';
import type { Ring } from './ring.ts';
import { MIN_SLAB, slabMemory } from './slab-memory.ts';

/** What a stream is charged beside its bytes: itself, its name, its place in tables; more than its smallest slab. */
export const STREAM_COST = 4 * 1024;

/** Bytes that each character of its name costs: it stands in several tables, with the directories it makes. */
const NAME_COST = 4;

/** A stream, as its part of a budget sees it. */
export interface MemoryUser {
  readonly name: string | undefined;
  readonly ring: Ring;
  /** What it retains is about to become less. */
  willChange(): void;
  readers(): Iterable<{
    /** The offset of the next byte it can be given. */
    readonly nextOffset: number;
    /** Nothing below `floor` can be kept for it. */
    lostBelow(floor: number): void;
  }>;
}

/**
 * Requires that one more stream fits into a budget together with the slabs that it begins with.
 *
 * @throws MEMORY_LIMIT; nothing has been evicted then
 */
export function requireMemoryFor(budget: MemoryLedger, name: string | undefined, bytes: number): void {
  if (!budget.canHold(bytes + costOf(name))) throw limitReached('MEMORY_LIMIT', 'memory', budget.limit);
}

function costOf(name: string | undefined): number {
  return STREAM_COST + NAME_COST * (name?.length ?? 0);
}

export class StreamMemory implements MemoryHolder {
  held = 0;
  level = 0;
  private readonly budget: MemoryLedger;
  private readonly stream: MemoryUser;
  private readonly cost: number;
  private released = false;

  /** @throws MEMORY_LIMIT where there is no room for one more stream */
  constructor(budget: MemoryLedger, stream: MemoryUser) {
    this.budget = budget;
    this.stream = stream;
    this.cost = costOf(stream.name);
    if (!budget.join(this.cost)) throw limitReached('MEMORY_LIMIT', 'memory', budget.limit);
  }

  /** The stream has no path and no reader any more. Idempotent. */
  release(): void {
    if (this.released) return;
    this.released = true;
    this.budget.leave(this, this.cost);
  }

  // ── for the ring ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes memory for a slab, and gives its capacity: what was wished, or less where memory is short. */
  takeSlab(wish: number): number {
    if (this.released) return wish;
    const { budget } = this;
    let capacity = wish;
    if (!budget.fits(slabMemory(wish))) {
      // A few slabs each, however many streams there are: a large one would drive out everything its stream has.
      while (capacity > MIN_SLAB && capacity > budget.share / 4) capacity = Math.max(MIN_SLAB, capacity / 2);
    }
    budget.hold(this, slabMemory(capacity));
    return capacity;
  }

  /** A slab has left the ring, for good or into the hands of a reader. */
  giveSlab(bytes: number): void {
    if (!this.released) this.budget.change(this, -bytes);
  }

  /** Takes memory for slabs that come together, for which there is room by {@link requireMemoryFor}. */
  takeSlabs(bytes: number): void {
    this.budget.hold(this, bytes);
  }

  /** What readers hold alone has changed. */
  heldByReaders(change: number): void {
    if (!this.released) this.budget.change(this, change);
  }

  /** Slabs have left: what readers took over of them may be more than they were. */
  settle(): void {
    this.budget.makeRoom();
  }

  /** What it holds may be given up now, which before had to be saved first. */
  mayGiveWay(): void {
    if (!this.released) this.budget.change(this, 0);
  }

  // ── for the budget ─────────────────────────────────────────────────────────────────────────────────────────────

  isWanted(): boolean {
    const { oldestEnd } = this.stream.ring;
    for (const reader of this.stream.readers()) if (reader.nextOffset < oldestEnd) return true;
    return false;
  }

  isHeldBack(): boolean {
    const { ring } = this.stream;
    return !ring.isEmpty && ring.oldestEnd > ring.hold;
  }

  /** What readers hold alone is older than all that is in the ring, so it goes first. */
  giveWay(): boolean {
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
