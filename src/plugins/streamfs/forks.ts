/**
 * The relation between streams and their forks. If a source is removed while it has forks, its path stays reserved, so
 * that another stream at that path is not taken for their source. The path is released with the last fork.
 *
 *     source (gone) ◄── fork ◄── fork of the fork        each knows its source and its number of forks
 */
import type { Account } from '../../fs/index.ts';

export interface ForkNode {
  readonly path: string;
  source: ForkNode | undefined;
  /** Forks that exist or whose names are reserved. */
  forks: number;
  /** The account charged for the stream, and for its name while it is reserved. */
  readonly account: Account | undefined;
}

export class ReservedNames {
  private readonly nodes = new Map<string, ForkNode>();

  get size(): number {
    return this.nodes.size;
  }

  has(path: string): boolean {
    return this.nodes.has(path);
  }

  /** Reserves the name of a stream that was removed before this process started, for an existing fork of it. */
  reserve(path: string): ForkNode {
    let node = this.nodes.get(path);
    if (node === undefined) {
      node = { path, source: undefined, forks: 0, account: undefined };
      this.nodes.set(path, node);
    }
    return node;
  }

  /** Called when a stream that is a fork, or has forks, is gone. */
  streamGone(node: ForkNode): void {
    if (node.forks > 0) this.nodes.set(node.path, node);
    else this.release(node);
  }

  clear(): void {
    for (const { account } of this.nodes.values()) account?.give('streams');
    this.nodes.clear();
  }

  /** Releases a node, and the name of its source if this was the last fork. */
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
