/**
 * What every open file with a position and an end of its own does alike: it is open until it is closed, its position
 * moves behind what was delivered, and one live read of it goes on at a time.
 */
import { createError } from '../errors/index.ts';
import type { FileInfo, HandleRead, StreamSource } from '../fs/index.ts';
import { seekTarget } from './numbers.ts';

export abstract class PositionedHandle {
  readonly path: string;
  protected position = 0;
  protected isOpen = true;
  readonly #info: () => FileInfo;
  #streaming = false;

  constructor(path: string, info: () => FileInfo) {
    this.path = path;
    this.#info = info;
  }

  /** Bytes there are now: what a seek from the end counts from. */
  protected abstract get size(): number;

  /** @throws HANDLE_NOT_FOUND */
  protected checkOpen(): void {
    if (!this.isOpen) throw createError('HANDLE_NOT_FOUND');
  }

  /** What a read at `offset` has found. One from the position moves that, once it has been delivered (contract 54). */
  protected found(data: Uint8Array, offset: number, eof: boolean, isAtPosition: boolean): HandleRead {
    const commit = (delivered = true) => {
      // A seek that came in between has moved the position on purpose.
      if (delivered && isAtPosition && this.position === offset) this.position = offset + data.length;
    };
    return { data, eof, offset, skipped: 0, commit };
  }

  async seek(offset: number, whence: number): Promise<number> {
    this.checkOpen();
    this.position = seekTarget(offset, whence, this.position, this.size);
    return this.position;
  }

  async sync(): Promise<void> {
    this.checkOpen();
  }

  async stat(): Promise<FileInfo> {
    this.checkOpen();
    return this.#info();
  }

  /** Takes the handle for a live read, until its content has been read or left. @throws HANDLE_BUSY (contract 65) */
  protected beginStream(content: () => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#checkIdle();
    this.#streaming = true;
    return this.#streamed(content());
  }

  async describeStream(): Promise<StreamSource> {
    this.#checkIdle();
    return { kind: 'content', content: (async function* () {})() };
  }

  #checkIdle(): void {
    this.checkOpen();
    if (this.#streaming) throw createError('HANDLE_BUSY');
  }

  async *#streamed(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* content;
    } finally {
      this.#streaming = false;
    }
  }

  /** Twice is harmless. */
  async close(): Promise<void> {
    this.isOpen = false;
  }
}
