/**
 * Memory that answers keep while they are sent: a file, a snapshot. Who stops reading keeps it for as long as the stall
 * timeout lets him, so it is charged like any other; what several answers share is charged once.
 */
import type { MemoryBudget } from '../../core/index.ts';
import { limitReached } from '../../errors/index.ts';

/** Smaller memory costs more to count than it is worth: the connection is charged for it. */
export const COUNTED_FROM = 8 * 1024;

export class HeldBytes {
  readonly #memory: MemoryBudget;
  /** How many answers hold each buffer. */
  readonly #holders = new Map<ArrayBufferLike, number>();

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  /** Charges for the memory behind `data` until {@link release}. @throws MEMORY_LIMIT */
  hold({ buffer }: Uint8Array): void {
    if (buffer.byteLength < COUNTED_FROM) return;
    const holders = this.#holders.get(buffer) ?? 0;
    if (holders === 0 && !this.#memory.tryTake(buffer.byteLength)) {
      throw limitReached('MEMORY_LIMIT', 'memory', this.#memory.limit);
    }
    this.#holders.set(buffer, holders + 1);
  }

  release({ buffer }: Uint8Array): void {
    const holders = this.#holders.get(buffer);
    if (holders === undefined) return;
    if (holders > 1) {
      this.#holders.set(buffer, holders - 1);
      return;
    }
    this.#holders.delete(buffer);
    this.#memory.give(buffer.byteLength);
  }
}
