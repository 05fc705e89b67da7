/**
 * The bytes of one file: a growing buffer, and immutable views of it.
 *
 * A view needs no copy. Bytes below `viewed` may still be read through views, so a write below it first moves the
 * content to a new buffer and leaves the old one to the views. A write above it, such as an append, needs no move.
 *
 *   ├──── viewed ────┼──── size ────┼──── capacity ────┤
 *    never changed     changed in     may hold old bytes,
 *    in place          place          zeroed when reached
 */
import type { MemoryBudget } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import { requireBytes } from '../../units/index.ts';

const EMPTY = new Uint8Array(0);

export class FileContent {
  readonly #max: number;
  #bytes: Uint8Array = EMPTY;
  #size = 0;
  #viewed = 0;
  readonly #memory: MemoryBudget | undefined;
  #released = false;

  /** `max` is the maximum size in bytes; `memory` is charged for the buffer. */
  constructor(max: number, memory?: MemoryBudget) {
    this.#max = max;
    this.#memory = memory;
  }

  /** Returns the memory to the budget when the content is no longer used. Calling it twice is harmless. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#memory?.shared.release(this.#bytes);
  }

  get size(): number {
    return this.#size;
  }

  /** A copy of the bytes from `start` to before `end`, limited to the size. */
  copy(start: number, end: number): Uint8Array {
    return this.#bytes.slice(Math.min(start, this.#size), Math.min(end, this.#size));
  }

  /** A read-only view of the current bytes, by default of all, which stays unchanged as long as it is held. */
  view(start = 0, end = this.#size): Uint8Array {
    const to = Math.min(end, this.#size);
    this.#viewed = Math.max(this.#viewed, to);
    return this.#bytes.subarray(Math.min(start, to), to);
  }

  /**
   * Writes a copy of `data` at `offset`; a gap after the old end is filled with zeros. Throws FILE_TOO_LARGE,
   * STORAGE_FULL.
   */
  write(data: Uint8Array, offset: number): void {
    requireBytes(data);
    if (data.length === 0) return;
    const end = offset + data.length;
    this.#makeWritable(Math.min(offset, this.#size), Math.max(end, this.#size));
    if (offset > this.#size) this.#bytes.fill(0, this.#size, offset);
    this.#bytes.set(data, offset);
    this.#size = Math.max(end, this.#size);
  }

  /** Shortens the content to `size`, or extends it with zeros. Throws FILE_TOO_LARGE, STORAGE_FULL. */
  truncate(size: number): void {
    if (size > this.#size) {
      this.#makeWritable(this.#size, size);
      this.#bytes.fill(0, this.#size, size);
    } else if (size * 4 < this.#bytes.length) {
      this.#shrink(size);
    }
    this.#size = size;
  }

  /** Releases memory that is no longer needed. */
  #shrink(size: number): void {
    const bytes = this.#bytes;
    const memory = this.#released ? undefined : this.#memory;
    memory?.shared.release(bytes);
    if (memory !== undefined && !memory.tryTake(size)) {
      // Views still use the old buffer and there is no room for a copy: the file keeps the old buffer, too.
      memory.shared.hold(bytes);
      return;
    }
    this.#bytes = bytes.slice(0, size);
    this.#viewed = 0;
    memory?.shared.adopt(this.#bytes);
  }

  /** Makes room for `size` bytes, and makes those from `start` on writable in place. */
  #makeWritable(start: number, size: number): void {
    if (size > this.#max) throw createError('FILE_TOO_LARGE', { size, max: this.#max });
    if (size <= this.#bytes.length && start >= this.#viewed) return;
    const grown = size > this.#bytes.length ? Math.max(size, this.#bytes.length * 2) : size;
    const bytes = this.#make(Math.min(grown, this.#max), size);
    bytes.set(this.#bytes.subarray(0, this.#size));
    this.#replace(bytes);
  }

  /**
   * Allocates a buffer of `wish` bytes or, if memory is short, of at least `needed` bytes. It then gets as much as
   * possible, within a factor of two: with the bare minimum, each further byte would cost a copy of the whole file.
   */
  #make(wish: number, needed: number): Uint8Array {
    const memory = this.#released ? undefined : this.#memory;
    for (let more = wish - needed; ; more = Math.floor(more / 2)) {
      const length = needed + more;
      if (memory === undefined) return new Uint8Array(length);
      if (memory.tryTake(length)) {
        const bytes = new Uint8Array(length);
        memory.shared.adopt(bytes);
        return bytes;
      }
      if (more === 0) {
        throw createError('STORAGE_FULL', { size: needed, max: memory.limit }, { limit: 'memory', max: memory.limit });
      }
    }
  }

  /** The new buffer has already been charged, while both existed. */
  #replace(bytes: Uint8Array): void {
    if (!this.#released) this.#memory?.shared.release(this.#bytes);
    this.#bytes = bytes;
    this.#viewed = 0;
  }
}
