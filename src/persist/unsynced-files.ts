/**
 * What was written and is not known to be on the disk: files, directories in which files were made, and files that go once
 * it is on the disk that they are not needed.
 */
import { atOnce } from './at-once.ts';
import { codeOf, type Disk } from './disk.ts';
import type { FilePool } from './file-pool.ts';
import { DATA_DIRECTORY, JOURNAL_DIRECTORY } from './layout.ts';
import { SyncTimes } from './sync-times.ts';

/** Segments first: what a journal says of them must be true. */
const ORDER = [DATA_DIRECTORY, JOURNAL_DIRECTORY] as const;

export interface UnsyncedFilesOptions {
  disk: Disk;
  pool: FilePool;
  /** @throws where nothing is to be synced any more */
  requireUsable: () => void;
  /** A sync has failed. Returns the error for all who wait for it. */
  onFailure: (error: unknown) => Error;
}

export class UnsyncedFiles {
  readonly #options: UnsyncedFilesOptions;
  readonly #files = new Set<string>();
  readonly #directories = new Set<string>();
  #garbage: string[] = [];
  #syncing: Promise<void> = Promise.resolve();
  /** Since the start. */
  readonly times = new SyncTimes();

  constructor(options: UnsyncedFilesOptions) {
    this.#options = options;
  }

  get hasGarbage(): boolean {
    return this.#garbage.length > 0;
  }

  /** A file was written to. @param isNew its name may not be on the disk either */
  wrote(path: string, isNew: boolean): void {
    this.#files.add(path);
    if (isNew) this.#directories.add(directoryOf(path));
  }

  /** A file is gone, or on its way out: it need not be synced. */
  forget(path: string): void {
    this.#files.delete(path);
  }

  /** Removes a file once it is on the disk that it is not needed. */
  discard(path: string): void {
    this.#garbage.push(path);
    this.forget(path);
  }

  /** @param onSynced called in between: all is on the disk, and what is not needed still there */
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
        // Not before: what syncs or reads it meanwhile would have opened it again, and its bytes would stay on the disk.
        pool.drop(path);
      }
    });
  }

  /** The files alone. */
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
    const { disk, onFailure, requireUsable } = this.#options;
    requireUsable();
    const files = [...this.#files];
    const directories = new Set(this.#directories);
    this.#files.clear();
    this.#directories.clear();
    try {
      for (const directory of ORDER) {
        await this.#syncAll(files.filter((path) => directoryOf(path) === directory));
        if (directories.has(directory)) await disk.syncDirectory(directory);
      }
    } catch (error) {
      throw onFailure(error);
    }
  }

  #syncAll(paths: readonly string[]): Promise<void> {
    return atOnce(paths, async (path) => {
      try {
        await this.#options.pool.use(path, 'read', (file) => file.sync());
      } catch (error) {
        // It has been removed meanwhile.
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    });
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}
