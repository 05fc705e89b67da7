/**
 * A body on its way into a file. It is gathered aside, and becomes the file's in one step when it is whole: a body
 * that breaks off leaves the file as it was, and no reader ever sees half of one.
 */
import { createError } from '../../errors/index.ts';
import type { FileWriter } from '../../fs/index.ts';
import type { FileContent } from './content.ts';

export class MemWriter implements FileWriter {
  readonly #content: FileContent;
  readonly #store: (content: FileContent) => void;
  #open = true;

  /** `content` is empty and the writer's own; `store` is called once, with the whole body in it, and takes it over. */
  constructor(content: FileContent, store: (content: FileContent) => void) {
    this.#content = content;
    this.#store = store;
  }

  get written(): number {
    return this.#content.size;
  }

  /** WRITER_CLOSED, FILE_TOO_LARGE, STORAGE_FULL. */
  write(piece: Uint8Array): void {
    if (!this.#open) throw createError('WRITER_CLOSED');
    this.#content.write(piece, this.#content.size);
  }

  /** Twice is harmless. NOT_SUPPORTED with `end`, and then the file stays as it was. */
  async close(options: { end?: boolean | undefined } = {}): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (options.end) {
      this.#content.release();
      throw createError('NOT_SUPPORTED', { operation: 'end', plugin: 'memfs' });
    }
    this.#store(this.#content);
  }

  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#content.release();
  }
}
