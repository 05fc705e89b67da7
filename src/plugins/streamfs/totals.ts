/**
 * What the streams of a mount have come to. Streams and readers count for themselves; here they are added up when
 * somebody asks, and what a stream came to is kept when it goes. So counters never go back, and nothing is counted twice.
 */
import type { Stream } from '../../core/index.ts';
import type { StreamTotals } from '../../fs/index.ts';

type Counters = Pick<
  StreamTotals,
  'receivedBytes' | 'receivedChunks' | 'deliveredBytes' | 'deliveredChunks' | 'skippedBytes' | 'skippedChunks'
>;

export class Totals {
  /** Those of the table, and those that are gone and still have readers. */
  private readonly streams = new Set<Stream>();
  /** What those came to that have no readers any more. */
  private readonly past: Counters = {
    ...{ receivedBytes: 0, receivedChunks: 0, deliveredBytes: 0, deliveredChunks: 0 },
    ...{ skippedBytes: 0, skippedChunks: 0 },
  };

  add(stream: Stream): void {
    this.streams.add(stream);
  }

  /** To be called when a stream has left the table, and when a reader has left it: what is over is kept as a sum. */
  settle(stream: Stream): void {
    if (!stream.isGone || stream.readerCount > 0) return;
    if (this.streams.delete(stream)) count(this.past, stream);
  }

  sum(): Omit<StreamTotals, 'streams' | 'writers'> {
    const sum = { ...this.past, readers: 0, retainedBytes: 0, maxLag: 0 };
    for (const stream of this.streams) {
      const { readers, retained, maxReaderLag } = count(sum, stream);
      sum.readers += readers;
      sum.retainedBytes += retained;
      sum.maxLag = Math.max(sum.maxLag, maxReaderLag);
    }
    return sum;
  }
}

function count(sum: Counters, stream: Stream) {
  const stats = stream.stats();
  sum.receivedBytes += stats.totalWritten;
  sum.receivedChunks += stats.totalChunks;
  sum.deliveredBytes += stats.deliveredBytes;
  sum.deliveredChunks += stats.deliveredChunks;
  sum.skippedBytes += stats.skippedBytes;
  sum.skippedChunks += stats.skippedChunks;
  return stats;
}
