/**
 * A lag policy decides what happens to a reader that exceeds its allowed lag (contract 20;
 * docs/adr/0002-apply-a-lag-policy-to-slow-readers.md). A strategy is one object for all readers with that policy; its state for
 * a reader is stored in the reader, as its queue.
 *
 * A reader that has caught up once may lag `maxLag` bytes; a reader that is still catching up may lag by all kept
 * bytes. Nothing here runs when bytes are appended: a loss follows from the reader's position and the stream's end, so
 * it is computed at the next read and costs the writer nothing. There are two exceptions: `block` makes writers wait,
 * and `drop-newest` keeps slabs as they are evicted.
 */
import type { Slab } from '../slab.ts';
import type { LagPolicy } from '../types.ts';
import type { DropNewestQueue, QueueAccount } from './drop-newest-queue.ts';

/** The view of a reader that a strategy uses. */
export interface LaggingReader {
  /** The offset of the next byte that the reader can receive. */
  readonly nextOffset: number;
  /** Bytes that the reader may receive now, and their limit. */
  readonly unread: number;
  readonly allowedLag: number;
  /** The queue that the strategy created for the reader, if any. */
  readonly queue: DropNewestQueue | undefined;
  readonly stream: { readonly endOffset: number; readonly ring: { readonly floor: number } };
  /** Disconnects the reader with READER_TOO_SLOW. */
  disconnect(): void;
}

/**
 * All strategies are object literals with these properties in this order. They share one hidden class, so the property
 * accesses for each delivered run stay monomorphic.
 */
export interface LagStrategy {
  readonly name: LagPolicy;
  /** Writers wait for a reader that has reached its allowed lag. */
  readonly blocksWriters: boolean;
  /** A loss disconnects the reader with READER_TOO_SLOW. Otherwise the reader gets a gap. */
  readonly disconnects: boolean;
  /** {@link checkLag} and {@link beforeEvict} are called for its readers. */
  readonly watchesStream: boolean;
  /** Creates the queue for bytes that a reader keeps beyond the ring, if the policy needs one. */
  createQueue(offset: number, account: QueueAccount | undefined): DropNewestQueue | undefined;
  /** The offset at which reading resumes: at or below the reader's position unless bytes before it are lost. */
  resumeOffset(reader: LaggingReader): number;
  /** Called after a turn of the event loop in which bytes were appended. */
  checkLag(reader: LaggingReader): void;
  /** Called before a slab is evicted from the ring. */
  beforeEvict(reader: LaggingReader, slab: Slab): void;
}
