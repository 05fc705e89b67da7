/**
 * The rows that a list shows: all, or those that match a filter with some lines around them. Each place in the list has
 * a number that stays the same as long as the place exists, like rows.
 */
import { stripAnsi } from './ansi.ts';
import type { LineStore } from './line-store.ts';
import type { Matcher } from './matcher.ts';

export type Place =
  /** A row of the store. */
  | { type: 'row'; number: number; isContext: boolean }
  /** This many lines are hidden here. */
  | { type: 'hidden'; count: number };

export interface ShownRows {
  readonly first: number;
  readonly end: number;
  /** Places from this one on may change with the next `update`. */
  readonly settled: number;
  at(place: number): Place;
  /** The place of a row, or of the hidden lines it belongs to; `end` if there is neither. */
  placeOf(number: number): number;
  /** Processes the changes of the store, until the time `deadline`. False: there is more to do. */
  update(deadline?: number): boolean;
}

/** Shows all rows: each row number is its place. */
export class AllRows implements ShownRows {
  readonly #store: LineStore;
  #end: number;
  #settled: number;

  constructor(store: LineStore) {
    this.#store = store;
    this.#settled = store.end;
    this.#end = store.end;
  }

  get first(): number {
    return this.#store.first;
  }

  get end(): number {
    return this.#end;
  }

  get settled(): number {
    return this.#settled;
  }

  at(place: number): Place {
    return { type: 'row', number: place, isContext: false };
  }

  placeOf(number: number): number {
    return Math.min(Math.max(number, this.first), this.#end);
  }

  update(): boolean {
    this.#settled = this.#store.end;
    this.#end = this.#settled + (this.#store.partial === undefined ? 0 : 1);
    return true;
  }
}

/** A place encoded as a number: a row with its lowest bit for context, or the negative number of hidden lines. */
type Coded = number;

export class FilteredRows implements ShownRows {
  readonly #store: LineStore;
  readonly #matcher: Matcher;
  readonly #context: number;
  readonly #places: Coded[] = [];
  /** The number of the first place in `#places`, and how many at its beginning were removed. */
  #base = 0;
  #head = 0;
  #settled = 0;
  /** The next row to test. */
  #next: number;
  /** The last row that is shown, and the row up to which lines after a hit are shown. */
  #lastShown: number;
  #showUntil = -1;

  /** `context`: lines before and after each hit. */
  constructor(store: LineStore, matcher: Matcher, context: number) {
    this.#store = store;
    this.#matcher = matcher;
    this.#context = context;
    this.#next = store.first;
    this.#lastShown = store.first - 1;
  }

  get first(): number {
    return this.#base + this.#head;
  }

  get end(): number {
    return this.#base + this.#places.length;
  }

  get settled(): number {
    return this.#settled;
  }

  at(place: number): Place {
    const coded = this.#places[place - this.#base]!;
    if (coded < 0) return { type: 'hidden', count: -coded };
    return { type: 'row', number: Math.floor(coded / 2), isContext: coded % 2 === 1 };
  }

  placeOf(number: number): number {
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#rowNear(middle) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  update(deadline = Number.POSITIVE_INFINITY): boolean {
    this.#places.length = this.#settled - this.#base;
    this.#drop();
    this.#next = Math.max(this.#next, this.#store.first);
    while (this.#next < this.#store.end) {
      this.#testRow(this.#next++);
      // A long line with a long expression may take some milliseconds.
      if (performance.now() >= deadline) break;
    }
    this.#settled = this.end;
    const isDone = this.#next === this.#store.end;
    if (isDone && this.#store.partial !== undefined) {
      // Places of the incomplete line are undone with the next update.
      const [lastShown, showUntil] = [this.#lastShown, this.#showUntil];
      this.#testRow(this.#store.end);
      [this.#lastShown, this.#showUntil] = [lastShown, showUntil];
    }
    return isDone;
  }

  #testRow(number: number): void {
    const row = this.#store.at(number)!;
    // Notices are always shown: a filter must not hide them.
    const isHit = row.kind !== 'line' || this.#matcher.test(stripAnsi(row.text));
    if (isHit) {
      const from = Math.max(
        this.#lastShown + 1,
        row.kind === 'line' ? number - this.#context : number,
        this.#store.first,
      );
      if (from > this.#lastShown + 1) this.#places.push(-(from - this.#lastShown - 1));
      for (let before = from; before < number; before++) this.#places.push(before * 2 + 1);
      this.#places.push(number * 2);
      this.#lastShown = number;
      if (row.kind === 'line') this.#showUntil = number + this.#context;
    } else if (number <= this.#showUntil) {
      this.#places.push(number * 2 + 1);
      this.#lastShown = number;
    }
  }

  /** Removes the places of dropped rows. */
  #drop(): void {
    const { first } = this.#store;
    this.#lastShown = Math.max(this.#lastShown, first - 1);
    while (this.#head < this.#places.length && this.#rowNear(this.#base + this.#head) < first) this.#head += 1;
    if (this.#head > 4096 && this.#head * 2 > this.#places.length) {
      this.#places.splice(0, this.#head);
      this.#base += this.#head;
      this.#head = 0;
    }
  }

  /** The row of a place; for hidden lines the last of them. */
  #rowNear(place: number): number {
    const coded = this.#places[place - this.#base]!;
    if (coded >= 0) return Math.floor(coded / 2);
    const next = this.#places[place - this.#base + 1];
    return next === undefined ? this.#lastShown : Math.floor(next / 2) - 1;
  }
}
