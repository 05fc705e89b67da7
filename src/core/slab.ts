/**
 * A block of a stream's memory: filled once from its beginning, then never changed, and given back whole.
 *
 *     base                         base + used            base + capacity
 *      │ bytes of chunk, chunk, …    │ free, to be filled    │
 *
 * Because bytes below `used` never change, any number of readers may be sent the same memory.
 */
import type { ChunkIndex } from './chunk-index.ts';
import { ownMemory, reuseMemory, type SlabMemory, slabMemory, takeMemory } from './slab-memory.ts';

export class Slab {
  /** Absolute offset of the first byte. */
  readonly base: number;
  /** Chunks that ended before this slab, since the stream's creation. */
  readonly firstChunk: number;
  readonly capacity: number;
  /** Whether a chunk begins with the first byte, rather than going on from the slab before. */
  readonly startsChunk: boolean;
  used = 0;
  /** Chunks that end in it. */
  private chunkCount = 0;
  /** The last answer of {@link chunksBefore} for an offset before the end, and that offset. */
  private countedTo = -1;
  private countedChunks = 0;
  /** A reference to its memory of unknown lifetime was given out: it must never be reused. */
  isRetained = false;
  /** Number of pins: references to its memory that are released explicitly. */
  private pins = 0;
  private hasLeft = false;
  /** What it lies in, and where: other slabs may lie beside it. */
  private readonly bytes: Uint8Array;
  private readonly chunks: ChunkIndex;
  private readonly start: number;

  constructor(
    base: number,
    firstChunk: number,
    startsChunk: boolean,
    capacity: number,
    { bytes, chunks, start }: SlabMemory = takeMemory(capacity),
  ) {
    this.base = base;
    this.startsChunk = startsChunk;
    this.firstChunk = firstChunk;
    this.capacity = capacity;
    this.bytes = bytes;
    this.chunks = chunks;
    this.start = start;
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
    return slabMemory(this.capacity);
  }

  /** Copies `bytes`, which must fit; `chunkEnds` marks its last byte as the end of a chunk. */
  fill(bytes: Uint8Array, chunkEnds: boolean): void {
    this.bytes.set(bytes, this.start + this.used);
    this.used += bytes.length;
    if (!chunkEnds) return;
    this.chunks.mark(this.start + this.used - 1);
    this.chunkCount++;
  }

  /** `length` bytes are in its memory already, and are one chunk. */
  filled(length: number): void {
    this.used += length;
    this.chunks.mark(this.start + this.used - 1);
    this.chunkCount++;
  }

  /** The bytes between two absolute offsets. They stay as they are for as long as something refers to them. */
  retain(from: number, to: number): Uint8Array {
    this.isRetained = true;
    return this.borrow(from, to);
  }

  /** The same for callers that are done before anything is appended to any stream: after that other bytes may lie there. */
  borrow(from: number, to: number): Uint8Array {
    const shift = this.start - this.base;
    return this.bytes.subarray(from + shift, to + shift);
  }

  /** Its memory stays as it is until {@link unpin}. */
  pin(): void {
    this.pins++;
  }

  unpin(): void {
    this.pins--;
    if (this.hasLeft) this.recycle();
  }

  /** No reference to its memory lasts beyond the turn. */
  get isUnused(): boolean {
    return !this.isRetained && this.pins === 0;
  }

  /** It was evicted from its ring. Its memory is reused by another slab once no reference to it is left. */
  recycle(): void {
    this.hasLeft = true;
    if (this.isRetained || this.pins > 0) return;
    // Only once.
    this.isRetained = true;
    reuseMemory({ bytes: this.bytes, chunks: this.chunks, start: this.start });
  }

  /** A copy of the bytes between two absolute offsets, and of where chunks end in them. */
  copy(from: number, to: number): Slab {
    // Many parts may be held for one reader: they must keep no more than they are counted for.
    const memory = ownMemory(to - from);
    const part = new Slab(from, this.chunksBefore(from), this.isBoundary(from), to - from, memory);
    for (let at = from; at < to; ) {
      const chunkEnd = this.chunkEnd(at);
      const upTo = chunkEnd < 0 ? to : Math.min(chunkEnd, to);
      part.fill(this.borrow(at, upTo), upTo === chunkEnd);
      at = upTo;
    }
    return part;
  }

  /**
   * The same memory, in another ring as well. Only of one that is full, so that neither of the two fills it any more.
   *
   * @param chunks so many of those that ended before it are none of the other ring's
   */
  share(chunks: number): Slab {
    const { bytes, chunks: index, start } = this;
    this.isRetained = true;
    const shared = new Slab(this.base, this.firstChunk - chunks, this.startsChunk, this.capacity, {
      bytes,
      chunks: index,
      start,
    });
    shared.isRetained = true;
    shared.used = this.used;
    shared.chunkCount = this.chunkCount;
    return shared;
  }

  /** One as large, with a copy of the bytes up to an offset, where a chunk ends from now on. @param chunks as {@link share} */
  copyUpTo(to: number, chunks: number): Slab {
    const copy = new Slab(this.base, this.firstChunk - chunks, this.startsChunk, this.capacity);
    const length = to - this.base;
    copy.bytes.set(this.borrow(this.base, to), copy.start);
    copy.chunks.copy(this.chunks, this.start, this.start + length, copy.start);
    copy.chunks.mark(copy.start + length - 1);
    copy.used = length;
    copy.chunkCount = copy.chunks.count(copy.start, copy.start + length);
    return copy;
  }

  /** The offset behind the chunk that holds `offset`, or -1 when that chunk goes on in the next slab. */
  chunkEnd(offset: number): number {
    const shift = this.start - this.base;
    const position = this.chunks.nextEnd(offset + shift, this.start + this.used);
    return position < 0 ? -1 : position + 1 - shift;
  }

  /** Where the chunk begins that holds the byte at `offset`, or -1 when it began in the slab before. */
  chunkStart(offset: number): number {
    const shift = this.start - this.base;
    const position = this.chunks.previousEnd(this.start, offset + shift);
    if (position >= 0) return position + 1 - shift;
    return this.startsChunk ? this.base : -1;
  }

  /** Whether a chunk ends, and so another begins, at `offset`. */
  isBoundary(offset: number): boolean {
    return offset === this.base ? this.startsChunk : this.chunks.has(this.start + offset - this.base - 1);
  }

  /**
   * Chunks that ended at or before `offset`, since the stream's creation. The last answer is kept: of readers at the
   * same place, only the first has them counted.
   *
   * @param from where the caller knows the answer already: counting starts there, if it is in this slab
   * @param chunksBeforeFrom the answer for `from`
   */
  chunksBefore(offset: number, from = this.base, chunksBeforeFrom = this.firstChunk): number {
    if (offset === this.end) return this.firstChunk + this.chunkCount;
    if (offset === this.countedTo) return this.countedChunks;
    const isInside = from >= this.base && from <= offset;
    const start = isInside ? from : this.base;
    const shift = this.start - this.base;
    this.countedChunks =
      (isInside ? chunksBeforeFrom : this.firstChunk) + this.chunks.count(start + shift, offset + shift);
    this.countedTo = offset;
    return this.countedChunks;
  }
}
