/**
 * A bitmap of chunk ends, one bit per byte of slab memory: bit i is set if byte i is the last byte of a chunk.
 *
 * The bitmap costs a fixed eighth of the memory for writes of any size, so the memory of ten million tiny writes is
 * bounded like that of one large write (contract 12). It is used only to read single chunks and to count the chunks in
 * a gap.
 */
/** Bytes of memory of an index over `capacity` bytes. */
export function indexMemory(capacity: number): number {
  return ((capacity + 31) >>> 5) * 4;
}

export class ChunkIndex {
  private readonly words: Uint32Array;

  /**
   * @param capacity the number of bytes indexed
   * @param buffer zeroed memory for the index, which begins at byte `at`; undefined: allocate it
   */
  constructor(capacity: number, buffer?: ArrayBuffer, at = 0) {
    const length = (capacity + 31) >>> 5;
    this.words = buffer === undefined ? new Uint32Array(length) : new Uint32Array(buffer, at, length);
  }

  /** Clears all chunk ends. */
  clear(): void {
    this.words.fill(0);
  }

  /** Marks byte `position` as the last of a chunk. */
  mark(position: number): void {
    this.words[position >>> 5]! |= 1 << (position & 31);
  }

  /**
   * Copies the bits of another index for the bytes from `from` up to before `to`, to position `at`. `from` and `at`
   * must be multiples of 32.
   */
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

  /** The position of the last byte of the chunk that contains byte `from`, if it is before `to`; else -1. */
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

  /** The position of the last chunk end from `from` up to before `to`; else -1. */
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

  /** The number of chunk ends from `from` up to before `to`. */
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
