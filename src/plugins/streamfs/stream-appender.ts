/** The end of a stream, for short bodies: nothing is opened and closed for each. */
import type { Stream } from '../../core/index.ts';
import type { Appender } from '../../fs/index.ts';

export class StreamAppender implements Appender {
  readonly generation: string;
  private readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
    this.generation = stream.generation;
  }

  append(piece: Uint8Array): void | Promise<void> {
    return this.stream.write(piece);
  }

  get endOffset(): number {
    return this.stream.endOffset;
  }

  get isOver(): boolean {
    return this.stream.endReason !== undefined;
  }
}
