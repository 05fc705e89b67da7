/**
 * The newest rows, limited by number of rows and bytes. Excess rows are dropped from the front. A row keeps its number
 * as long as it exists, so that references to it remain valid.
 */
import type { LineRow, Row } from './rows.ts';

export interface StoreLimits {
  rows: number;
  bytes: number;
}

const STORE_LIMITS: StoreLimits = { rows: 100_000, bytes: 32 * 1024 * 1024 };

/** Estimated memory of a row without its text, in bytes. */
const ROW_OVERHEAD_BYTES = 100;

export class LineStore {
  readonly #limits: StoreLimits;
  #rows: Row[] = [];
  /** The number of `#rows[0]`. */
  #base = 0;
  /** The index of the first row in `#rows`: those before it have been dropped. */
  #head = 0;
  #bytes = 0;
  #lostBytes = 0;
  /** Number of rows that are not lines. */
  #others = 0;
  #partial: LineRow | undefined;

  constructor(limits: StoreLimits = STORE_LIMITS) {
    this.#limits = limits;
  }

  /** The number of the first row, which is the number of dropped rows. */
  get first(): number {
    return this.#base + this.#head;
  }

  /** The number of the next row. */
  get end(): number {
    return this.#base + this.#rows.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Number of lines kept, including the incomplete one. */
  get lines(): number {
    return this.end - this.first - this.#others + (this.#partial === undefined ? 0 : 1);
  }

  /** Total number of bytes lost in gaps. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  /** The incomplete line: it comes after the last row, and is not counted. */
  get partial(): LineRow | undefined {
    return this.#partial;
  }

  set partial(row: LineRow | undefined) {
    this.#partial = row;
  }

  /** The row with this number; the incomplete line has the number `end`. */
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
      // The array is compacted later, but the row can be freed now.
      this.#rows[this.#head] = DROPPED;
      this.#head += 1;
    }
    if (this.#head > 4096 && this.#head * 2 > this.#rows.length) {
      this.#rows = this.#rows.slice(this.#head);
      this.#base += this.#head;
      this.#head = 0;
    }
  }
}

const DROPPED: Row = { kind: 'gap', from: 0, to: 0, chunks: 0, receivedAt: 0 };

function sizeOf(row: Row): number {
  return ROW_OVERHEAD_BYTES + (row.kind === 'line' ? row.text.length : 0);
}
