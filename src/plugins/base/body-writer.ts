/**
 * A writer for files that are stored as a whole. It collects the body in memory, places it at the requested offset, and
 * stores the file when the body is complete. An aborted body is discarded, so the file stays unchanged.
 */
import { createError } from '../../errors/index.ts';
import type { FileWriter, WriteOptions } from '../../fs/index.ts';
import { requireBytes } from '../../units/index.ts';
import { checkedOffset } from '../numbers.ts';

export interface BodyWriterOptions {
  /** The plugin's name, for errors. */
  pluginName: string;
  /** The maximum size of the file in bytes. Larger files are refused with FILE_TOO_LARGE. */
  maxBytes: number;
  /** The options of `openWrite`, of which `offset`, `append` and `truncate` are used. */
  options?: WriteOptions | undefined;
  /** The content of the file when the body is complete; undefined if there is no file. */
  current(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Stores the whole file; the plugin owns the memory from then on. An error thrown here fails the write. */
  store(content: Uint8Array): void | Promise<void>;
}

export class BodyWriter implements FileWriter {
  readonly #how: BodyWriterOptions;
  /** -1 replaces the file. */
  readonly #offset: number;
  #pieces: Uint8Array[] = [];
  #isOpen = true;
  written = 0;

  /** @throws NEGATIVE_OFFSET, INVALID_PARAMETER for an invalid offset; FILE_TOO_LARGE for one beyond `maxBytes` */
  constructor(how: BodyWriterOptions) {
    this.#how = how;
    const { offset = -1 } = how.options ?? {};
    this.#offset = offset === -1 ? -1 : checkedOffset(offset);
    this.#requireRoom(this.#offset);
  }

  #requireRoom(size: number): void {
    const { maxBytes: max } = this.#how;
    if (size > max) throw createError('FILE_TOO_LARGE', { size, max });
  }

  /** @throws WRITER_CLOSED, FILE_TOO_LARGE */
  write(piece: Uint8Array): void {
    if (!this.#isOpen) throw createError('WRITER_CLOSED');
    requireBytes(piece);
    this.#requireRoom(this.written + piece.length);
    // Copy the piece, because the caller may reuse its memory (contract 2).
    this.#pieces.push(new Uint8Array(piece));
    this.written += piece.length;
  }

  /**
   * Closing twice is harmless.
   *
   * @throws NOT_SUPPORTED with `end`, without storing anything; FILE_TOO_LARGE
   */
  async close({ end = false }: { end?: boolean | undefined } = {}): Promise<void> {
    if (!this.#isOpen) return;
    const pieces = this.#take();
    const { append = false, truncate = false } = this.#how.options ?? {};
    if (end) throw createError('NOT_SUPPORTED', { operation: 'end', plugin: this.#how.pluginName });
    const isKept = !truncate && (append || this.#offset >= 0);
    const before = (isKept ? await this.#how.current() : undefined) ?? new Uint8Array(0);
    const start = append ? before.length : Math.max(0, this.#offset);
    // An empty write adds no gap of zeros.
    const size = this.written === 0 ? before.length : Math.max(before.length, start + this.written);
    this.#requireRoom(size);
    const content = new Uint8Array(size);
    content.set(before);
    let at = start;
    for (const piece of pieces) {
      content.set(piece, at);
      at += piece.length;
    }
    await this.#how.store(content);
  }

  async abort(): Promise<void> {
    this.#take();
  }

  #take(): Uint8Array[] {
    this.#isOpen = false;
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}
