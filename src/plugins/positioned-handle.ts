/**
 * Base class of handles on files with an end: a handle stays open until it is closed, its position advances over
 * delivered bytes, and only one live read runs at a time.
 */
import { createError } from '../errors/index.ts';
import type { FileInfo, HandleRead, StreamSource } from '../fs/index.ts';
import { seekTarget } from './numbers.ts';

export abstract class PositionedHandle {
  readonly path: string;
  protected position = 0;
  protected isOpen = true;
  readonly #info: () => FileInfo;
  /** The live read that the handle is reserved for. */
  #reservation: object | undefined;

  constructor(path: string, info: () => FileInfo) {
    this.path = path;
    this.#info = info;
  }

  /** The current size in bytes, from which a seek relative to the end counts. */
  protected abstract get size(): number;

  /** @throws HANDLE_NOT_FOUND */
  protected checkOpen(): void {
    if (!this.isOpen) throw createError('HANDLE_NOT_FOUND');
  }

  /**
   * The result of a read at `offset`. If it started at the position, its delivery advances the position (contract 54).
   */
  protected found(data: Uint8Array, offset: number, eof: boolean, isAtPosition: boolean): HandleRead {
    const commit = (delivered = true) => {
      // A seek in between has moved the position on purpose.
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

  /**
   * Reserves the handle for a live read, until its content has been consumed or abandoned: with `return`, as by leaving
   * a `for await` loop.
   *
   * @throws HANDLE_BUSY (contract 65)
   */
  protected beginStream(content: () => AsyncIterable<Uint8Array>): AsyncIterableIterator<Uint8Array> {
    this.#checkIdle();
    const reservation = {};
    this.#reservation = reservation;
    const release = () => {
      // A later read may have reserved the handle since.
      if (this.#reservation === reservation) this.#reservation = undefined;
    };
    const pieces = releasing(content(), release);
    return {
      next: () => pieces.next(),
      // A generator that is abandoned before its first step does not run its `finally` block.
      return: async () => {
        const step = await pieces.return(undefined);
        release();
        return step;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async describeStream(): Promise<StreamSource> {
    this.#checkIdle();
    return { kind: 'content', content: (async function* () {})() };
  }

  #checkIdle(): void {
    this.checkOpen();
    if (this.#reservation !== undefined) throw createError('HANDLE_BUSY');
  }

  /** Closing twice is harmless. */
  async close(): Promise<void> {
    this.isOpen = false;
  }
}

async function* releasing(content: AsyncIterable<Uint8Array>, release: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } finally {
    release();
  }
}
