/** Line-based text: readers begin at the start of a line. Line starts are searched on demand. */
import type { Join, RingStream, StreamFormat } from '../core/internal.ts';

type LinesOfStream = Pick<RingStream, 'startOffset' | 'endOffset' | 'lineStart' | 'lineEnd' | 'withHistory'>;

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
    const { withHistory } = this.stream;
    return (await withHistory.lineStart(offset)) === offset ? offset : withHistory.lineEnd(offset);
  }

  join(wanted: number): Join {
    // The caller has already found the line start in the history on disk (boundaryInHistory).
    if (wanted < this.stream.startOffset) return { offset: wanted, header: undefined, waits: false };
    const offset = this.boundaryFrom(wanted) ?? this.stream.lineStart(this.stream.endOffset);
    return { offset: offset ?? wanted, header: undefined, waits: offset === undefined };
  }

  headerLost(): undefined {
    return undefined;
  }

  release(): void {}
}
