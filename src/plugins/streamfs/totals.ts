/**
 * Totals over the streams of a mount. Streams and readers keep their own counters, so nothing is added per byte. Idle
 * streams are included in a sum, which a stream leaves before it changes; active streams are added up on each request.
 * So a request costs time only for active streams, and counters never decrease when a stream is removed.
 */
import type { StreamSum, SummedStream } from '../../core/internal.ts';
import type { StreamTotals } from '../../fs/index.ts';

export type SummedTotals = Omit<StreamTotals, 'streams' | 'writers'>;

/** Number of active streams above which idle ones are moved back to the sum. */
const MIN_ACTIVE = 1024;

export class Totals implements StreamSum {
  /** The sum of idle streams, and of all that are gone. */
  private readonly idle: SummedTotals = {
    ...{ readers: 0, retainedBytes: 0, maxLag: 0, receivedBytes: 0, receivedChunks: 0 },
    ...{ deliveredBytes: 0, deliveredChunks: 0, skippedBytes: 0, skippedChunks: 0 },
  };
  /** Streams that have changed or have readers, including those that have left the table and still have readers. */
  private readonly active = new Set<SummedStream>();
  /** The number of active streams that triggers a sweep: twice the number that remained after the last one. */
  private maxActive = MIN_ACTIVE;

  /** Adds a stream that has entered the table, with everything attached to it. */
  joined(stream: SummedStream): void {
    if (isIdle(stream)) this.addToIdle(stream);
    else this.active.add(stream);
  }

  /** Called once when an ended stream has left the table. */
  left(stream: SummedStream): void {
    if (stream.readerCount === 0) this.settle(stream);
  }

  /** Called when a reader has left a stream. A stream that is gone is dropped with its last reader. */
  readerLeft(stream: SummedStream): void {
    if (stream.isGone && stream.readerCount === 0) this.settle(stream);
  }

  leave(stream: SummedStream): void {
    if (this.active.size >= this.maxActive) this.sweep();
    add(this.idle, stream, -1);
    this.active.add(stream);
  }

  deliveredLate(bytes: number): void {
    this.idle.deliveredBytes += bytes;
  }

  private settle(stream: SummedStream): void {
    if (this.active.delete(stream)) this.addToIdle(stream);
  }

  private addToIdle(stream: SummedStream): void {
    add(this.idle, stream, 1);
    stream.sum = this;
  }

  private sweep(): void {
    for (const stream of this.active) if (isIdle(stream)) this.settle(stream);
    this.maxActive = Math.max(MIN_ACTIVE, 2 * this.active.size);
  }

  sum(): SummedTotals {
    this.sweep();
    const sum: SummedTotals = { ...this.idle };
    for (const stream of this.active) add(sum, stream, 1);
    return sum;
  }
}

/**
 * Whether the stream stays unchanged until it reports a change. Bytes not yet saved by a log become readable without a
 * report.
 */
function isIdle({ endOffset, readerCount, writtenEnd }: SummedStream): boolean {
  return readerCount === 0 && endOffset === writtenEnd;
}

function add(sum: SummedTotals, stream: SummedStream, sign: 1 | -1): void {
  const stats = stream.stats();
  sum.receivedBytes += sign * stats.totalWritten;
  sum.receivedChunks += sign * stats.totalChunks;
  sum.deliveredBytes += sign * stats.deliveredBytes;
  sum.deliveredChunks += sign * stats.deliveredChunks;
  sum.skippedBytes += sign * stats.skippedBytes;
  sum.skippedChunks += sign * stats.skippedChunks;
  sum.readers += sign * stats.readers;
  // The bytes of a removed stream are unreadable once its readers have left.
  if (!stream.isGone || stats.readers > 0) sum.retainedBytes += sign * stats.retained;
  sum.maxLag = Math.max(sum.maxLag, stats.maxReaderLag);
}
