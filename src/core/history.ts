/**
 * The part of a stream that only its log still has, and the state of a reader that reads through it.
 *
 *     floor of the log            floor of the ring            end
 *        │   block │ block │ block …  │ slab │ slab │ slab       │
 *                    ▲ a reader: it holds the blocks from its position on, at most two, until it reaches the ring
 *
 * Blocks are ordinary slabs, loaded once for all readers at the same position. A reader pins the blocks that it holds,
 * and a pinned block never changes.
 */
import { ChunkIndex } from './chunk-index.ts';
import { Slab } from './slab.ts';

/** A block of bytes, or a hole up to the next readable bytes. */
export type HistoryBlock =
  | { readonly kind: 'slab'; readonly slab: Slab }
  /** Lost on disk, or deleted by retention in the meantime. */
  | { readonly kind: 'hole'; readonly to: number };

/** The oldest part of a stream, which is read back from its log. */
export interface History {
  /** The oldest readable offset. */
  readonly floor: number;
  /** The block that contains an offset, if it is loaded. */
  block(offset: number): HistoryBlock | undefined;
  /** The end of the hole at an offset, if there is a known hole. */
  holeEnd(offset: number): number | undefined;
  /**
   * Loads the block at an offset, then calls `done`, never in the same turn. The block is available at least during
   * that turn.
   */
  load(offset: number, done: () => void): void;
  /** Whether the log itself keeps the memory of the byte at an offset alive. */
  isHeld(offset: number): boolean;
}

/**
 * A block of contiguous chunks read from disk, in the memory that they were read into.
 *
 * @param chunks the number of chunks that end before the block
 * @param index a cleared index for at least as many bytes
 */
export function historySlab(
  offset: number,
  chunks: number,
  lengths: readonly number[],
  data: Uint8Array,
  index = new ChunkIndex(data.length),
): Slab {
  const memory = { bytes: data, chunks: index, start: 0 };
  const slab = new Slab(offset, chunks, true, data.length, memory);
  for (const length of lengths) slab.appendInPlace(length);
  return slab;
}

/** The history blocks that a reader holds. */
export class HistoryWindow {
  private readonly slabs: Slab[] = [];
  /** The offset after the last block. */
  to: number;
  /** True if a hole follows the last block. */
  endsInHole = false;

  constructor(from: number) {
    this.to = from;
  }

  get isEmpty(): boolean {
    return this.slabs.length === 0;
  }

  /** Adds the next block if it is loaded. Returns whether it was loaded. */
  extend(history: History): boolean {
    const block = history.block(this.to);
    if (block === undefined) return false;
    this.endsInHole = block.kind === 'hole';
    if (block.kind === 'hole') return true;
    block.slab.pin();
    this.slabs.push(block.slab);
    this.to = block.slab.end;
    return true;
  }

  /** Releases the blocks that end at or before an offset. */
  leave(offset: number): void {
    while (this.slabs.length > 0 && this.slabs[0]!.end <= offset) this.slabs.shift()!.unpin();
  }

  /** Releases all blocks. */
  release(): void {
    for (const slab of this.slabs.splice(0)) slab.unpin();
  }

  locate(offset: number): Slab | undefined {
    for (const slab of this.slabs) if (offset >= slab.base && offset < slab.end) return slab;
    return undefined;
  }
}
