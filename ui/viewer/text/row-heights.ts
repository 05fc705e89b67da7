/**
 * The positions of rows of different heights: sums per block, so that a position in a list of 100,000 rows is found in
 * some hundred steps. Adding rows at the end and removing them at both ends takes constant time.
 */
const BLOCK = 256;

interface Block {
  heights: number[];
  sum: number;
}

export class RowHeights {
  #blocks: Block[] = [];
  /** The number of the first block's first row, and how many rows of that block were removed. */
  #base = 0;
  #gone = 0;
  #end = 0;
  #total = 0;

  get first(): number {
    return this.#base + this.#gone;
  }

  get end(): number {
    return this.#end;
  }

  /** Total height of all rows. */
  get total(): number {
    return this.#total;
  }

  push(height: number): void {
    let last = this.#blocks.at(-1);
    if (last === undefined || last.heights.length === BLOCK) {
      last = { heights: [], sum: 0 };
      this.#blocks.push(last);
    }
    last.heights.push(height);
    last.sum += height;
    this.#total += height;
    this.#end += 1;
  }

  /** Removes all rows from `end` on. */
  truncate(end: number): void {
    while (this.#end > Math.max(end, this.first)) {
      const last = this.#blocks.at(-1)!;
      const height = last.heights.pop()!;
      last.sum -= height;
      this.#total -= height;
      this.#end -= 1;
      if (last.heights.length === 0) this.#blocks.pop();
    }
    if (this.#blocks.length === 0) this.restart(this.#end);
  }

  /** Removes all rows before `first`, and returns their total height. */
  dropBefore(first: number): number {
    const before = this.#total;
    const until = Math.min(first, this.#end);
    while (this.first < until) {
      const block = this.#blocks[0]!;
      if (this.#gone === 0 && this.#base + block.heights.length <= until) {
        this.#total -= block.sum;
        this.#blocks.shift();
        this.#base += block.heights.length;
        continue;
      }
      const height = block.heights[this.#gone]!;
      block.heights[this.#gone] = 0;
      block.sum -= height;
      this.#total -= height;
      this.#gone += 1;
      if (this.#gone === block.heights.length) {
        this.#blocks.shift();
        this.#base += block.heights.length;
        this.#gone = 0;
      }
    }
    if (first > this.#end || this.#blocks.length === 0) this.restart(Math.max(first, this.#end));
    return before - this.#total;
  }

  heightOf(row: number): number {
    const at = row - this.#base;
    return this.#blocks[Math.floor(at / BLOCK)]?.heights[at % BLOCK] ?? 0;
  }

  /** Returns by how much the height of the row has grown. */
  set(row: number, height: number): number {
    if (row < this.first || row >= this.#end) return 0;
    const at = row - this.#base;
    const block = this.#blocks[Math.floor(at / BLOCK)]!;
    const change = height - block.heights[at % BLOCK]!;
    block.heights[at % BLOCK] = height;
    block.sum += change;
    this.#total += change;
    return change;
  }

  /** Sets the heights of all rows. */
  reset(heightFor: (row: number) => number): void {
    const { first, end } = this;
    this.restart(first);
    for (let row = first; row < end; row++) this.push(heightFor(row));
  }

  /** The distance from the top of the first row to the top of `row`. */
  topOf(row: number): number {
    const at = Math.min(Math.max(row, this.first), this.#end) - this.#base;
    let top = 0;
    const whole = Math.floor(at / BLOCK);
    for (let i = 0; i < whole; i++) top += this.#blocks[i]!.sum;
    const rest = this.#blocks[whole];
    for (let i = 0; i < at % BLOCK; i++) top += rest!.heights[i]!;
    return top;
  }

  /** The row at `y` below the first row's top, or the nearest one. */
  rowAt(y: number): number {
    let row = this.#base;
    let top = 0;
    for (const block of this.#blocks) {
      if (top + block.sum > y) {
        for (const height of block.heights) {
          top += height;
          if (top > y) return Math.max(row, this.first);
          row += 1;
        }
      } else {
        top += block.sum;
        row += block.heights.length;
      }
    }
    return Math.max(this.first, this.#end - 1);
  }

  /** Removes all rows; the next one has the number `first`. */
  restart(first: number): void {
    this.#blocks = [];
    this.#base = first;
    this.#gone = 0;
    this.#end = first;
    this.#total = 0;
  }
}
