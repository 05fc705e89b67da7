/**
 * A sum of what many streams have come to, in which those stand that do not change just now: with it, adding up a million
 * streams takes as long as adding up those that are in use.
 */
import type { Stream } from './public.ts';

/** A stream, as a sum sees it. */
export interface SummedStream extends Stream {
  /** The position of its counts in a sum; undefined while they are read one by one or not added up at all. */
  sum: StreamSum | undefined;
  /** Removed, expired or shut down: nothing can be appended, and no reader opened. */
  readonly isGone: boolean;
  /** The offset of the next byte to be written. */
  readonly writtenEnd: number;
}

export interface StreamSum {
  /** The counts of a stream that stands in the sum are about to change: it has to be looked at by itself. */
  leave(stream: SummedStream): void;
  /** Bytes of a stream that stands in the sum were delivered, to a reader that had been closed before. */
  deliveredLate(bytes: number): void;
}
