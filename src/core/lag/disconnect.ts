import type { LagStrategy } from './strategy.ts';

/** A reader that is too far behind is cut off, in the turn in which it happens: also one that is not read meanwhile. */
export const disconnect: LagStrategy = {
  name: 'disconnect',
  blocksWriters: false,
  cutsOff: true,
  watchesStream: true,
  createQueue: () => undefined,
  resumeOffset: ({ allowedLag, stream }) => Math.max(stream.ring.floor, stream.endOffset - allowedLag),
  checkLag: (reader) => {
    if (reader.lag > reader.allowedLag) reader.cutOff();
  },
  slabLeaves: () => undefined,
};
