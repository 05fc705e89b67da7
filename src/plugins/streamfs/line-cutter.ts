/**
 * Cuts the bytes of one writer into pieces that end with a newline, holding the start of an unfinished line. Each byte
 * is copied a bounded number of times, however small the written pieces are.
 *
 * A line that, with its newline, exceeds a chunk is passed on in parts: it is never held as a whole.
 */
import { MAX_CHUNK, type MemoryBudget } from '../../core/index.ts';
import { limitReached } from '../../errors/index.ts';

export const NEWLINE = 10;

/** Minimum buffer for the start of a line, and the maximum kept while no line is held, in bytes. */
const LEAST = 256;
const KEPT = 4096;

/** `piece` is valid until the call returns. `isWhole`: it ends with a newline. */
export type PutPiece = (piece: Uint8Array, isWhole: boolean) => void;

const EMPTY = new Uint8Array(0);
export const NEWLINE_ALONE = Uint8Array.of(NEWLINE);

/** Appends a newline unless the bytes end with one. */
export function completeLastLine(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 || bytes.at(-1) === NEWLINE ? bytes : Buffer.concat([bytes, NEWLINE_ALONE]);
}

export class LineCutter {
  private readonly budget: MemoryBudget | undefined;
  private memory: Uint8Array = EMPTY;
  private size = 0;

  /** @param budget charged for held bytes */
  constructor(budget: MemoryBudget | undefined) {
    this.budget = budget;
  }

  /** Bytes held of an unfinished line. */
  get held(): number {
    return this.size;
  }

  /** @throws MEMORY_LIMIT if there is no room for the start of a line; errors of `put` */
  take(bytes: Uint8Array, put: PutPiece): void {
    let at = this.size === 0 ? 0 : this.continueLine(bytes, put);
    while (at < bytes.length) {
      const window = bytes.subarray(at, at + MAX_CHUNK);
      const length = window.lastIndexOf(NEWLINE) + 1;
      at += length > 0 ? length : window.length;
      if (length > 0) put(window.subarray(0, length), true);
      else if (window.length === MAX_CHUNK) put(window, false);
      else this.keep(window);
    }
  }

  /** Continues the held line. Returns the number of bytes consumed. */
  private continueLine(bytes: Uint8Array, put: PutPiece): number {
    const room = MAX_CHUNK - this.size;
    const window = bytes.subarray(0, room);
    const length = window.indexOf(NEWLINE) + 1;
    if (length > 0) this.keep(window.subarray(0, length));
    else if (window.length < room) {
      this.keep(window);
      return window.length;
    }
    // If the line does not end within a chunk, the held part is passed on as it is.
    const piece = this.memory.subarray(0, this.size);
    this.size = 0;
    put(piece, length > 0);
    if (this.memory.length > KEPT) this.release();
    return length;
  }

  /** Whether {@link take} of these bytes only extends the held start of a line. */
  onlyHolds(bytes: Uint8Array): boolean {
    return this.size + bytes.length < MAX_CHUNK && bytes.indexOf(NEWLINE) < 0;
  }

  copyHeld(): Uint8Array {
    return Uint8Array.from(this.memory.subarray(0, this.size));
  }

  /** Replaces the held bytes. */
  restore(held: Uint8Array): void {
    this.release();
    if (held.length > 0) this.keep(held);
  }

  /** Takes the held line and completes it with a newline; undefined if none is held. */
  completed(): Uint8Array | undefined {
    if (this.size === 0) return undefined;
    const line = new Uint8Array(this.size + 1);
    line.set(this.memory.subarray(0, this.size));
    line[this.size] = NEWLINE;
    this.release();
    return line;
  }

  /** Discards the held bytes and releases their memory. */
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
