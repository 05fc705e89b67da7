/** A local directory as the disk of a log. */
import { fstatSync } from 'node:fs';
import { constants, type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk, DiskFile, OpenMode } from './disk.ts';
import { makeDirectory } from './make-directory.ts';

/** Logs are private to their owner. */
const FILE_MODE = 0o600;

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | constants.O_CREAT,
  change: constants.O_RDWR,
  make: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

/** Buffers per system call. */
const MAX_PARTS = 512;

class NodeFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<number> {
    if (parts.length === 1) {
      const [part] = parts as [Uint8Array];
      return (await this.#handle.write(part, 0, part.length, position)).bytesWritten;
    }
    return (await this.#handle.writev(parts.slice(0, MAX_PARTS), position)).bytesWritten;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let at = 0;
    while (at < into.length) {
      const { bytesRead } = await this.#handle.read(into, at, into.length - at, position + at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return at;
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async truncate(length: number): Promise<void> {
    await this.#handle.truncate(length);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  /** Synchronous: the kernel answers without disk access, and the thread pool would take ten times as long. */
  hasName(): boolean {
    return fstatSync(this.#handle.fd).nlink > 0;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

export class NodeDisk implements Disk {
  readonly name: string;

  constructor(directory: string) {
    this.name = directory;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return new NodeFile(await open(join(this.name, path), FLAGS[mode], FILE_MODE));
  }

  async list(path: string): Promise<string[]> {
    return readdir(join(this.name, path));
  }

  async makeDirectory(path: string): Promise<void> {
    await makeDirectory(join(this.name, path));
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(join(this.name, from), join(this.name, to));
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.name, path), { force: true });
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await open(join(this.name, path), constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
