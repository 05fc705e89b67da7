/** Writes a body to a stream: each piece is appended when it arrives. */
import type { RingStream } from '../../core/internal.ts';
import type { CloseOptions, FileWriter } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import type { Line } from './stream-lines.ts';

/** The callbacks of a writer. */
export interface WriterOwner {
  /** The stream is to be ended. */
  end(status: string | undefined): void;
  /** Called once when the writer is done. */
  release(): void;
}

export class StreamWriter implements FileWriter {
  written = 0;
  endOffset: number;
  readonly generation: string;
  onStop: ((error: Error) => void) | undefined;
  protected readonly stream: RingStream;
  private owner: WriterOwner | undefined;

  constructor(stream: RingStream, owner: WriterOwner) {
    this.stream = stream;
    this.generation = stream.generation;
    this.endOffset = stream.endOffset;
    this.owner = owner;
  }

  write(piece: Uint8Array): void | Promise<void> {
    const { length } = piece;
    const waiting = this.stream.write(piece);
    if (waiting !== undefined) return waiting.then(() => this.took(length));
    this.took(length);
    return undefined;
  }

  protected took(length: number): void {
    this.written += length;
    this.endOffset = this.stream.endOffset;
  }

  async close({ end = false, endStatus }: CloseOptions = {}): Promise<void> {
    try {
      if (end) this.owner?.end(endStatus);
    } catch (error) {
      this.done();
      throw error;
    }
    const saved = this.stream.whenSaved();
    if (saved === undefined) this.done();
    else await this.doneWhen(saved);
  }

  /** The writer stays open until its bytes are as durable as the stream's log promises. */
  private async doneWhen(saved: Promise<void>): Promise<void> {
    try {
      await saved;
      this.took(0);
    } finally {
      this.done();
    }
  }

  get durability(): Durability | undefined {
    return this.stream.durability;
  }

  /** Bytes already written stay (contract 72). */
  async abort(): Promise<void> {
    this.done();
  }

  protected done(): void {
    const { owner } = this;
    this.owner = undefined;
    owner?.release();
  }
}

/** Writes whole lines. Received bytes count as written: if the body is interrupted, its last line is completed. */
export class LinesWriter extends StreamWriter {
  readonly keepsLines = true;
  private readonly line: Line;

  constructor(stream: RingStream, owner: WriterOwner, line: Line) {
    super(stream, owner);
    this.line = line;
  }

  override write(piece: Uint8Array): void | Promise<void> {
    const { length } = piece;
    const waiting = this.line.write(piece);
    if (waiting !== undefined) return waiting.then(() => this.took(length));
    this.took(length);
    return undefined;
  }

  override async close(options: CloseOptions = {}): Promise<void> {
    try {
      await this.line.complete();
      this.took(0);
    } catch (error) {
      await this.abort();
      throw error;
    }
    this.line.release();
    await super.close(options);
  }

  override async abort(): Promise<void> {
    this.line.abandon();
    await super.abort();
  }
}
