import type { LagStrategy } from './strategy.ts';

/** A reader that is too far behind loses its oldest unread bytes and gets a gap in their place. */
export const dropOldest: LagStrategy = {
  name: 'drop-oldest',
  blocksWriters: false,
  cutsOff: false,
  watchesStream: false,
  createQueue: () => undefined,
  resumeOffset: ({ allowedLag, stream }) => Math.max(stream.ring.floor, stream.endOffset - allowedLag),
  checkLag: () => undefined,
  slabLeaves: () => undefined,
};
