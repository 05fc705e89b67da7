/**
 * How a source is cut into appends.
 *
 * An append is a long body into which pieces go as they come, so that readers have them at once. What is in it is
 * held until it is acknowledged: it is closed at a number of bytes, which bounds the memory, or a while after its first
 * byte, so that what was written is soon known to be. Without a byte it stays open: a refusal comes at once.
 *
 * Where lines are to stay whole, an append is closed only behind a newline, however long that takes: the server
 * completes the last line of a body that ends in the middle of one, and the rest of the line would be another. Only a
 * line for which an append has no room is cut.
 */

/** The most an append holds, in bytes. */
export const MAX_APPEND_BYTES = 8 * 1024 * 1024;

/** Pieces of an append: each costs memory beside its bytes. The larger number is for one that must end a line first. */
const MOST_PIECES = 16 * 1024;
const MOST_PIECES_OF_LINES = 8 * MOST_PIECES;

/** Milliseconds from its first byte after which an append is closed. */
export const MAX_APPEND_MS = 1000;

const NEWLINE = 10;

export interface Cut {
  /** Bytes after which an append is closed. */
  size: number;
  /** Only behind a newline. */
  lines: boolean;
}

/** The source, one step ahead: what was read and is not taken is not lost, whichever append takes it. */
export class Ahead {
  #step: IteratorResult<Uint8Array> | undefined;
  #error: { error: unknown } | undefined;
  #isReading = false;
  /** What was taken and given back: it comes before all else. */
  #back: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  readonly #source: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  get isOver(): boolean {
    return this.#back.length === 0 && this.#step?.done === true;
  }

  /** What is there, or undefined: then {@link changed} says when to look again. */
  peek(): IteratorResult<Uint8Array> | undefined {
    if (this.#back[0] !== undefined) return { done: false, value: this.#back[0] };
    if (this.#error !== undefined) throw this.#error.error;
    if (this.#step === undefined && !this.#isReading) {
      this.#isReading = true;
      this.#source.next().then(
        (step) => this.#settle(step, undefined),
        (error: unknown) => this.#settle(undefined, { error }),
      );
    }
    return this.#step;
  }

  /** Takes `length` bytes of the current piece; the rest of it stays. */
  take(length: number): void {
    const back = this.#back[0];
    if (back !== undefined) {
      if (length < back.length) this.#back[0] = back.subarray(length);
      else this.#back.shift();
      return;
    }
    const step = this.#step;
    if (step === undefined || step.done === true) return;
    this.#step = length < step.value.length ? { done: false, value: step.value.subarray(length) } : undefined;
  }

  giveBack(pieces: Uint8Array[]): void {
    this.#back = [...pieces, ...this.#back];
  }

  /** Resolves when something may have come; one waits at a time. */
  changed(): Promise<void> {
    this.wake();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #settle(step: IteratorResult<Uint8Array> | undefined, error: { error: unknown } | undefined): void {
    this.#isReading = false;
    this.#step = step;
    this.#error = error;
    this.wake();
  }
}

/** What one append consists of so far. */
export class Append {
  readonly #source: Ahead;
  readonly #cut: Cut;
  readonly #pieces: Uint8Array[] = [];
  /** It has all it is to have, but for the end of its last line. */
  #isDue = false;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Bytes of all pieces. */
  #held = 0;
  /** How many of them it consists of: fewer where it was made shorter. */
  #most = Number.POSITIVE_INFINITY;

