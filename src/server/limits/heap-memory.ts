/**
 * Memory in the JavaScript heap: received requests, and objects built from them. V8 terminates the process when the
 * heap is full, and the heap size does not depend on the memory of the machine. So this kind of memory has a limit of
 * its own, in addition to the limit for all memory.
 */
import { getHeapStatistics } from 'node:v8';
import type { MemoryBudget } from '../../core/index.ts';

/** The share of the heap for data from clients. */
const HEAP_SHARE = 1 / 4;

export class HeapMemory {
  readonly #memory: MemoryBudget;
  readonly #most: number;
  #taken = 0;

  /** @param heapSize maximum size of the heap in bytes; default: V8's limit */
  constructor(memory: MemoryBudget, heapSize: number = getHeapStatistics().heap_size_limit) {
    this.#memory = memory;
    this.#most = Math.floor(heapSize * HEAP_SHARE);
  }

  /** The smaller of the two limits in bytes, as refusals report it. */
  get limit(): number {
    return Math.min(this.#memory.limit, this.#most);
  }

  /** Charges for bytes. Returns false, without a charge, if there is no room. */
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
