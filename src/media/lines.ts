/** Text of which each line can be read by itself: readers begin with a whole line. Found when it is asked for. */
import type { Join, RingStream, StreamFormat } from '../core/internal.ts';

type LinesOfStream = Pick<RingStream, 'startOffset' | 'endOffset' | 'lineStart' | 'lineEnd' | 'whole'>;

export class LineFormat implements StreamFormat {
  private readonly stream: LinesOfStream;

  constructor(stream: LinesOfStream) {
    this.stream = stream;
  }

  take(): void {}

  boundaryFrom(offset: number): number | undefined {
    const { stream } = this;
    const from = Math.max(offset, stream.startOffset);
    if (from > stream.endOffset) return undefined;
    if (stream.lineStart(from) === from) return from;
    const next = stream.lineEnd(from);
    return stream.lineStart(next) === next ? next : undefined;
  }

  async boundaryInHistory(offset: number): Promise<number> {
    const { whole } = this.stream;
    return (await whole.lineStart(offset)) === offset ? offset : whole.lineEnd(offset);
  }

  join(wanted: number): Join {
    // It was looked for where that takes a look at the disk.
    if (wanted < this.stream.startOffset) return { offset: wanted, header: undefined, waits: false };
    const offset = this.boundaryFrom(wanted) ?? this.stream.lineStart(this.stream.endOffset);
    return { offset: offset ?? wanted, header: undefined, waits: offset === undefined };
  }

  headerLost(): undefined {
    return undefined;
  }

  release(): void {}
}
