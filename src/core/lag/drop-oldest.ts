import type { LagStrategy } from './strategy.ts';

/** A reader that is too far behind loses the oldest bytes that it has not read, and is told of the gap. */
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
