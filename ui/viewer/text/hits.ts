/** The rows with search hits, in order, searched incrementally, and navigation between them. */
import { stripAnsi } from './ansi.ts';
import type { LineStore } from './line-store.ts';
import type { Matcher } from './matcher.ts';

export class Hits {
  readonly #store: LineStore;
  readonly #matcher: Matcher;
  #rows: number[] = [];
  #next: number;

  constructor(store: LineStore, matcher: Matcher) {
    this.#store = store;
    this.#matcher = matcher;
    this.#next = store.first;
  }

  get count(): number {
    return this.#rows.length;
  }

  /** Searches the new rows, until the time `deadline`. False: there is more to do. */
  update(deadline = Number.POSITIVE_INFINITY): boolean {
    const { first, end } = this.#store;
    if (this.#rows.length > 0 && this.#rows[0]! < first) this.#rows = this.#rows.slice(lowerBound(this.#rows, first));
    this.#next = Math.max(this.#next, first);
    while (this.#next < end) {
      const row = this.#store.at(this.#next)!;
      if (row.kind === 'line' && this.#matcher.test(stripAnsi(row.text))) this.#rows.push(this.#next);
      this.#next++;
      // A long line with a long expression may take some milliseconds.
      if (performance.now() >= deadline) break;
    }
    return this.#next >= end;
  }

  /** The number of a row among the hits, from 1; 0 if the row is not a hit. */
  ordinalOf(row: number): number {
    const at = lowerBound(this.#rows, row);
    return this.#rows[at] === row ? at + 1 : 0;
  }

  /** The next or previous hit from `row`, wrapping around. Undefined if there is none. */
  from(row: number, direction: 1 | -1): number | undefined {
    if (this.#rows.length === 0) return undefined;
    const at = lowerBound(this.#rows, direction === 1 ? row + 1 : row) + (direction === 1 ? 0 : -1);
    return this.#rows[(at + this.#rows.length) % this.#rows.length];
  }
}

/** The index of the first element of sorted `rows` that is at least `row`. */
function lowerBound(rows: readonly number[], row: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (rows[middle]! < row) low = middle + 1;
    else high = middle;
  }
  return low;
}
