/** Appends short bodies to a stream, without opening and closing a writer for each. */
import type { RingStream } from '../../core/internal.ts';
import type { Appender } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import { completeJsonLines } from './json-writer.ts';
import { type StreamLines, writeLines } from './stream-lines.ts';

export class StreamAppender implements Appender {
  readonly generation: string;
  protected readonly stream: RingStream;

  private readonly isDue: () => boolean;

  /** @param isDue whether the stream has expired without having been ended yet */
  constructor(stream: RingStream, isDue: () => boolean) {
    this.stream = stream;
    this.isDue = isDue;
    this.generation = stream.generation;
  }

  append(piece: Uint8Array): void | Promise<void> {
    return this.saved(this.stream.write(piece));
  }

  /** Resolves when the written bytes are as durable as the stream's log promises. */
  protected saved(waiting: void | Promise<void>): void | Promise<void> {
    const { stream } = this;
    return waiting === undefined ? stream.whenSaved() : waiting.then(() => stream.whenSaved());
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

/** The same for a stream with whole lines: each piece ends with a line. */
export class LinesAppender extends StreamAppender {
  private readonly lines: StreamLines;

  constructor(stream: RingStream, isDue: () => boolean, lines: StreamLines) {
    super(stream, isDue);
    this.lines = lines;
  }

  override append(piece: Uint8Array): void | Promise<void> {
    return this.saved(writeLines(this.lines.begin(), piece));
  }
}

/** The same for a JSON stream: each piece consists of whole messages. */
export class JsonAppender extends StreamAppender {
  override append(piece: Uint8Array): void | Promise<void> {
    return this.saved(this.stream.write(completeJsonLines(piece)));
  }
}
