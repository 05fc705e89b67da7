/** Appends short bodies to a stream, without opening and closing a writer for each. */
import type { RingStream } from '../../core/internal.ts';
import type { Appender } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import { completeJsonLines } from './json-writer.ts';
import { type StreamLines, writeLines } from './stream-lines.ts';

export class StreamAppender implements Appender {
  readonly generation: string;
  isPlaced = true;
  protected readonly stream: RingStream;

  private readonly isDue: () => boolean;

  /** @param isDue whether the stream has expired without having been ended yet */
  constructor(stream: RingStream, isDue: () => boolean) {
    this.stream = stream;
    this.isDue = isDue;
    this.generation = stream.generation;
  }

  append(piece: Uint8Array): Promise<number> | undefined {
    return this.saved(this.stream.write(piece));
  }

  /** Resolves when the written bytes are as durable as the stream's log promises. */
  protected saved(waiting: void | Promise<void>): Promise<number> | undefined {
    this.isPlaced = waiting === undefined;
    return whenSaved(this.stream, waiting);
  }

  get durability(): Durability | undefined {
    return this.stream.durability;
  }

  get endOffset(): number {
    return this.stream.endOffset;
  }

  get isOver(): boolean {
    return this.stream.closedBy !== undefined || this.isDue();
  }
}

/**
 * Waits for a write, and then until the log of its stream has saved it.
 *
 * @returns the end offset after the write; undefined if there is nothing to wait for
 */
export function whenSaved(stream: RingStream, waiting: void | Promise<void>): Promise<number> | undefined {
  if (waiting !== undefined) return waiting.then(() => whenSaved(stream, undefined) ?? stream.endOffset);
  const saving = stream.whenSaved();
  if (saving === undefined) return undefined;
  const { writtenEnd } = stream;
  return saving.then(() => writtenEnd);
}

/** The same for a stream with whole lines: each piece ends with a line. */
export class LinesAppender extends StreamAppender {
  private readonly lines: StreamLines;

  constructor(stream: RingStream, isDue: () => boolean, lines: StreamLines) {
    super(stream, isDue);
    this.lines = lines;
  }

  override append(piece: Uint8Array): Promise<number> | undefined {
    return this.saved(writeLines(this.lines.begin(), piece));
  }
}

/** The same for a JSON stream: each piece consists of whole messages. */
export class JsonAppender extends StreamAppender {
  override append(piece: Uint8Array): Promise<number> | undefined {
    return this.saved(this.stream.write(completeJsonLines(piece)));
  }
}
