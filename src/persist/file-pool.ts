/** Open files, up to a maximum number: the least recently used one is closed for another. */
import { type Disk, type DiskFile, lacksDescriptors, type OpenMode } from './disk.ts';

interface Pooled {
  file: Promise<DiskFile>;
  isReadOnly: boolean;
  users: number;
  /** Close it when its last use ends. */
  isDropped: boolean;
}

export class FilePool {
  readonly #disk: Disk;
  readonly #max: number;
  readonly #files = new Map<string, Pooled>();

  constructor(disk: Disk, max: number) {
    this.#disk = disk;
    this.#max = max;
  }

  /** Files that are open now. */
  get size(): number {
    return this.#files.size;
  }

  /** Runs `work` on a file, which stays open until `work` has finished. */
  async use<T>(path: string, mode: OpenMode, work: (file: DiskFile) => Promise<T>): Promise<T> {
    let pooled = this.#files.get(path);
    if (pooled?.isReadOnly && mode !== 'read') {
      this.drop(path);
      pooled = undefined;
    }
    pooled ??= this.#open(path, mode);
    // Mark as most recently used.
    this.#files.delete(path);
    this.#files.set(path, pooled);
    pooled.users++;
    try {
      return await work(await pooled.file);
    } finally {
      pooled.users--;
      this.#closeIfUnused(pooled);
      this.#trim();
    }
  }

  #open(path: string, mode: OpenMode): Pooled {
    const file = this.#openFile(path, mode);
    const pooled: Pooled = { file, isReadOnly: mode === 'read', users: 0, isDropped: false };
    file.catch(() => {
      if (this.#files.get(path) === pooled) this.#files.delete(path);
    });
    return pooled;
  }

  /** If too many files are open in the process, closes unused ones of the pool. */
  async #openFile(path: string, mode: OpenMode): Promise<DiskFile> {
    for (;;) {
      try {
        return await this.#disk.open(path, mode);
      } catch (error) {
        if (!lacksDescriptors(error) || !(await this.#closeOne())) throw error;
      }
    }
  }

  /** Closes the least recently used file that is not in use. Returns false if there is none. */
  async #closeOne(): Promise<boolean> {
    for (const [path, { file, users }] of this.#files) {
      if (users > 0) continue;
      this.#files.delete(path);
      await file.then((open) => open.close()).catch(ignore);
      return true;
    }
    return false;
  }

  #trim(): void {
    if (this.#files.size <= this.#max) return;
    for (const [path, pooled] of this.#files) {
      if (this.#files.size <= this.#max) return;
      if (pooled.users === 0) this.drop(path);
    }
  }

  /** Closes a file as soon as it is not in use. */
  drop(path: string): void {
    const pooled = this.#files.get(path);
    if (pooled === undefined) return;
    this.#files.delete(path);
    pooled.isDropped = true;
    this.#closeIfUnused(pooled);
  }

  #closeIfUnused({ file, isDropped, users }: Pooled): void {
    if (isDropped && users === 0) file.then((open) => open.close()).catch(ignore);
  }

  async closeAll(): Promise<void> {
    const open = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(open.map(({ file }) => file.then((one) => one.close()).catch(ignore)));
  }
}

function ignore(): void {}
