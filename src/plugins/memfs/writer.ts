/**
 * Writes a body to a file. The body is collected separately and replaces the file's content atomically when it is
 * complete: an aborted body leaves the file unchanged, and no reader sees a partial one.
 */
import { createError } from '../../errors/index.ts';
import type { FileWriter } from '../../fs/index.ts';
import type { FileContent } from './content.ts';

export class MemWriter implements FileWriter {
  readonly #content: FileContent;
  readonly #store: (content: FileContent) => void;
  #open = true;

  /**
   * `content` is empty and owned by the writer. `store` is called once with the complete body, and takes ownership of
   * it.
   */
  constructor(content: FileContent, store: (content: FileContent) => void) {
    this.#content = content;
    this.#store = store;
  }

  get written(): number {
    return this.#content.size;
  }

  /** Throws WRITER_CLOSED, FILE_TOO_LARGE, STORAGE_FULL. */
  write(piece: Uint8Array): void {
    if (!this.#open) throw createError('WRITER_CLOSED');
    this.#content.write(piece, this.#content.size);
  }

  /** Closing twice is harmless. Throws NOT_SUPPORTED with `end`, leaving the file unchanged. */
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
