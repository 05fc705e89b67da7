import type { LagStrategy } from './strategy.ts';

/**
 * Writers wait for a reader that is as far behind as it may be, up to a deadline (writer-gate.ts). It loses something only
 * where writers did not wait, by `append`, or where memory has run short: then it is cut off.
 */
export const block: LagStrategy = {
  name: 'block',
  blocksWriters: true,
  cutsOff: true,
  watchesStream: false,
  createQueue: () => undefined,
  resumeOffset: ({ stream }) => stream.ring.floor,
  checkLag: () => undefined,
  slabLeaves: () => undefined,
};
