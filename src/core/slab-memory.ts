/**
 * The memory that slabs lie in: bytes, and a bit for each of them where chunks end.
 *
 * Most slabs have memory of their own, and that of the largest is filled again when they have left. The smallest, of
 * which a server may have one for each of thousands of streams, are cut from blocks: what V8 and `malloc` keep for an
 * `ArrayBuffer` and its views is more than twice what such a slab holds.
 *
 *     │ 256 B │ 256 B │ … ten in all │ their index │
 *
 * A place in a block is never reused, so it does not matter who still reads it; the block is freed with the last of its
 * slabs. So one remaining slab keeps a block alive, which is less than each stream is charged, and a ring has at most one
 * such slab, its first.
 */
import { ChunkIndex, indexMemory } from './chunk-index.ts';

/** The largest slab, in bytes: smaller ones cost more writes per byte, larger ones gain nothing. */
export const MAX_SLAB = 256 * 1024;
/** What the largest slab of a ring is at least, in bytes, and what it may have however short memory is. */
export const MIN_SLAB = 1024;
/** The slab a ring begins with, in bytes, unless more comes at once: an almost idle stream costs little. */
export const FIRST_SLAB = 256;
const FIRST_IN_BLOCK = 10;
/** What a block takes, in bytes. */
export const BLOCK_MEMORY = FIRST_IN_BLOCK * slabMemory(FIRST_SLAB);

/** Bytes of memory that a slab of `capacity` bytes takes with its index. */
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
  /** Where the slab begins in it, in bytes: a multiple of 32. */
  readonly start: number;
}

/** Memory of its own. */
export function ownMemory(capacity: number): SlabMemory {
  return { bytes: Buffer.allocUnsafeSlow(capacity), chunks: new ChunkIndex(capacity), start: 0 };
}

/** Memory for the slab of a ring. */
export function takeMemory(capacity: number): SlabMemory {
  if (capacity === FIRST_SLAB) return placeInBlock();
  return (capacity === MAX_SLAB ? spare.pop() : undefined) ?? ownMemory(capacity);
}

/**
 * Memory of the largest slabs that have been given back, to be filled again: at most 2.25 MiB in the whole process, or 9 MiB
 * where there is a log.
 */
const spare: SlabMemory[] = [];
const MAX_POOLED_SLABS = 8;
const MAX_POOLED_SLABS_OF_LOGS = 32;
let maxPooled = MAX_POOLED_SLABS;

/** With a log slabs leave many at a time, when what they hold has been saved. */
export function expectLogs(): void {
  maxPooled = MAX_POOLED_SLABS_OF_LOGS;
}

/** This memory is not read any more: another slab may use it. */
export function reuseMemory(memory: SlabMemory): void {
  if (memory.bytes.length !== MAX_SLAB || spare.length >= maxPooled) return;
  memory.chunks.clear();
  spare.push(memory);
}

/** The block that places are cut from, and how many are left. */
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
