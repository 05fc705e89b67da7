/** The end of a stream, for short bodies: nothing is opened and closed for each. */
import type { Stream } from '../../core/index.ts';
import type { Appender } from '../../fs/index.ts';
import { completeJsonLines } from './json-writer.ts';
import { type StreamLines, writeLines } from './stream-lines.ts';

export class StreamAppender implements Appender {
  readonly generation: string;
  protected readonly stream: Stream;

  private readonly isDue: () => boolean;

  /** @param isDue whether the stream is over for want of activity, which it has not been told yet */
  constructor(stream: Stream, isDue: () => boolean) {
    this.stream = stream;
    this.isDue = isDue;
    this.generation = stream.generation;
  }

  append(piece: Uint8Array): void | Promise<void> {
    return this.stream.write(piece);
  }

  get endOffset(): number {
    return this.stream.endOffset;
  }

  get isOver(): boolean {
    return this.stream.endReason !== undefined || this.isDue();
  }
}

/** The same at a stream of which lines stay whole: each piece ends with a line. */
export class LinesAppender extends StreamAppender {
  private readonly lines: StreamLines;

  constructor(stream: Stream, isDue: () => boolean, lines: StreamLines) {
    super(stream, isDue);
    this.lines = lines;
  }

  override append(piece: Uint8Array): void | Promise<void> {
    return writeLines(this.lines.begin(), piece);
  }
}

/** The same at a stream of JSON: each piece is whole messages. */
export class JsonAppender extends StreamAppender {
  override append(piece: Uint8Array): void | Promise<void> {
    return this.stream.write(completeJsonLines(piece));
  }
}
