/**
 * Memory that lies in JavaScript's own heap: what requests say, and what is made of it. V8 ends the process where the
 * heap is full, and its size has nothing to do with what the machine has; so beside the bound of all memory, this kind
 * has one of its own.
 */
import { getHeapStatistics } from 'node:v8';
import type { MemoryBudget } from '../../core/index.ts';

/** The part of the heap that may be taken by what clients send. */
const HEAP_SHARE = 1 / 4;

export class HeapMemory {
  readonly #memory: MemoryBudget;
  readonly #most: number;
  #taken = 0;

  /** @param heapSize of the largest heap there may be, in bytes. Default: as V8 was started */
  constructor(memory: MemoryBudget, heapSize: number = getHeapStatistics().heap_size_limit) {
    this.#memory = memory;
    this.#most = Math.floor(heapSize * HEAP_SHARE);
  }

  /** Bytes, as refusals name them: whichever of the two bounds is less. */
  get limit(): number {
    return Math.min(this.#memory.limit, this.#most);
  }

  /** Takes it; false where there is no room, and then nothing was taken. */
  tryTake(bytes: number): boolean {
    if (this.#taken + bytes > this.#most || !this.#memory.tryTake(bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    this.#memory.give(bytes);
  }
}
