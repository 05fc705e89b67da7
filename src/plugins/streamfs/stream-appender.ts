/** The end of a stream, for short bodies: nothing is opened and closed for each. */
import type { RingStream } from '../../core/internal.ts';
import type { Appender } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import { completeJsonLines } from './json-writer.ts';
import { type StreamLines, writeLines } from './stream-lines.ts';

export class StreamAppender implements Appender {
  readonly generation: string;
  protected readonly stream: RingStream;

  private readonly isDue: () => boolean;

  /** @param isDue whether the stream is over for want of activity, which it has not been told yet */
  constructor(stream: RingStream, isDue: () => boolean) {
    this.stream = stream;
    this.isDue = isDue;
    this.generation = stream.generation;
  }

  append(piece: Uint8Array): void | Promise<void> {
    return this.saved(this.stream.write(piece));
  }

  /** Done when what was written is as safe as the stream's log promises. */
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

/** The same at a stream of which lines stay whole: each piece ends with a line. */
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

/** The same at a stream of JSON: each piece is whole messages. */
export class JsonAppender extends StreamAppender {
  override append(piece: Uint8Array): void | Promise<void> {
    return this.saved(this.stream.write(completeJsonLines(piece)));
  }
}
