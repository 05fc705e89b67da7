/**
 * Writes bodies in whole lines only: the start of a line is held until its end arrives, and an unfinished last line is
 * completed.
 */
import type { MemoryBudget } from '../../core/index.ts';
import { createError, limitReached } from '../../errors/index.ts';
import { abortWrite } from '../../fs/abort-write.ts';
import type { CloseOptions, FileWriter, ProducerFacts } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import { NEWLINE, NEWLINE_ALONE } from './line-cutter.ts';

export interface WholeLinesOptions {
  /** Maximum length of a line in bytes. */
  max: number;
  /** The budget charged for held bytes. */
  memory: MemoryBudget | undefined;
  /** Throws for lines that must not be written. */
  check?: ((lines: Uint8Array) => void) | undefined;
  /** Also completes the last line of an interrupted body. By default it is dropped. */
  keepsBroken?: boolean | undefined;
}

export class WholeLinesWriter implements FileWriter {
  readonly keepsLines = true;
  readonly producer?: ProducerFacts | undefined;
  private readonly inner: FileWriter;
  private readonly options: WholeLinesOptions;
  /** The parts of an unfinished line. */
  private parts: Uint8Array[] = [];
  private held = 0;
  /** Newlines that were added to the body. */
  private added = 0;

  constructor(inner: FileWriter, options: WholeLinesOptions) {
    this.inner = inner;
    this.options = options;
    if (inner.producer !== undefined) this.producer = inner.producer;
  }

  get written(): number {
    return this.inner.written + this.held - this.added;
  }

  get endOffset(): number {
    return this.inner.endOffset!;
  }

  get durability(): Durability | undefined {
    return this.inner.durability;
  }

  get generation(): string {
    return this.inner.generation!;
  }

  set onStop(stop: ((error: Error) => void) | undefined) {
    this.inner.onStop = stop;
  }

  write(piece: Uint8Array): void | Promise<void> {
    const end = piece.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      this.hold(piece);
      return undefined;
    }
    const lines =
      this.parts.length === 0 ? piece.subarray(0, end) : Buffer.concat([...this.parts, piece.subarray(0, end)]);
    this.options.check?.(lines);
    this.release();
    if (end < piece.length) this.hold(piece.subarray(end));
    return this.inner.write(lines);
  }

  private hold(bytes: Uint8Array): void {
    const { max, memory } = this.options;
    if (this.held + bytes.length > max) throw createError('APPEND_TOO_LARGE', { size: this.held + bytes.length, max });
    if (memory?.tryTake(bytes.length) === false) throw limitReached('MEMORY_LIMIT', 'memory', memory.limit);
    this.held += bytes.length;
    // The caller may reuse its memory.
    this.parts.push(Uint8Array.from(bytes));
  }

  private release(): void {
    this.options.memory?.give(this.held);
    this.parts = [];
    this.held = 0;
  }

  /** Bytes held of an unfinished line. */
  get heldBytes(): number {
    return this.held;
  }

  copyHeld(): Uint8Array {
    return Buffer.concat(this.parts);
  }

  /** Completes an unfinished line. */
  complete(): void | Promise<void> {
    if (this.held === 0) return undefined;
    this.added++;
    return this.write(NEWLINE_ALONE);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    try {
      await this.complete();
    } catch (error) {
      await abortWrite(this, error);
    }
    await this.inner.close(options);
  }

  async abort(): Promise<void> {
    try {
      if (this.options.keepsBroken === true) await this.complete();
    } finally {
      await this.discard();
    }
  }

  /** Like {@link abort}, without completing an unfinished line. */
  async discard(): Promise<void> {
    this.release();
    await this.inner.abort();
  }
}
