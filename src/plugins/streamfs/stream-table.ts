/**
 * The streams of one mount, by path, and the directories their names make (contract 38).
 *
 * A directory exists as long as a stream lies below it. A path is a stream or a directory, never both.
 */
import type { EndReason } from '../../core/index.ts';
import type { Producers, RingStream } from '../../core/internal.ts';
import { createError } from '../../errors/index.ts';
import type { Account } from '../../fs/account.ts';
import { parentPath } from '../../fs/path.ts';
import type { StreamSettingsInForce } from '../../fs/stream-settings.ts';
import type { Deadline } from './expiry.ts';
import { type ForkNode, HeldNames } from './forks.ts';
import type { StreamLines } from './stream-lines.ts';
import type { StoreFacts } from './stream-store.ts';
import type { StreamWriter } from './stream-writer.ts';

export interface Entry {
  readonly path: string;
  readonly stream: RingStream;
  /**
   * Created by opening it for reading: removed with its last reader if it was never written (contract 36). Its first
   * writer says what its settings are (contract 98).
   */
  autoCreated: boolean;
  /** Handles that hold on to it. */
  handles: number;
  /** Who numbers its appends; made with the first. */
  producers: Producers | undefined;
  /** Lines that are to stay whole; made with the first writer that asks for it. */
  lines: StreamLines | undefined;
  /** Bodies on their way into it. */
  writers: ReadonlySet<StreamWriter>;
  /** What holds for it: its mount's own object unless it was made with others. */
  settings: StreamSettingsInForce;
  /** Undefined where it never expires. */
  deadline: Deadline | undefined;
  /** Its place among forks; made with the first fork of it, or with itself if it is one. */
  node: ForkNode | undefined;
  /** Of those that were made or written through the store. */
  facts: StoreFacts | undefined;
  /** Whose it counts as. */
  readonly account: Account | undefined;
}

/** One line of a listing. */
export type Child = { name: string; entry: Entry } | { name: string; entry: undefined };

export class StreamTable {
  /** Names of streams that are gone and have forks. */
  readonly held = new HeldNames();
  private readonly entries = new Map<string, Entry>();
  /** Directories, with the number of streams anywhere below each. */
  private readonly directories = new Map<string, number>();

  get(path: string): Entry | undefined {
    return this.entries.get(path);
  }

  get size(): number {
    return this.entries.size;
  }

  /** Names in use: of streams, and of those that are gone and have forks. */
  get nameCount(): number {
    return this.entries.size + this.held.size;
  }

  isDirectory(path: string): boolean {
    return path === '/' || this.directories.has(path);
  }

  all(): IterableIterator<Entry> {
    return this.entries.values();
  }

  /** @throws IS_A_DIRECTORY, NOT_A_DIRECTORY, STREAM_GONE where the path's name cannot be a stream's */
  requireFree(path: string): void {
    if (this.held.has(path)) throw createError('STREAM_GONE', { path });
    if (this.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    for (const directory of ancestors(path)) {
      if (this.entries.has(directory)) throw createError('NOT_A_DIRECTORY', { path: directory });
    }
  }

  /** Adds a stream at a path for which {@link requireFree} passes. */
  add(entry: Entry): void {
    this.entries.set(entry.path, entry);
    for (const directory of ancestors(entry.path)) {
      this.directories.set(directory, (this.directories.get(directory) ?? 0) + 1);
    }
  }

  /** False where it is not there any more. */
  delete(entry: Entry): boolean {
    if (this.entries.get(entry.path) !== entry) return false;
    this.entries.delete(entry.path);
    for (const directory of ancestors(entry.path)) {
      const left = (this.directories.get(directory) ?? 1) - 1;
      if (left === 0) this.directories.delete(directory);
      else this.directories.set(directory, left);
    }
    return true;
  }

  /** Streams anywhere below a directory. */
  below(directory: string): Entry[] {
    const prefix = directory === '/' ? '/' : `${directory}/`;
    return [...this.entries.values()].filter((entry) => entry.path.startsWith(prefix));
  }

  /** What lies directly in a directory, sorted by name. */
  children(directory: string): Child[] {
    const prefix = directory === '/' ? '/' : `${directory}/`;
    const children = new Map<string, Child>();
    for (const entry of this.below(directory)) {
      const rest = entry.path.slice(prefix.length);
      const slash = rest.indexOf('/');
      const name = slash < 0 ? rest : rest.slice(0, slash);
      if (!children.has(name)) children.set(name, { name, entry: slash < 0 ? entry : undefined });
    }
    return [...children.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** The directories a path lies in, innermost first, without the root. */
function* ancestors(path: string): Generator<string> {
  for (let directory = parentPath(path); directory !== '/'; directory = parentPath(directory)) yield directory;
}

/** What writers have begun is theirs to be seen: it comes before the end. */
export function endStream({ lines, stream }: Entry, reason: EndReason = 'ended', status?: string): void {
  if (stream.endReason === undefined) lines?.completeAll();
  stream.end(reason, status);
}
