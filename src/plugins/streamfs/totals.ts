/**
 * Totals over the streams of a mount. Streams and readers keep their own counts, so nothing is added per byte. Idle streams
 * are in a sum, which a stream leaves before it changes; streams in use are added up one by one on each request. So a
 * request costs time for streams in use only, and counters never decrease when a stream is removed.
 */
import type { StreamSum, SummedStream } from '../../core/internal.ts';
import type { StreamTotals } from '../../fs/index.ts';

export type SummedTotals = Omit<StreamTotals, 'streams' | 'writers'>;

/** Number of streams in use above which idle ones are moved back to the sum. */
const MIN_IN_USE = 1024;

export class Totals implements StreamSum {
  /** Of those that rest, and of all that have gone. */
  private readonly resting: SummedTotals = {
    ...{ readers: 0, retainedBytes: 0, maxLag: 0, receivedBytes: 0, receivedChunks: 0 },
    ...{ deliveredBytes: 0, deliveredChunks: 0, skippedBytes: 0, skippedChunks: 0 },
  };
  /** Those that have changed, or have readers; also those that have left the table and still have readers. */
  private readonly inUse = new Set<SummedStream>();
  /** How many of those there may be before they are gone through: twice as many as had to stay the last time. */
  private maxInUse = MIN_IN_USE;

  /** A stream has come into the table, with all that keeps it. */
  joined(stream: SummedStream): void {
    if (isAtRest(stream)) this.rest(stream);
    else this.inUse.add(stream);
  }

  /** A stream has left the table: once. It had been ended before. */
  left(stream: SummedStream): void {
    if (stream.readerCount === 0) this.settle(stream);
  }

  /** A reader has left a stream: of one that is gone nothing is held on to after its last. */
  readerLeft(stream: SummedStream): void {
    if (stream.isGone && stream.readerCount === 0) this.settle(stream);
  }

  leave(stream: SummedStream): void {
    if (this.inUse.size >= this.maxInUse) this.goThrough();
    add(this.resting, stream, -1);
    this.inUse.add(stream);
  }

  deliveredLate(bytes: number): void {
    this.resting.deliveredBytes += bytes;
  }

  private settle(stream: SummedStream): void {
    if (this.inUse.delete(stream)) this.rest(stream);
  }

  private rest(stream: SummedStream): void {
    add(this.resting, stream, 1);
    stream.sum = this;
  }

  private goThrough(): void {
    for (const stream of this.inUse) if (isAtRest(stream)) this.settle(stream);
    this.maxInUse = Math.max(MIN_IN_USE, 2 * this.inUse.size);
  }

  sum(): SummedTotals {
    this.goThrough();
    const sum: SummedTotals = { ...this.resting };
    for (const stream of this.inUse) add(sum, stream, 1);
    return sum;
  }
}

/** Whether nothing about it changes before it says so: what a log has yet to save becomes readable by itself. */
function isAtRest({ endOffset, readerCount, writtenEnd }: SummedStream): boolean {
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
  // A removed stream can no longer be read once its readers have left.
  if (!stream.isGone || stats.readers > 0) sum.retainedBytes += sign * stats.retained;
  sum.maxLag = Math.max(sum.maxLag, stats.maxReaderLag);
}
