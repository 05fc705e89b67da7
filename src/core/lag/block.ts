import type { LagStrategy } from './strategy.ts';

/**
 * Writers wait for a reader that has reached its allowed lag, up to a deadline (writer-gate.ts). Such a reader loses
 * bytes only if writers did not wait, by calling `append`, or if memory ran short. Then it is disconnected.
 */
export const block: LagStrategy = {
  name: 'block',
  blocksWriters: true,
  disconnects: true,
  watchesStream: false,
  createQueue: () => undefined,
  resumeOffset: ({ stream }) => stream.ring.floor,
  checkLag: () => undefined,
  beforeEvict: () => undefined,
};
