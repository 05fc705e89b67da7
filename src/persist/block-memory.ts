/**
 * Memory for blocks of segments, reused when no reader holds their block any more. Without reuse each block would cost
 * another quarter of a megabyte that the kernel has to map and the garbage collector has to find, and V8 would collect
 * the whole heap after every 60 MB for the chunk indexes alone.
 */
import { ChunkIndex, type HistoryBlock } from '../core/internal.ts';

type Slab = Extract<HistoryBlock, { kind: 'slab' }>['slab'];

/** Memory for a block. */
export interface BlockBuffer {
  readonly bytes: Buffer;
  /** A cleared chunk index for as many bytes; undefined if the memory is not reused. */
  readonly index?: ChunkIndex;
}

/** A block including its headers. */
const MEMORY_BYTES = 264 * 1024;
/** Shorter blocks get separate memory. */
const SHORTEST_BYTES = 192 * 1024;
const MAX_SPARE = 16;

export class BlockMemory {
  readonly #spare: { memory: BlockBuffer; slab: Slab }[] = [];

  /** Returns memory of at least `length` bytes. */
  readonly take = (length: number): BlockBuffer => {
    if (length < SHORTEST_BYTES || length > MEMORY_BYTES) return { bytes: Buffer.allocUnsafeSlow(length) };
    // Readers may still hold blocks that have left the cache.
    const at = this.#spare.findIndex(({ slab }) => slab.isUnused);
    if (at < 0) return { bytes: Buffer.allocUnsafeSlow(MEMORY_BYTES), index: new ChunkIndex(MEMORY_BYTES) };
    const { memory } = this.#spare.splice(at, 1)[0]!;
    memory.index!.clear();
    return memory;
  };

  /** Takes back the memory of a slab that has left the cache. */
  give(memory: BlockBuffer, slab: Slab): void {
    if (memory.index === undefined) return;
    // A reader that received the slab in this turn may be about to read it.
    setImmediate(() => {
      if (slab.isRetained) return;
      if (this.#spare.length >= MAX_SPARE) this.#spare.shift();
      this.#spare.push({ memory, slab });
    });
  }
}
