/**
 * Cuts what one writer writes into pieces that end behind a newline, and keeps the beginning of a line until its end
 * comes. Each byte is copied a bounded number of times, however small the parts are in which it comes.
 *
 * A line that does not fit into a chunk, its newline included, is given on in parts: it is never held as a whole.
 */
import { MAX_CHUNK, type MemoryBudget } from '../../core/index.ts';
import { limitReached } from '../../errors/index.ts';

export const NEWLINE = 10;

/** The least memory for the beginning of a line, and the most that is kept while there is none, in bytes. */
const LEAST = 256;
const KEPT = 4096;

/** A piece is good until this returns. `isWhole`: it ends behind a newline. */
export type PutPiece = (piece: Uint8Array, isWhole: boolean) => void;

const EMPTY = new Uint8Array(0);
export const NEWLINE_ALONE = Uint8Array.of(NEWLINE);

/** Bytes that are written at once, with a newline behind the last line where it has none. */
export function completeLastLine(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 || bytes.at(-1) === NEWLINE ? bytes : Buffer.concat([bytes, NEWLINE_ALONE]);
}

export class LineCutter {
  private readonly budget: MemoryBudget | undefined;
  private memory: Uint8Array = EMPTY;
  private size = 0;

  /** @param budget charged for what is kept */
  constructor(budget: MemoryBudget | undefined) {
    this.budget = budget;
  }

  /** Bytes of a line that is not complete. */
  get held(): number {
    return this.size;
  }

  /** @throws MEMORY_LIMIT where there is no room for the beginning of a line, and what `put` throws */
  take(bytes: Uint8Array, put: PutPiece): void {
    let at = this.size === 0 ? 0 : this.goOn(bytes, put);
    while (at < bytes.length) {
      const window = bytes.subarray(at, at + MAX_CHUNK);
      const length = window.lastIndexOf(NEWLINE) + 1;
      at += length > 0 ? length : window.length;
      if (length > 0) put(window.subarray(0, length), true);
      else if (window.length === MAX_CHUNK) put(window, false);
      else this.keep(window);
    }
  }

  /** Puts what continues the line that is held behind it. Gives how much of `bytes` that was. */
  private goOn(bytes: Uint8Array, put: PutPiece): number {
    const room = MAX_CHUNK - this.size;
    const window = bytes.subarray(0, room);
    const length = window.indexOf(NEWLINE) + 1;
    if (length > 0) this.keep(window.subarray(0, length));
    else if (window.length < room) {
      this.keep(window);
      return window.length;
    }
    // Where the line has no end within a chunk, what is held goes out as it is.
    const piece = this.memory.subarray(0, this.size);
    this.size = 0;
    put(piece, length > 0);
    if (this.memory.length > KEPT) this.release();
    return length;
  }

  /** The line that is held, with a newline behind it; undefined where there is none. It is not held any more. */
  completed(): Uint8Array | undefined {
    if (this.size === 0) return undefined;
    const line = new Uint8Array(this.size + 1);
    line.set(this.memory.subarray(0, this.size));
    line[this.size] = NEWLINE;
    this.release();
    return line;
  }

  /** Discards what is held back and releases its memory. */
  release(): void {
    this.size = 0;
    this.budget?.give(this.memory.length);
    this.memory = EMPTY;
  }

  private keep(bytes: Uint8Array): void {
    const size = this.size + bytes.length;
    if (size > this.memory.length) this.grow(Math.min(MAX_CHUNK, Math.max(LEAST, size, 2 * this.memory.length)));
    this.memory.set(bytes, this.size);
    this.size = size;
  }

  private grow(length: number): void {
    const { budget, memory } = this;
    if (budget?.tryTake(length - memory.length) === false) throw limitReached('MEMORY_LIMIT', 'memory', budget.limit);
    this.memory = new Uint8Array(length);
    this.memory.set(memory.subarray(0, this.size));
  }
}