  get length(): number {
    return Math.min(this.#held, this.#most);
  }

  /** More may come into it: nothing is waiting to be acknowledged yet. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  constructor(source: Ahead, cut: Cut) {
    this.#source = source;
    this.#cut = cut;
  }

  /** A body for one attempt: what is held, then what comes, until the append is closed. */
  body(): AsyncIterable<Uint8Array> & { stop(): void } {
    let at = 0;
    let given = 0;
    let isStopped = false;
    const stop = () => {
      isStopped = true;
      this.#source.wake();
    };
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      while (!isStopped) {
        const piece = this.#pieces[at];
        const left = this.#most - given;
        if (left <= 0) break;
        if (piece !== undefined) {
          const value = piece.length <= left ? piece : piece.subarray(0, left);
          at += 1;
          given += value.length;
          return { done: false, value };
        }
        if (this.#isClosed) break;
        const step = this.#source.peek();
        if (step === undefined) await this.#source.changed();
        else if (step.done === true) this.#isClosed = true;
        else this.#add(step.value);
      }
      return { done: true, value: undefined };
    };
    const iterator = {
      next,
      return: async (): Promise<IteratorResult<Uint8Array>> => {
        stop();
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator, stop };
  }

  /** Takes what belongs into this append of a piece that has come. */
  #add(piece: Uint8Array): void {
    const { size, lines } = this.#cut;
    const room = this.#isDue ? 0 : Math.max(0, size - this.#held);
    const end = piece.length <= room ? piece.length : endIn(piece, 0, room, lines, MAX_APPEND_BYTES - this.#held);
    this.#source.take(end);
    if (end === 0) return;
    const part = piece.subarray(0, end);
    this.#pieces.push(part);
    this.#held += end;
    this.#timer ??= setTimeout(() => {
      this.#isDue = true;
      this.#closeIfDue();
      this.#source.wake();
    }, MAX_APPEND_MS);
    if (end < piece.length || this.#held >= size || this.#pieces.length >= MOST_PIECES) this.#isDue = true;
    this.#closeIfDue();
  }

  #closeIfDue(): void {
    if (!this.#isDue) return;
    const isFull = this.#held >= MAX_APPEND_BYTES || this.#pieces.length >= MOST_PIECES_OF_LINES;
    if (!this.#cut.lines || isFull || this.#pieces.at(-1)?.at(-1) === NEWLINE) this.#isClosed = true;
  }

  /**
   * Makes it shorter, where it can be: at least `least` bytes and at most `most`, and where lines are to stay whole
   * ending with one. Nothing may be added any more then.
   */
  shorten(least: number, most: number): boolean {
    const end = this.#cut.lines ? this.#endOfLine(least, most) : Math.min(most, this.#held);
    if (end < Math.max(least, 1)) return false;
    this.#isClosed = true;
    this.#most = end;
    return true;
  }

  /** The last place behind a newline within these bounds, or 0. */
  #endOfLine(least: number, most: number): number {
    let end = 0;
    let from = 0;
    for (const piece of this.#pieces) {
      const last = piece.subarray(0, Math.max(0, most - from)).lastIndexOf(NEWLINE);
      if (last >= 0) end = from + last + 1;
      from += piece.length;
    }
    return end >= least ? end : 0;
  }

  /** It is acknowledged, or given up: what it was shortened by is the next one's. */
  done(): void {
    clearTimeout(this.#timer);
    let from = 0;
    const rest: Uint8Array[] = [];
    for (const piece of this.#pieces) {
      if (from + piece.length > this.#most) rest.push(piece.subarray(Math.max(0, this.#most - from)));
      from += piece.length;
    }
    if (rest.length > 0) this.#source.giveBack(rest);
  }
}

/** One append of bytes that are all there: as an {@link Append}, but nothing is added to it. */
export class Part {
  readonly isOpen = false;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #lines: boolean;
  end: number;

  constructor(bytes: Uint8Array, at: number, cut: Cut) {
    this.#bytes = bytes;
    this.#at = at;
    this.#lines = cut.lines;
    this.end = endOfPart(bytes, at, cut);
  }

  get length(): number {
    return this.end - this.#at;
  }

  body(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.end);
  }

  shorten(least: number, most: number): boolean {
    const room = this.#bytes.subarray(this.#at, this.#at + most);
    const end = this.#lines ? room.lastIndexOf(NEWLINE) + 1 : room.length;
    if (end < Math.max(least, 1)) return false;
    this.end = this.#at + end;
    return true;
  }
}

/** Where the append that begins at `at` ends, of bytes that are all there. */
export function endOfPart(bytes: Uint8Array, at: number, { size, lines }: Cut): number {
  return bytes.length - at <= size ? bytes.length : endIn(bytes, at, size, lines, MAX_APPEND_BYTES);
}

/**
 * Where to cut bytes from `at` on of which `room` still belong into an append: there, or where lines are to stay
 * whole behind the last newline before that, else behind the next one after it, but not more than `most` bytes on.
 */
function endIn(bytes: Uint8Array, at: number, room: number, lines: boolean, most: number): number {
  if (!lines) return at + room;
  const last = bytes.subarray(at, at + room).lastIndexOf(NEWLINE);
  if (last >= 0) return at + last + 1;
  const next = bytes.subarray(at + room, at + most).indexOf(NEWLINE);
  return next >= 0 ? at + room + next + 1 : Math.min(bytes.length, at + most);
}
