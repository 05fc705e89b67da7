/**
 * Tracks unsynced writes: files, directories with new files, and files to remove once the record that makes them
 * obsolete is synced.
 */

import { codeOf, type Disk, isOpenRefused } from './disk.ts';
import type { FilePool } from './file-pool.ts';
import { forEachConcurrent } from './for-each-concurrent.ts';
import { DATA_DIRECTORY, JOURNAL_DIRECTORY } from './layout.ts';
import { SyncTimes } from './sync-times.ts';

/** Segments first: the records in a journal that refer to them must be true. */
const ORDER = [DATA_DIRECTORY, JOURNAL_DIRECTORY] as const;

export interface UnsyncedFilesOptions {
  disk: Disk;
  pool: FilePool;
  /** @throws if nothing may be synced any more */
  requireUsable: () => void;
  /** Called when a sync fails. Returns the error for all callers that wait for it. */
  onFailure: (error: unknown) => Error;
  /** Called when files cannot be opened to be synced. Returns the error for all callers that wait for it. */
  onRefusal: (error: unknown) => Error;
}

export class UnsyncedFiles {
  readonly #options: UnsyncedFilesOptions;
  readonly #files = new Set<string>();
  readonly #directories = new Set<string>();
  #garbage: string[] = [];
  #syncing: Promise<void> = Promise.resolve();
  /** Since startup. */
  readonly times = new SyncTimes();

  constructor(options: UnsyncedFilesOptions) {
    this.#options = options;
  }

  get hasGarbage(): boolean {
    return this.#garbage.length > 0;
  }

  /**
   * Marks a file as written.
   *
   * @param isNew whether its directory entry is unsynced, too
   */
  wrote(path: string, isNew: boolean): void {
    this.#files.add(path);
    if (isNew) this.#directories.add(directoryOf(path));
  }

  /** A file has been removed, or is about to be: it need not be synced. */
  forget(path: string): void {
    this.#files.delete(path);
  }

  /** Removes a file once the record that makes it obsolete is synced. */
  discard(path: string): void {
    this.#garbage.push(path);
    this.forget(path);
  }

  /**
   * Syncs all files, then removes the discarded ones.
   *
   * @param onSynced called in between: all is synced, and no discarded file has been removed yet
   */
  sync(onSynced: () => void): Promise<void> {
    const { disk, pool } = this.#options;
    return this.#alone(async () => {
      if (this.#files.size === 0 && this.#garbage.length === 0) return;
      const began = performance.now();
      const garbage = this.#garbage.splice(0);
      await this.#syncFiles();
      onSynced();
      this.times.observe((performance.now() - began) / 1000);
      for (const path of garbage) {
        await disk.remove(path).catch(() => undefined);
        // Only now: an earlier drop would let a concurrent sync or read reopen the file, and its bytes would stay on
        // the disk.
        pool.drop(path);
      }
    });
  }

  /** Syncs without removing discarded files. */
  syncFiles(): Promise<void> {
    return this.#alone(() => this.#syncFiles());
  }

  /** One sync at a time: a caller that finds nothing left to sync must still wait for the running one. */
  #alone(work: () => Promise<void>): Promise<void> {
    const done = this.#syncing.then(work);
    this.#syncing = done.catch(() => undefined);
    return done;
  }

  async #syncFiles(): Promise<void> {
    const { onFailure, onRefusal, requireUsable } = this.#options;
    requireUsable();
    const files = [...this.#files];
    const directories = new Set(this.#directories);
    this.#files.clear();
    this.#directories.clear();
    let refusal: unknown;
    try {
      for (const directory of ORDER) {
        const paths = files.filter((path) => directoryOf(path) === directory);
        const isNew = directories.has(directory);
        refusal ??= await this.#syncIn(directory, paths, isNew);
        if (refusal !== undefined) this.#keep(directory, paths, isNew);
      }
    } catch (error) {
      throw onFailure(error);
    }
    if (refusal !== undefined) throw onRefusal(refusal);
  }

  /** Leaves files and the names in their directory unsynced. Another sync of a file that was synced is harmless. */
  #keep(directory: string, paths: readonly string[], isNew: boolean): void {
    for (const path of paths) this.#files.add(path);
    if (isNew) this.#directories.add(directory);
  }

  /**
   * Syncs files of a directory, and the directory if it has new ones.
   *
   * @returns why a file cannot be opened, if so
   * @throws if a sync fails
   */
  async #syncIn(directory: string, paths: readonly string[], isNew: boolean): Promise<unknown> {
    const { disk, pool } = this.#options;
    let refusal: unknown;
    const unlessRefused = (error: unknown) => {
      if (!isOpenRefused(error)) throw error;
      refusal ??= error;
    };
    await forEachConcurrent(paths, async (path) => {
      try {
        await pool.use(path, 'read', (file) => file.sync());
      } catch (error) {
        // The file has been removed in the meantime.
        if (codeOf(error) !== 'ENOENT') unlessRefused(error);
      }
    });
    if (isNew && refusal === undefined) await disk.syncDirectory(directory).catch(unlessRefused);
    return refusal;
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}
