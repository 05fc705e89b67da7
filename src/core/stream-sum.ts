/**
 * A running sum of the counters of streams that are currently unchanged. With it, totalling a million streams takes
 * only as long as totalling the active ones.
 */
import type { Stream } from './public.ts';

/** The view of a stream that a sum uses. */
export interface SummedStream extends Stream {
  /** The sum that includes the stream's counters; undefined while they are read individually or not summed at all. */
  sum: StreamSum | undefined;
  /** Removed, expired or shut down: nothing can be appended and no reader can be opened. */
  readonly isGone: boolean;
  /** The offset of the next byte to be written. */
  readonly writtenEnd: number;
}

export interface StreamSum {
  /** The counters of a stream in the sum are about to change, so from now on they must be read individually. */
  leave(stream: SummedStream): void;
  /** A closed reader of a stream in the sum has taken bytes. */
  deliveredLate(bytes: number): void;
}
