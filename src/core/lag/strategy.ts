/**
 * What happens to a reader that falls behind by more than it may: what a lag policy decides (contract 20;
 * docs/adr/0002-apply-a-lag-policy-to-slow-readers.md). A strategy is one object for all readers with that policy; what
 * it remembers of one is a field of the reader, its queue.
 *
 * A reader that has caught up once may lag `maxLag` bytes; one still on its way through history may lag by all that is
 * kept. Nothing here runs when bytes are appended: what a reader has lost follows from where it stands and where the
 * stream's end is, so it is worked out when the reader comes back, and costs the writer nothing. Two exceptions, for
 * the readers that ask for them: `block` makes writers wait, and `drop-newest` holds on to slabs as they are evicted.
 */
import type { Slab } from '../slab.ts';
import type { LagPolicy } from '../types.ts';
import type { DropNewestQueue, QueueAccount } from './drop-newest-queue.ts';

/** A reader, as a strategy sees it. */
export interface LaggingReader {
  /** The offset of the next byte it can be given. */
  readonly nextOffset: number;
  /** Bytes to the end of the stream, and how many they may be. */
  readonly lag: number;
  readonly allowedLag: number;
  /** What the strategy has made for it. */
  readonly queue: DropNewestQueue | undefined;
  readonly stream: { readonly endOffset: number; readonly ring: { readonly floor: number } };
  /** Ends it with READER_TOO_SLOW. */
  cutOff(): void;
}

/**
 * All strategies are literals with these properties in this order: so they have one hidden class, and what is asked of
 * them for each run that is delivered stays monomorphic.
 */
export interface LagStrategy {
  readonly name: LagPolicy;
  /** Writers wait for a reader that is as far behind as it may be. */
  readonly blocksWriters: boolean;
  /** A loss ends the reader with READER_TOO_SLOW. Otherwise the reader gets a gap. */
  readonly cutsOff: boolean;
  /** {@link checkLag} and {@link slabLeaves} are called for its readers. */
  readonly watchesStream: boolean;
  /** What is kept for a reader beside the ring. */
  createQueue(offset: number, account: QueueAccount | undefined): DropNewestQueue | undefined;
  /** Where reading goes on: at or below the reader's position unless something before it is lost. */
  resumeOffset(reader: LaggingReader): number;
  /** Something was appended in this turn of the event loop. */
  checkLag(reader: LaggingReader): void;
  /** A slab is about to leave the ring. */
  slabLeaves(reader: LaggingReader, slab: Slab): void;
}
