/**
 * The memory of slabs: the bytes, and one bit per byte that marks the end of a chunk.
 *
 * Most slabs own their memory, and the memory of the largest ones is pooled for reuse. The smallest slabs, of which a
 * server may have one for each of thousands of streams, are cut from blocks: the overhead of V8 and `malloc` for an
 * `ArrayBuffer` and its views is more than twice the size of such a slab.
 *
 *     │ 256 B │ 256 B │ … ten in all │ their index │
 *
 * A place in a block is never reused, so lingering references to it are harmless. The block is freed with the last of
 * its slabs. One remaining slab therefore keeps a block alive, but a block is smaller than the fixed charge of each
 * stream, and only the first slab of a ring is cut from a block.
 */
import { ChunkIndex, indexMemory } from './chunk-index.ts';

/** The largest slab, in bytes. Smaller ones cost more writes per byte; larger ones gain nothing. */
export const MAX_SLAB = 256 * 1024;
/**
 * The lower bound for the largest slab of a ring, in bytes. A slab of this size is allowed even when memory is short.
 */
export const MIN_SLAB = 1024;
/** The first slab of a ring, in bytes, unless the first append is larger. An almost idle stream costs little. */
export const FIRST_SLAB = 256;
const FIRST_IN_BLOCK = 10;
/** The size of a block, in bytes. */
export const BLOCK_MEMORY = FIRST_IN_BLOCK * slabMemory(FIRST_SLAB);

/** Bytes of memory of a slab of `capacity` bytes, including its index. */
export function slabMemory(capacity: number): number {
  return capacity + indexMemory(capacity);
}

/** The largest slab of a ring with this retention: a quarter of it, from 1 KiB to 256 KiB. */
export function largestSlab(capacity: number): number {
  return Math.min(MAX_SLAB, Math.max(MIN_SLAB, powerOfTwoBelow(capacity / 4)));
}

function powerOfTwoBelow(n: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, n)));
}

export interface SlabMemory {
  readonly bytes: Uint8Array;
  readonly chunks: ChunkIndex;
  /** The position of the slab in this memory, in bytes: a multiple of 32. */
  readonly start: number;
}

/** Memory that no other slab shares. */
export function ownMemory(capacity: number): SlabMemory {
  return { bytes: Buffer.allocUnsafeSlow(capacity), chunks: new ChunkIndex(capacity), start: 0 };
}

/** Memory for the slab of a ring. */
export function takeMemory(capacity: number): SlabMemory {
  if (capacity === FIRST_SLAB) return placeInBlock();
  return (capacity === MAX_SLAB ? spare.pop() : undefined) ?? ownMemory(capacity);
}

/**
 * A pool of memory of the largest slabs, for reuse: at most 2.25 MiB in the whole process, or 9 MiB if streams have
 * logs.
 */
const spare: SlabMemory[] = [];
const MAX_POOLED_SLABS = 8;
const MAX_POOLED_SLABS_OF_LOGS = 32;
let maxPooled = MAX_POOLED_SLABS;

/** With a log, many slabs are evicted together, when their content has been saved. */
export function expectLogs(): void {
  maxPooled = MAX_POOLED_SLABS_OF_LOGS;
}

/** Returns memory that nothing reads any more to the pool. */
export function reuseMemory(memory: SlabMemory): void {
  if (memory.bytes.length !== MAX_SLAB || spare.length >= maxPooled) return;
  memory.chunks.clear();
  spare.push(memory);
}

/** The block that slabs are currently cut from, and the number of free places in it. */
let block: Pick<SlabMemory, 'bytes' | 'chunks'> | undefined;
let left = 0;

function placeInBlock(): SlabMemory {
  if (block === undefined || left === 0) {
    const size = FIRST_IN_BLOCK * FIRST_SLAB;
    const buffer = new ArrayBuffer(BLOCK_MEMORY);
    block = { bytes: Buffer.from(buffer, 0, size), chunks: new ChunkIndex(size, buffer, size) };
    left = FIRST_IN_BLOCK;
  }
  const { bytes, chunks } = block;
  return { bytes, chunks, start: --left * FIRST_SLAB };
}
