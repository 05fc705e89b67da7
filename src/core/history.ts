/**
 * The part of a stream that only its log still has, and a reader on its way through it.
 *
 *     floor of the log            floor of the ring            end
 *        │   block │ block │ block …  │ slab │ slab │ slab       │
 *                    ▲ a reader: it holds the blocks from its position on, at most two, until it has come to the ring
 *
 * Blocks are ordinary slabs, loaded once for all readers at the same place; a block held by a reader is pinned, and is never
 * changed while it is.
 */
import { ChunkIndex } from './chunk-index.ts';
import { Slab } from './slab.ts';

/** Bytes from a block's beginning to its end; or nothing, up to where there are some again. */
export type HistoryBlock =
  | { readonly kind: 'slab'; readonly slab: Slab }
  /** Lost on the disk, or dropped meanwhile. */
  | { readonly kind: 'hole'; readonly to: number };

/** The oldest part of a stream, as its log gives it back. */
export interface History {
  /** The oldest offset there is. */
  readonly floor: number;
  /** The block that holds an offset, if it is loaded. */
  block(offset: number): HistoryBlock | undefined;
  /** Behind what cannot be read at an offset, where that is known. */
  holeEnd(offset: number): number | undefined;
  /** Loads it, and calls `done` later: never in the same turn. It is there then, at least for that turn. */
  load(offset: number, done: () => void): void;
  /** Whether the memory of the byte at an offset is the log's own all the same. */
  isHeld(offset: number): boolean;
}

/**
 * A block of chunks that lie together, read from a disk: in the memory that they were read into.
 *
 * @param chunks number of chunks that end before it
 */
export function historySlab(offset: number, chunks: number, lengths: readonly number[], data: Uint8Array): Slab {
  const memory = { bytes: data, chunks: new ChunkIndex(data.length), start: 0 };
  const slab = new Slab(offset, chunks, true, data.length, memory);
  for (const length of lengths) slab.filled(length);
  return slab;
}

/** The blocks that a reader holds. */
export class HistoryWindow {
  private readonly slabs: Slab[] = [];
  /** Behind the last of them. */
  to: number;
  /** Nothing follows but a hole. */
  endsInHole = false;

  constructor(from: number) {
    this.to = from;
  }

  get isEmpty(): boolean {
    return this.slabs.length === 0;
  }

  /** Takes what lies behind, if that is loaded. Gives whether it was. */
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

  /** Releases everything before an offset. */
  leave(offset: number): void {
    while (this.slabs.length > 0 && this.slabs[0]!.end <= offset) this.slabs.shift()!.unpin();
  }

  /** Releases all of them. */
  release(): void {
    for (const slab of this.slabs.splice(0)) slab.unpin();
  }

  locate(offset: number): Slab | undefined {
    for (const slab of this.slabs) if (offset >= slab.base && offset < slab.end) return slab;
    return undefined;
  }
}
