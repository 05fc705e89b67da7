/**
 * The rows that a page keeps, the newest ones, within a number of rows and of bytes. What is over is dropped from the
 * front; a row keeps its number for as long as it is there, so that whatever refers to it need not be moved.
 */
import type { LineRow, Row } from './rows.ts';

export interface StoreLimits {
  rows: number;
  bytes: number;
}

const STORE_LIMITS: StoreLimits = { rows: 100_000, bytes: 32 * 1024 * 1024 };

/** What a row takes beside its text, about, in bytes. */
const ROW_OVERHEAD_BYTES = 100;

export class LineStore {
  readonly #limits: StoreLimits;
  #rows: Row[] = [];
  /** The number of `#rows[0]`. */
  #base = 0;
  /** Where in `#rows` the first row is: what is before it has been dropped. */
  #head = 0;
  #bytes = 0;
  #lostBytes = 0;
  /** Rows that are no lines: what happened between them. */
  #others = 0;
  #partial: LineRow | undefined;

  constructor(limits: StoreLimits = STORE_LIMITS) {
    this.#limits = limits;
  }

  /** The number of the first row, which is how many have been dropped. */
  get first(): number {
    return this.#base + this.#head;
  }

  /** The number that the next row gets. */
  get end(): number {
    return this.#base + this.#rows.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Lines that are kept, the one that is not complete among them. */
  get lines(): number {
    return this.end - this.first - this.#others + (this.#partial === undefined ? 0 : 1);
  }

  /** Bytes that gaps have taken, since the beginning. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  /** The line that is not complete: it comes after the last row, and is not counted. */
  get partial(): LineRow | undefined {
    return this.#partial;
  }

  set partial(row: LineRow | undefined) {
    this.#partial = row;
  }

  /** The row with this number; the one that is not complete has the number `end`. */
  at(number: number): Row | undefined {
    if (number < this.first) return undefined;
    return number === this.end ? this.#partial : this.#rows[number - this.#base];
  }

  push(row: Row): void {
    this.#rows.push(row);
    this.#bytes += sizeOf(row);
    if (row.kind === 'gap') this.#lostBytes += row.to - row.from;
    if (row.kind !== 'line') this.#others += 1;
    while (this.#rows.length - this.#head > this.#limits.rows || this.#bytes > this.#limits.bytes) {
      if (this.#rows.length - this.#head <= 1) break;
      const dropped = this.#rows[this.#head]!;
      this.#bytes -= sizeOf(dropped);
      if (dropped.kind !== 'line') this.#others -= 1;
      // The array keeps its place until it is worth moving: the row itself goes now.
      this.#rows[this.#head] = DROPPED;
      this.#head += 1;
    }
    if (this.#head > 4096 && this.#head * 2 > this.#rows.length) {
      this.#rows = this.#rows.slice(this.#head);
      this.#base += this.#head;
      this.#head = 0;
    }
  }

  /** Drops all rows; numbers go on. */
  clear(): void {
    this.#base = this.end;
    this.#rows = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#lostBytes = 0;
    this.#partial = undefined;
  }
}

const DROPPED: Row = { kind: 'gap', from: 0, to: 0, chunks: 0, receivedAt: 0 };

function sizeOf(row: Row): number {
  return ROW_OVERHEAD_BYTES + (row.kind === 'line' ? row.text.length : 0);
}
