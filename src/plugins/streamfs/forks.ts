/**
 * Which streams are forks of which. The path of a source that is removed while it has forks stays reserved, so that another
 * stream at that path is not taken for the source of the forks; it is free again with the last of them.
 *
 *     source (gone) ◄── fork ◄── fork of the fork        each knows its source, and how many forks it has
 */
import type { Account } from '../../fs/index.ts';

export interface ForkNode {
  readonly path: string;
  source: ForkNode | undefined;
  /** Forks that are there, or whose names are still held. */
  forks: number;
  /** Whose it counts as, also while only its name is held. */
  readonly account: Account | undefined;
}

export class HeldNames {
  private readonly nodes = new Map<string, ForkNode>();

  get size(): number {
    return this.nodes.size;
  }

  has(path: string): boolean {
    return this.nodes.has(path);
  }

  /** Holds the name of a stream that has gone before this process began: a fork of it is there. */
  hold(path: string): ForkNode {
    let node = this.nodes.get(path);
    if (node === undefined) {
      node = { path, source: undefined, forks: 0, account: undefined };
      this.nodes.set(path, node);
    }
    return node;
  }

  /** A stream that is a fork, or has some, has gone. */
  left(node: ForkNode): void {
    if (node.forks > 0) this.nodes.set(node.path, node);
    else this.release(node);
  }

  clear(): void {
    for (const { account } of this.nodes.values()) account?.give('streams');
    this.nodes.clear();
  }

  /** Nothing of it is left: nor, perhaps, of what held its source's name. */
  private release(node: ForkNode): void {
    node.account?.give('streams');
    const { source } = node;
    if (source === undefined) return;
    source.forks--;
    if (source.forks === 0 && this.nodes.get(source.path) === source) {
      this.nodes.delete(source.path);
      this.release(source);
    }
  }
}
