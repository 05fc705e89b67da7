/**
 * Splits a source into appends.
 *
 * An append is a long request body. Pieces are added to it as they arrive, so that readers get them at once. Its bytes
 * are held until they are acknowledged. An append is closed after a number of bytes, which bounds the memory, or some
 * time after its first byte, so that written bytes are soon acknowledged. Without a byte it stays open, and a refusal
 * arrives at once.
 *
 * If lines must stay whole, an append is closed only after a newline, however long that takes: the server completes an
 * unfinished last line of a body, so the rest of that line would become a separate line. Only a line that is too long
 * for an append is split.
 */

/** The maximum size of an append, in bytes. */
export const MAX_APPEND_BYTES = 8 * 1024 * 1024;

/**
 * Maximum number of pieces of an append: each costs memory in addition to its bytes. The larger one applies to an
 * append that must end with a line.
 */
const MAX_PIECES = 16 * 1024;
const MAX_PIECES_WITH_LINES = 8 * MAX_PIECES;

/** Milliseconds from its first byte after which an append is closed. */
export const MAX_APPEND_MS = 1000;

const NEWLINE = 10;

export interface Cut {
  /** Bytes after which an append is closed. */
  size: number;
  /** Close appends only after a newline. */
  lines: boolean;
}

/** The source, read one step ahead. A piece that was read but not taken is kept for the next append. */
export class PeekableSource {
  #step: IteratorResult<Uint8Array> | undefined;
  #error: { error: unknown } | undefined;
  #isReading = false;
  /** Pieces that were taken and given back: they come first. */
  #back: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  readonly #source: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  get isOver(): boolean {
    return this.#back.length === 0 && this.#step?.done === true;
  }

  /** The next piece if there is one, or undefined: then wait for {@link changed}. */
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

  /** Resolves when {@link peek} may have a new result. Only one caller may wait at a time. */
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

/** One append, as collected so far. */
export class Append {
  readonly #source: PeekableSource;
  readonly #cut: Cut;
  readonly #pieces: Uint8Array[] = [];
  /** Size or time is reached; only the end of its last line may still be missing. */
  #isDue = false;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Bytes of all pieces. */
  #held = 0;
  /** How many of these bytes belong to the append: fewer than held if it was shortened. */
  #most = Number.POSITIVE_INFINITY;

  get length(): number {
    return Math.min(this.#held, this.#most);
  }

  /** More bytes may be added: nothing waits to be acknowledged yet. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  constructor(source: PeekableSource, cut: Cut) {
    this.#source = source;
    this.#cut = cut;
  }

  /** The body of one attempt: the bytes held, then those that arrive until the append is closed. */
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

  /** Adds the part of a piece that fits into this append. */
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
    if (end < piece.length || this.#held >= size || this.#pieces.length >= MAX_PIECES) this.#isDue = true;
    this.#closeIfDue();
  }

  #closeIfDue(): void {
    if (!this.#isDue) return;
    const isFull = this.#held >= MAX_APPEND_BYTES || this.#pieces.length >= MAX_PIECES_WITH_LINES;
    if (!this.#cut.lines || isFull || this.#pieces.at(-1)?.at(-1) === NEWLINE) this.#isClosed = true;
  }

  /**
   * Shortens the append to at least `least` and at most `most` bytes, and to the end of a line if lines must stay
   * whole. Returns false if that is not possible. A shortened append is closed.
   */
  shorten(least: number, most: number): boolean {
    const end = this.#cut.lines ? this.#endOfLine(least, most) : Math.min(most, this.#held);
    if (end < Math.max(least, 1)) return false;
    this.#isClosed = true;
    this.#most = end;
    return true;
  }

  /** The end of the last line within these bounds, or 0. */
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

  /** Called when the append is acknowledged or given up: bytes that were cut off return to the source. */
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

/** One append of bytes that are all in memory: like {@link Append}, but nothing is added to it. */
export class FixedAppend {
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

/** The end of the append that begins at `at`, for bytes that are all in memory. */
export function endOfPart(bytes: Uint8Array, at: number, { size, lines }: Cut): number {
  return bytes.length - at <= size ? bytes.length : endIn(bytes, at, size, lines, MAX_APPEND_BYTES);
}

/**
 * Where to cut bytes of which `room` more, from `at` on, fit into an append: there, or, if lines must stay whole, after
 * the last newline before that. Without one, after the next newline, but at most `most` bytes on.
 */
function endIn(bytes: Uint8Array, at: number, room: number, lines: boolean, most: number): number {
  if (!lines) return at + room;
  const last = bytes.subarray(at, at + room).lastIndexOf(NEWLINE);
  if (last >= 0) return at + last + 1;
  const next = bytes.subarray(at + room, at + most).indexOf(NEWLINE);
  return next >= 0 ? at + room + next + 1 : Math.min(bytes.length, at + most);
}
