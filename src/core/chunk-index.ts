/**
 * Where chunks end, as one bit per byte of the memory of slabs: bit i is set when byte i is the last of a chunk.
 *
 * A bit per byte costs a fixed eighth of the memory for writes of any size, so ten million tiny writes are bounded like
 * one large one (contract 12). Only readers of chunks and the count of chunks in a gap use it; readers of bytes do not.
 */
/** Bytes of memory that the index over `capacity` bytes takes. */
export function indexMemory(capacity: number): number {
  return ((capacity + 31) >>> 5) * 4;
}

export class ChunkIndex {
  private readonly words: Uint32Array;

  /**
   * @param capacity bytes it is about
   * @param buffer where it lies, at byte `at`, all zero; undefined: in memory of its own
   */
  constructor(capacity: number, buffer?: ArrayBuffer, at = 0) {
    const length = (capacity + 31) >>> 5;
    this.words = buffer === undefined ? new Uint32Array(length) : new Uint32Array(buffer, at, length);
  }

  /** Forgets all chunks. */
  clear(): void {
    this.words.fill(0);
  }

  /** A chunk ends behind byte `position`. */
  mark(position: number): void {
    this.words[position >>> 5]! |= 1 << (position & 31);
  }

  /** Takes over what another knows of the bytes from `from` up to before `to`, which lie here from `at` on: both multiples of 32. */
  copy(other: ChunkIndex, from: number, to: number, at: number): void {
    const first = from >>> 5;
    const whole = to >>> 5;
    this.words.set(other.words.subarray(first, whole), at >>> 5);
    const rest = to & 31;
    if (rest !== 0) this.words[(at >>> 5) + whole - first]! |= other.words[whole]! & ((1 << rest) - 1);
  }

  /** Whether byte `position` is the last of a chunk. */
  has(position: number): boolean {
    return (this.words[position >>> 5]! & (1 << (position & 31))) !== 0;
  }

  /** Position of the last byte of the chunk that holds byte `from`, if it is before `to`; else -1. */
  nextEnd(from: number, to: number): number {
    const lastWord = (to - 1) >>> 5;
    let index = from >>> 5;
    let word = this.words[index]! & (-1 << (from & 31));
    while (word === 0) {
      if (++index > lastWord) return -1;
      word = this.words[index]!;
    }
    const position = (index << 5) + (31 - Math.clz32(word & -word));
    return position < to ? position : -1;
  }

  /** Position of the last byte of the last chunk that ends from `from` up to before `to`; else -1. */
  previousEnd(from: number, to: number): number {
    if (to <= from) return -1;
    const firstWord = from >>> 5;
    let index = (to - 1) >>> 5;
    let word = this.words[index]! & (-1 >>> (31 - ((to - 1) & 31)));
    while (word === 0) {
      if (--index < firstWord) return -1;
      word = this.words[index]!;
    }
    const position = (index << 5) + (31 - Math.clz32(word));
    return position >= from ? position : -1;
  }

  /** Chunks of which the last byte lies from `from` up to before `to`. */
  count(from: number, to: number): number {
    if (to <= from) return 0;
    const first = from >>> 5;
    const last = (to - 1) >>> 5;
    const fromFirst = -1 << (from & 31);
    const upToLast = -1 >>> (31 - ((to - 1) & 31));
    if (first === last) return popCount(this.words[first]! & fromFirst & upToLast);
    let total = popCount(this.words[first]! & fromFirst) + popCount(this.words[last]! & upToLast);
    for (let index = first + 1; index < last; index++) total += popCount(this.words[index]!);
    return total;
  }
}

function popCount(word: number): number {
  let w = word - ((word >>> 1) & 0x55555555);
  w = (w & 0x33333333) + ((w >>> 2) & 0x33333333);
  return Math.imul((w + (w >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
