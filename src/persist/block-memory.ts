/**
 * Memory that blocks of a segment are read into, and read into again when it is not looked at any more: otherwise each block
 * would be another quarter of a megabyte that the kernel has to hand out and the garbage collector to find.
 */
import type { HistoryBlock } from '../core/internal.ts';

type Slab = Extract<HistoryBlock, { kind: 'slab' }>['slab'];

/** A block, with what stands before its bytes. */
const MEMORY_BYTES = 264 * 1024;
/** What is shorter has memory of its own. */
const SHORTEST_BYTES = 192 * 1024;
const MAX_SPARE = 16;

export class BlockMemory {
  readonly #spare: { memory: Buffer; slab: Slab }[] = [];

  /** Memory of at least so many bytes. */
  readonly take = (length: number): Buffer => {
    if (length < SHORTEST_BYTES || length > MEMORY_BYTES) return Buffer.allocUnsafeSlow(length);
    // Those that are not in the cache any more may still be held by readers.
    const at = this.#spare.findIndex(({ slab }) => slab.isUnused);
    if (at < 0) return Buffer.allocUnsafeSlow(MEMORY_BYTES);
    return this.#spare.splice(at, 1)[0]!.memory;
  };

  /** What a slab has lain in that is in the cache no more. */
  give(memory: Buffer, slab: Slab): void {
    if (memory.length !== MEMORY_BYTES) return;
    // What was given the slab in this turn may be about to look at it.
    setImmediate(() => {
      if (slab.isRetained) return;
      if (this.#spare.length >= MAX_SPARE) this.#spare.shift();
      this.#spare.push({ memory, slab });
    });
  }
}
