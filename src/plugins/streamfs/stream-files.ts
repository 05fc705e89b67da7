/**
 * Behaviour common to local and shared streams: README is the only readable file, and operations that no stream
 * supports are refused.
 */
import type { RingStream } from '../../core/internal.ts';
import { createError, limitReached } from '../../errors/index.ts';
import { type ByteRange, contentOfParts, type SizedContent } from '../../fs/index.ts';
import { BaseFileSystem } from '../base/base-file-system.ts';
import { readRange } from '../numbers.ts';
import { PLUGIN_NAME } from './info.ts';
import { README_BYTES, README_PATH } from './readme-file.ts';

export abstract class StreamFiles extends BaseFileSystem {
  constructor() {
    super(PLUGIN_NAME);
  }

  /** @throws IS_A_DIRECTORY; STREAM_NOT_FOUND if there is no stream at the path */
  protected abstract requireStream(path: string): void | Promise<void>;

  protected requireWritable(path: string): void {
    if (path === '/') throw createError('IS_A_DIRECTORY', { path });
    this.requireNotReadme(path);
  }

  protected requireNotReadme(path: string): void {
    if (path === README_PATH) throw createError('NAME_RESERVED', { path });
    if (path.startsWith(`${README_PATH}/`)) throw createError('NOT_A_DIRECTORY', { path: README_PATH });
  }

  protected requireRoomForReader({ readerCount }: RingStream, maxReaders: number): void {
    if (readerCount >= maxReaders) throw limitReached('STREAM_READER_LIMIT', 'stream_readers', maxReaders);
  }

  override async read(path: string, offset: number, size: number): Promise<Uint8Array> {
    await this.requireReadme(path);
    return README_BYTES.subarray(...readRange(README_BYTES.length, offset, size));
  }

  async open(path: string, { offset = 0, size = -1 }: ByteRange = {}): Promise<SizedContent> {
    await this.requireReadme(path);
    return contentOfParts([README_BYTES.subarray(...readRange(README_BYTES.length, offset, size))]);
  }

  /**
   * The ring is never served as a file: a client that appends by reading and rewriting a file would duplicate the
   * content (contract 34).
   */
  private async requireReadme(path: string): Promise<void> {
    if (path === README_PATH) return;
    await this.requireStream(path);
    throw createError('USE_STREAM_MODE');
  }

  /** Succeeds without effect: a shell's `>` truncates before it writes (contract 45). */
  override async truncate(path: string): Promise<void> {
    this.requireNotReadme(path);
    await this.requireStream(path);
  }

  override async mkdir(): Promise<void> {
    throw createError('STREAM_NO_DIRECTORIES');
  }

  override async rename(): Promise<void> {
    throw createError('STREAM_NO_RENAME');
  }

  override async chmod(): Promise<void> {
    throw createError('STREAM_NO_CHMOD');
  }
}
