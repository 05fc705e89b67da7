/**
 * Bodies of other protocols into a stream of JSON: only whole messages reach it, each a line. The beginning of a line waits
 * here for its end; a body that ends without a newline has its last line completed.
 */
import type { MemoryBudget } from '../../core/index.ts';
import { createError, limitReached } from '../../errors/index.ts';
import type { CloseOptions, FileWriter, ProducerFacts } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import { requireJsonLines } from './json-text.ts';

const NEWLINE = 10;

/** Bytes that are written at once: whole lines, the last completed. @throws JSON_LINES_ONLY */
export function completeJsonLines(data: Uint8Array): Uint8Array {
  requireJsonLines(data);
  return data.length === 0 || data.at(-1) === NEWLINE ? data : Buffer.concat([data, Uint8Array.of(NEWLINE)]);
}

export interface JsonWriterOptions {
  /** The longest line, in bytes. */
  max: number;
  /** What the beginning of a line is charged to. */
  memory: MemoryBudget | undefined;
}

export class JsonLinesWriter implements FileWriter {
  readonly keepsLines = true;
  readonly producer?: ProducerFacts | undefined;
  private readonly inner: FileWriter;
  private readonly options: JsonWriterOptions;
  /** Of a line that is not complete. */
  private parts: Uint8Array[] = [];
  private held = 0;

  constructor(inner: FileWriter, options: JsonWriterOptions) {
    this.inner = inner;
    this.options = options;
    if (inner.producer !== undefined) this.producer = inner.producer;
  }

  get written(): number {
    return this.inner.written + this.held;
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
    requireJsonLines(lines);
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

  async close(options: CloseOptions = {}): Promise<void> {
    if (this.held > 0) {
      try {
        await this.write(Uint8Array.of(NEWLINE));
      } catch (error) {
        await this.abort();
        throw error;
      }
    }
    await this.inner.close(options);
  }

  /** The line that was not complete is none. */
  async abort(): Promise<void> {
    this.release();
    await this.inner.abort();
  }
}
