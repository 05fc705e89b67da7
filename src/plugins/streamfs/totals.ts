/**
 * What the streams of a mount have come to. Streams and readers count for themselves; here they are added up when
 * asked for, and the counts of a stream are kept when it goes. So counters never go back, and nothing is counted twice.
 * For there may be thousands of streams, only those stand here that do not stand in the table any more.
 */
import type { Stream } from '../../core/index.ts';
import type { StreamTotals } from '../../fs/index.ts';
import type { StreamTable } from './stream-table.ts';

type Counters = Pick<
  StreamTotals,
  'receivedBytes' | 'receivedChunks' | 'deliveredBytes' | 'deliveredChunks' | 'skippedBytes' | 'skippedChunks'
>;

export class Totals {
  private readonly table: StreamTable;
  /** Those that have left the table and still have readers. */
  private readonly leaving = new Set<Stream>();
  /** What those came to that have no readers any more. */
  private readonly past: Counters = {
    ...{ receivedBytes: 0, receivedChunks: 0, deliveredBytes: 0, deliveredChunks: 0 },
    ...{ skippedBytes: 0, skippedChunks: 0 },
  };

  constructor(table: StreamTable) {
    this.table = table;
  }

  /** A stream has left the table: once. */
  left(stream: Stream): void {
    if (stream.readerCount > 0) this.leaving.add(stream);
    else count(this.past, stream);
  }

  /** A reader has left a stream: where that was the last of one that has left the table, what is over is kept as a sum. */
  readerLeft(stream: Stream): void {
    if (stream.readerCount === 0 && this.leaving.delete(stream)) count(this.past, stream);
  }

  sum(): Omit<StreamTotals, 'streams' | 'writers'> {
    const sum = { ...this.past, readers: 0, retainedBytes: 0, maxLag: 0 };
    const add = (stream: Stream) => {
      const { readers, retained, maxReaderLag } = count(sum, stream);
      sum.readers += readers;
      sum.retainedBytes += retained;
      sum.maxLag = Math.max(sum.maxLag, maxReaderLag);
    };
    for (const { stream } of this.table.all()) add(stream);
    for (const stream of this.leaving) add(stream);
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
