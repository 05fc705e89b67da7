/**
 * The streams of one mount by path, and the directories implied by their names (contract 38).
 *
 * A directory exists as long as there is a stream below it. A path is a stream or a directory, never both.
 */

import { createError } from '../../errors/index.ts';
import { parentPath } from '../../fs/path.ts';
import type { Entry } from './entry.ts';
import { ReservedNames } from './forks.ts';
import { SortedPaths } from './sorted-paths.ts';

/** An entry of a listing: a stream, or a directory if `entry` is undefined. */
export interface Child {
  readonly path: string;
  readonly entry: Entry | undefined;
}

/** A directory: the number of streams anywhere below it, and its direct children. */
interface Directory {
  streams: number;
  readonly children: SortedPaths;
}

export class StreamTable {
  /** Names of removed streams that still have forks. */
  readonly reserved = new ReservedNames();
  private readonly entries = new Map<string, Entry>();
  private readonly directories = new Map<string, Directory>();
  private readonly root: Directory = { streams: 0, children: new SortedPaths() };

  get(path: string): Entry | undefined {
    return this.entries.get(path);
  }

  get size(): number {
    return this.entries.size;
  }

  /** Names in use: those of streams, and reserved ones. */
  get nameCount(): number {
    return this.entries.size + this.reserved.size;
  }

  isDirectory(path: string): boolean {
    return path === '/' || this.directories.has(path);
  }

  all(): IterableIterator<Entry> {
    return this.entries.values();
  }

  /** @throws IS_A_DIRECTORY, NOT_A_DIRECTORY, STREAM_GONE if the path is not available for a stream */
  requireFree(path: string): void {
    if (this.reserved.has(path)) throw createError('STREAM_GONE', { path });
    if (this.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    for (const directory of ancestors(path)) {
      if (this.entries.has(directory)) throw createError('NOT_A_DIRECTORY', { path: directory });
    }
  }

  /** Adds a stream at a path for which {@link requireFree} passes. */
  add(entry: Entry): void {
    this.entries.set(entry.path, entry);
    let child: string | undefined = entry.path;
    for (const path of ancestors(entry.path)) {
      let directory = this.directories.get(path);
      const isNew = directory === undefined;
      if (directory === undefined) {
        directory = { streams: 0, children: new SortedPaths() };
        this.directories.set(path, directory);
      }
      directory.streams++;
      if (child !== undefined) directory.children.add(child);
      child = isNew ? path : undefined;
    }
    this.root.streams++;
    if (child !== undefined) this.root.children.add(child);
  }

  /** Returns false if the entry is no longer in the table. */
  delete(entry: Entry): boolean {
    if (this.entries.get(entry.path) !== entry) return false;
    this.entries.delete(entry.path);
    let child: string | undefined = entry.path;
    for (const path of ancestors(entry.path)) {
      const directory = this.directories.get(path) as Directory;
      directory.streams--;
      if (child !== undefined) directory.children.delete(child);
      child = directory.streams === 0 ? path : undefined;
      if (child !== undefined) this.directories.delete(path);
    }
    this.root.streams--;
    if (child !== undefined) this.root.children.delete(child);
    return true;
  }

  /** All streams anywhere below a directory. */
  below(directory: string): Entry[] {
    if (directory === '/') return [...this.entries.values()];
    const found: Entry[] = [];
    if (!this.directories.has(directory)) return found;
    for (const { path, entry } of this.children(directory)) {
      if (entry === undefined) found.push(...this.below(path));
      else found.push(entry);
    }
    return found;
  }

  /** The direct children of a directory, by name: at most `limit`, starting after the name `after`. */
  children(directory: string, after?: string, limit = Number.POSITIVE_INFINITY): Child[] {
    const { children } = directory === '/' ? this.root : (this.directories.get(directory) as Directory);
    const prefix = directory === '/' ? '/' : `${directory}/`;
    const found: Child[] = [];
    for (const path of children.after(after === undefined ? undefined : prefix + after)) {
      if (found.length >= limit) break;
      found.push({ path, entry: this.entries.get(path) });
    }
    return found;
  }
}

/** The directories that contain a path, innermost first, without the root. */
function* ancestors(path: string): Generator<string> {
  for (let directory = parentPath(path); directory !== '/'; directory = parentPath(directory)) yield directory;
}
