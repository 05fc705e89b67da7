/**
 * A block of a stream's memory: filled once from its beginning, then never changed, and given back whole.
 *
 *     base                         base + used            base + capacity
 *      │ bytes of chunk, chunk, …    │ free, to be filled    │
 *
 * Because bytes below `used` never change, any number of readers may be sent the same memory.
 */
import { ChunkIndex, indexMemory } from './chunk-index.ts';

/** The largest slab, in bytes: smaller ones cost more writes per byte, larger ones gain nothing. */
export const MAX_SLAB = 256 * 1024;
/** What the largest slab of a ring is at least, in bytes, and what it may have however short memory is. */
export const MIN_SLAB = 1024;
/** The slab a ring begins with, in bytes, unless more comes at once: an almost idle stream costs little. */
export const FIRST_SLAB = 256;

/** The memory a slab of so many bytes takes with its index, in bytes. */
export function slabMemory(capacity: number): number {
  return capacity + indexMemory(capacity);
}

/** Memory of the largest slabs that have been given back, to be filled again: at most 2.25 MiB in the whole process. */
interface SlabMemory {
  bytes: Uint8Array;
  chunks: ChunkIndex;
}
const spare: SlabMemory[] = [];
const MOST_SPARE = 8;

function takeMemory(capacity: number): SlabMemory {
  const used = capacity === MAX_SLAB ? spare.pop() : undefined;
  return used ?? { bytes: Buffer.allocUnsafeSlow(capacity), chunks: new ChunkIndex(capacity) };
}

export class Slab {
  /** Absolute offset of the first byte. */
  readonly base: number;
  /** Chunks that ended before this slab, since the stream's creation. */
  readonly firstChunk: number;
  readonly capacity: number;
  /** Whether a chunk begins with the first byte, rather than going on from the slab before. */
  readonly startsChunk: boolean;
  used = 0;
  readonly chunks: ChunkIndex;
  /** Somebody may look at its memory for as long as they like: it must never be filled again. */
  lent = false;
  /** Those who look at its memory now, and say when they are done. */
  private pins = 0;
  private hasLeft = false;
  private readonly bytes: Uint8Array;

  constructor(base: number, firstChunk: number, startsChunk: boolean, capacity: number) {
    this.base = base;
    this.startsChunk = startsChunk;
    this.firstChunk = firstChunk;
    this.capacity = capacity;
    const memory = takeMemory(capacity);
    this.bytes = memory.bytes;
    this.chunks = memory.chunks;
  }

  /** Absolute offset behind the last byte filled. */
  get end(): number {
    return this.base + this.used;
  }

  get free(): number {
    return this.capacity - this.used;
  }

  /** Memory held, in bytes. */
  get byteLength(): number {
    return this.capacity + this.chunks.byteLength;
  }

  /** Copies `bytes`, which must fit; `chunkEnds` marks its last byte as the end of a chunk. */
  fill(bytes: Uint8Array, chunkEnds: boolean): void {
    this.bytes.set(bytes, this.used);
    this.used += bytes.length;
    if (chunkEnds) this.chunks.mark(this.used - 1);
  }

  /** The bytes between two absolute offsets, for as long as anybody wants them. */
  view(from: number, to: number): Uint8Array {
    this.lent = true;
    return this.glance(from, to);
  }

  /** The same for those who are done with it before anything else is appended: afterwards other bytes may lie there. */
  glance(from: number, to: number): Uint8Array {
    return this.bytes.subarray(from - this.base, to - this.base);
  }

  /** Its memory stays as it is until {@link unpin}. */
  pin(): void {
    this.pins++;
  }

  unpin(): void {
    this.pins--;
    if (this.hasLeft) this.recycle();
  }

  /** It has left its ring. Its memory is filled again by another, once nobody may look at it any more. */
  recycle(): void {
    this.hasLeft = true;
    if (this.lent || this.pins > 0 || this.capacity !== MAX_SLAB || spare.length === MOST_SPARE) return;
    // Only once.
    this.lent = true;
    this.chunks.clear();
    spare.push({ bytes: this.bytes, chunks: this.chunks });
  }

  /** A copy of the bytes between two absolute offsets, and of where chunks end in them. */
  part(from: number, to: number): Slab {
    const part = new Slab(from, this.chunksBefore(from), this.isBoundary(from), to - from);
    for (let at = from; at < to; ) {
      const chunkEnd = this.chunkEnd(at);
      const upTo = chunkEnd < 0 ? to : Math.min(chunkEnd, to);
      part.fill(this.glance(at, upTo), upTo === chunkEnd);
      at = upTo;
    }
    return part;
  }

  /** The offset behind the chunk that holds `offset`, or -1 when that chunk goes on in the next slab. */
  chunkEnd(offset: number): number {
    const position = this.chunks.nextEnd(offset - this.base, this.used);
    return position < 0 ? -1 : this.base + position + 1;
  }

  /** Whether a chunk ends, and so another begins, at `offset`. */
  isBoundary(offset: number): boolean {
    return offset === this.base ? this.startsChunk : this.chunks.has(offset - this.base - 1);
  }

  /** Chunks that ended at or before `offset`, since the stream's creation. */
  chunksBefore(offset: number): number {
    return this.firstChunk + this.chunks.countBefore(offset - this.base);
  }
}
