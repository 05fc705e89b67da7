/**
 * A piece of a stream's memory: filled once from its start, never changed after that, and released as a whole.
 *
 *     base                         base + used            base + capacity
 *      │ bytes of chunk, chunk, …    │ free, to be filled    │
 *
 * Bytes below `used` never change, so the same memory can be sent to any number of readers.
 */
import type { ChunkIndex } from './chunk-index.ts';
import { ownMemory, reuseMemory, type SlabMemory, slabMemory, takeMemory } from './slab-memory.ts';

export class Slab {
  /** Absolute offset of the first byte. */
  readonly base: number;
  /** The number of chunks that ended before this slab, since the stream's creation. */
  readonly firstChunk: number;
  readonly capacity: number;
  /** True if a chunk begins at the first byte; false if it continues from the previous slab. */
  readonly startsChunk: boolean;
  used = 0;
  /** The number of chunks that end in this slab. */
  private chunkCount = 0;
  /** The last result of {@link chunksBefore} for an offset before the end, and that offset. */
  private countedTo = -1;
  private countedChunks = 0;
  /** A reference of unknown lifetime to the memory was handed out, so the memory must never be reused. */
  isRetained = false;
  /** The number of pins: references to the memory that are released explicitly. */
  private pins = 0;
  private isEvicted = false;
  /** The memory that contains the slab, which begins at `start`. Other slabs may share it. */
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

  /** Absolute offset after the last byte. */
  get end(): number {
    return this.base + this.used;
  }

  get free(): number {
    return this.capacity - this.used;
  }

  /** Bytes of memory held. */
  get byteLength(): number {
    return slabMemory(this.capacity);
  }

  /** Appends a copy of `bytes`, which must fit; `chunkEnds` marks the last byte as the end of a chunk. */
  fill(bytes: Uint8Array, chunkEnds: boolean): void {
    this.bytes.set(bytes, this.start + this.used);
    this.used += bytes.length;
    if (!chunkEnds) return;
    this.chunks.mark(this.start + this.used - 1);
    this.chunkCount++;
  }

  /** Appends a chunk of `length` bytes that are already in the memory. */
  appendInPlace(length: number): void {
    this.used += length;
    this.chunks.mark(this.start + this.used - 1);
    this.chunkCount++;
  }

  /** The bytes between two absolute offsets. They stay unchanged for as long as they are referenced. */
  retain(from: number, to: number): Uint8Array {
    this.isRetained = true;
    return this.borrow(from, to);
  }

  /**
   * Like {@link retain}, but valid only until something is appended to any stream: after that the memory may be reused.
   */
  borrow(from: number, to: number): Uint8Array {
    const shift = this.start - this.base;
    return this.bytes.subarray(from + shift, to + shift);
  }

  /** Keeps the memory unchanged until {@link unpin}. */
  pin(): void {
    this.pins++;
  }

  unpin(): void {
    this.pins--;
    if (this.isEvicted) this.recycle();
  }

  /** True if no reference to the memory outlives the current turn. */
  get isUnused(): boolean {
    return !this.isRetained && this.pins === 0;
  }

  /** Called on eviction. The memory is reused by another slab once nothing refers to it. */
  recycle(): void {
    this.isEvicted = true;
    if (this.isRetained || this.pins > 0) return;
    // Prevents a second recycle.
    this.isRetained = true;
    reuseMemory({ bytes: this.bytes, chunks: this.chunks, start: this.start });
  }

  /** A copy of the bytes between two absolute offsets, including the chunk index. */
  copy(from: number, to: number): Slab {
    // A reader may hold many parts, so each must own exactly the memory that it is charged for.
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
   * A slab on the same memory for another ring. This slab must be full, so that neither ring fills it further.
   *
   * @param chunks the number of earlier chunks that do not belong to the other ring
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

  /**
   * A slab of the same capacity with a copy of the bytes up to `to`, where a chunk then ends.
   *
   * @param chunks as in {@link share}
   */
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

  /** The offset after the chunk that contains `offset`, or -1 if that chunk continues in the next slab. */
  chunkEnd(offset: number): number {
    const shift = this.start - this.base;
    const position = this.chunks.nextEnd(offset + shift, this.start + this.used);
    return position < 0 ? -1 : position + 1 - shift;
  }

  /** The start of the chunk that contains `offset`, or -1 if that chunk began in the previous slab. */
  chunkStart(offset: number): number {
    const shift = this.start - this.base;
    const position = this.chunks.previousEnd(this.start, offset + shift);
    if (position >= 0) return position + 1 - shift;
    return this.startsChunk ? this.base : -1;
  }

  /** Whether there is a chunk boundary at `offset`. */
  isBoundary(offset: number): boolean {
    return offset === this.base ? this.startsChunk : this.chunks.has(this.start + offset - this.base - 1);
  }

  /**
   * The number of chunks that ended at or before `offset`, since the stream's creation. The last result is cached, so
   * that for readers at the same position only the first one counts.
   *
   * @param from an offset for which the caller knows the result; counting starts there if it is in this slab
   * @param chunksBeforeFrom the result for `from`
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
