import { DropNewestQueue } from './drop-newest-queue.ts';
import type { LagStrategy } from './strategy.ts';

/**
 * A reader keeps as many unread bytes as its allowed lag, from its position on, and loses bytes that are appended while
 * these are unread. It gets the gap after it has read them. Kept bytes must outlive the ring, so the queue takes over
 * evicted slabs.
 */
export const dropNewest: LagStrategy = {
  name: 'drop-newest',
  blocksWriters: false,
  disconnects: false,
  watchesStream: true,
  createQueue: (offset, account) => new DropNewestQueue(offset, account),
  resumeOffset: ({ allowedLag, nextOffset, queue, stream }) => {
    queue!.advanceTo(nextOffset, stream.endOffset, allowedLag);
    return queue!.resume(nextOffset);
  },
  checkLag: () => undefined,
  beforeEvict: ({ allowedLag, nextOffset, queue, stream }, slab) => {
    // It reads evicted bytes from the log.
    if (allowedLag === Number.POSITIVE_INFINITY) return;
    queue!.advanceTo(nextOffset, stream.endOffset, allowedLag);
    queue!.hold(slab, nextOffset);
  },
};
