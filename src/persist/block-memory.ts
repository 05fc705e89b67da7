/**
 * Buffers for blocks of segments, reused when no reader holds their block any more. Without reuse each block would cost
 * another quarter of a megabyte that the kernel has to map and the garbage collector has to find.
 */
import type { HistoryBlock } from '../core/internal.ts';

type Slab = Extract<HistoryBlock, { kind: 'slab' }>['slab'];

/** A block including its headers. */
const MEMORY_BYTES = 264 * 1024;
/** Shorter blocks get a separate buffer. */
const SHORTEST_BYTES = 192 * 1024;
const MAX_SPARE = 16;

export class BlockMemory {
  readonly #spare: { memory: Buffer; slab: Slab }[] = [];

  /** Returns a buffer of at least `length` bytes. */
  readonly take = (length: number): Buffer => {
    if (length < SHORTEST_BYTES || length > MEMORY_BYTES) return Buffer.allocUnsafeSlow(length);
    // Readers may still hold blocks that have left the cache.
    const at = this.#spare.findIndex(({ slab }) => slab.isUnused);
    if (at < 0) return Buffer.allocUnsafeSlow(MEMORY_BYTES);
    return this.#spare.splice(at, 1)[0]!.memory;
  };

  /** Takes back the buffer of a slab that has left the cache. */
  give(memory: Buffer, slab: Slab): void {
    if (memory.length !== MEMORY_BYTES) return;
    // A reader that received the slab in this turn may be about to read it.
    setImmediate(() => {
      if (slab.isRetained) return;
      if (this.#spare.length >= MAX_SPARE) this.#spare.shift();
      this.#spare.push({ memory, slab });
    });
  }
}
