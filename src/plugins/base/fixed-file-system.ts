/**
 * Base class for file systems with a fixed set of files, which cannot be added, removed, renamed or given other
 * permissions. A plugin implements `stat`, `readDir` and `open`; if its files are writable, it also overrides
 * `openWrite`.
 */
import { createError } from '../../errors/index.ts';
import type { FileWriter, WriteOptions } from '../../fs/index.ts';
import { BaseFileSystem, markRefusals } from './base-file-system.ts';

export abstract class FixedFileSystem extends BaseFileSystem {
  override async create(path: string): Promise<void> {
    const info = await this.infoOf(path);
    if (info?.isDir) throw createError('IS_A_DIRECTORY', { path });
    throw createError(info ? 'FILE_EXISTS' : 'PERMISSION_DENIED', { path });
  }

  override async mkdir(path: string, _mode: number): Promise<void> {
    const info = await this.infoOf(path);
    if (info?.isDir) throw createError('DIRECTORY_EXISTS', { path });
    throw createError(info ? 'FILE_EXISTS' : 'PERMISSION_DENIED', { path });
  }

  override async remove(path: string): Promise<void> {
    if (path === '/') throw createError('ROOT_IS_FIXED');
    await this.stat(path);
    throw createError('PERMISSION_DENIED', { path });
  }

  override async rename(from: string, _to: string): Promise<void> {
    await this.remove(from);
  }

  override async chmod(path: string, _mode: number): Promise<void> {
    await this.stat(path);
    throw createError('PERMISSION_DENIED', { path });
  }

  override async openWrite(path: string, options?: WriteOptions): Promise<FileWriter> {
    await this.requireWritable(path, options);
    throw createError('PERMISSION_DENIED', { path });
  }

  override async truncate(path: string, _size: number): Promise<void> {
    await this.requireWritable(path, { create: false });
    throw createError('PERMISSION_DENIED', { path });
  }

  override async touch(path: string): Promise<void> {
    await this.requireWritable(path);
    throw createError('PERMISSION_DENIED', { path });
  }

  /**
   * Checks that `path` is a file that may be the target of a write. An override of `openWrite` should call it first.
   *
   * @throws IS_A_DIRECTORY; FILE_EXISTS for an exclusive write; for an absent file FILE_NOT_FOUND if it must not be
   * created, otherwise PERMISSION_DENIED
   */
  protected async requireWritable(path: string, options: WriteOptions = {}): Promise<void> {
    const info = await this.infoOf(path);
    if (!info) throw createError(options.create === false ? 'FILE_NOT_FOUND' : 'PERMISSION_DENIED', { path });
    if (info.isDir) throw createError('IS_A_DIRECTORY', { path });
    if (options.exclusive) throw createError('FILE_EXISTS', { path });
  }
}

markRefusals(FixedFileSystem.prototype, ['mkdir', 'remove', 'rename', 'chmod', 'openWrite', 'truncate', 'touch']);
