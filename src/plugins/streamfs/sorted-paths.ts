import { firstWhere } from '../../core/internal.ts';

/** Paths in a block before it is divided: the most that an insertion moves. */
const MAX_BLOCK = 512;

/**
 * Different paths in the order of their UTF-16 units, in blocks: to add, to take out and to find where a page begins takes
 * some microseconds, also among a million.
 */
export class SortedPaths {
  private readonly blocks: string[][] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** A path that is not there yet. */
  add(path: string): void {
    this.count++;
    const at = Math.min(this.blockOf(path), this.blocks.length - 1);
    const block = this.blocks[at];
    if (block === undefined) {
      this.blocks.push([path]);
      return;
    }
    block.splice(placeIn(block, path), 0, path);
    if (block.length > MAX_BLOCK) this.blocks.splice(at + 1, 0, block.splice(MAX_BLOCK / 2));
  }

  /** A path that is there. */
  delete(path: string): void {
    const at = this.blockOf(path);
    const block = this.blocks[at] as string[];
    this.count--;
    if (block.length === 1) this.blocks.splice(at, 1);
    else block.splice(placeIn(block, path), 1);
  }

  /** Those behind a path, which need not be there; all of them where there is none. */
  *after(path: string | undefined): Generator<string> {
    let at = path === undefined ? 0 : this.blockOf(path);
    let from = 0;
    if (path !== undefined) {
      const block = this.blocks[at] ?? [];
      from = placeIn(block, path);
      if (block[from] === path) from++;
    }
    for (; at < this.blocks.length; at++, from = 0) {
      const block = this.blocks[at] as string[];
      for (let n = from; n < block.length; n++) yield block[n] as string;
    }
  }

  /** The first block whose last path is not before `path`; the number of blocks where there is none. */
  private blockOf(path: string): number {
    return firstWhere(this.blocks.length, (n) => (this.blocks[n] as string[]).at(-1)! >= path);
  }
}

function placeIn(block: readonly string[], path: string): number {
  return firstWhere(block.length, (n) => (block[n] as string) >= path);
}
