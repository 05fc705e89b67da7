/**
 * A body on its way into a file that is stored as a whole: it is gathered in memory, put where the write asks for, and
 * handed over when it is complete. One that breaks off is forgotten, so the file stays as it was.
 */
import { createError } from '../../errors/index.ts';
import type { FileWriter, WriteOptions } from '../../fs/index.ts';
import { checkedOffset } from '../numbers.ts';

export interface BodyWriterOptions {
  /** Of the plugin, for errors. */
  pluginName: string;
  /** Bytes that the file may have. With more it is FILE_TOO_LARGE. */
  maxBytes: number;
  /** What `openWrite` was asked for: `offset`, `append` and `truncate` count here. */
  options?: WriteOptions | undefined;
  /** The file as it is when the body is complete; undefined where there is none. */
  current(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Stores the whole file, whose memory is the plugin's from then on. What it throws fails the write. */
  store(content: Uint8Array): void | Promise<void>;
}

export class BodyWriter implements FileWriter {
  readonly #how: BodyWriterOptions;
  /** -1 replaces the file. */
  readonly #offset: number;
  #pieces: Uint8Array[] = [];
  #isOpen = true;
  written = 0;

  /** @throws NEGATIVE_OFFSET, INVALID_PARAMETER for an offset that is none; FILE_TOO_LARGE for one beyond `maxBytes` */
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
    this.#requireRoom(this.written + piece.length);
    // A copy: the caller may use the memory of the piece again (contract 2).
    this.#pieces.push(new Uint8Array(piece));
    this.written += piece.length;
  }

  /** Twice is harmless. @throws NOT_SUPPORTED with `end`, and then nothing is stored; FILE_TOO_LARGE */
  async close({ end = false }: { end?: boolean | undefined } = {}): Promise<void> {
    if (!this.#isOpen) return;
    const pieces = this.#take();
    const { append = false, truncate = false } = this.#how.options ?? {};
    if (end) throw createError('NOT_SUPPORTED', { operation: 'end', plugin: this.#how.pluginName });
    const isKept = !truncate && (append || this.#offset >= 0);
    const before = (isKept ? await this.#how.current() : undefined) ?? new Uint8Array(0);
    const start = append ? before.length : Math.max(0, this.#offset);
    // An empty write makes no gap of zeros before it.
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
