/** The rows in which a search has hits, in order, found bit by bit, and the way from one to the next. */
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

  /** Looks at what has come, until the clock says `deadline`. False: there is more to do. */
  update(deadline = Number.POSITIVE_INFINITY): boolean {
    const { first, end } = this.#store;
    if (this.#rows.length > 0 && this.#rows[0]! < first) this.#rows = this.#rows.slice(lowerBound(this.#rows, first));
    this.#next = Math.max(this.#next, first);
    while (this.#next < end) {
      const row = this.#store.at(this.#next)!;
      if (row.kind === 'line' && this.#matcher.test(stripAnsi(row.text))) this.#rows.push(this.#next);
      this.#next++;
      // A long line and a long expression may take some milliseconds.
      if (performance.now() >= deadline) break;
    }
    return this.#next >= end;
  }

  /** Which hit a row is, from 1 on; 0 for a row that is none. */
  ordinalOf(row: number): number {
    const at = lowerBound(this.#rows, row);
    return this.#rows[at] === row ? at + 1 : 0;
  }

  /** The hit after `row`, or before it, with the first after the last. Undefined where there is none. */
  from(row: number, direction: 1 | -1): number | undefined {
    if (this.#rows.length === 0) return undefined;
    const at = lowerBound(this.#rows, direction === 1 ? row + 1 : row) + (direction === 1 ? 0 : -1);
    return this.#rows[(at + this.#rows.length) % this.#rows.length];
  }
}

/** Where in sorted `rows` the first one from `row` on is. */
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
