import { DropNewestQueue } from './drop-newest-queue.ts';
import type { LagStrategy } from './strategy.ts';

/**
 * A reader keeps as many bytes as it may lag, from its position on, and loses what is appended while those are unread;
 * it gets the gap when it has read them. Kept bytes must outlive the ring, so the queue takes over slabs that are evicted.
 */
export const dropNewest: LagStrategy = {
  name: 'drop-newest',
  blocksWriters: false,
  cutsOff: false,
  watchesStream: true,
  createQueue: (offset, account) => new DropNewestQueue(offset, account),
  resumeOffset: ({ allowedLag, nextOffset, queue, stream }) => {
    queue!.advanceTo(nextOffset, stream.endOffset, allowedLag);
    return queue!.resume(nextOffset);
  },
  checkLag: () => undefined,
  slabLeaves: ({ allowedLag, nextOffset, queue, stream }, slab) => {
    queue!.advanceTo(nextOffset, stream.endOffset, allowedLag);
    queue!.hold(slab, nextOffset);
  },
};
