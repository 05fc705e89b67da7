import type { LagStrategy } from './strategy.ts';

/** A reader that lags too far loses its oldest unread bytes and gets a gap in their place. */
export const dropOldest: LagStrategy = {
  name: 'drop-oldest',
  blocksWriters: false,
  disconnects: false,
  watchesStream: false,
  createQueue: () => undefined,
  resumeOffset: ({ allowedLag, stream }) => Math.max(stream.ring.floor, stream.endOffset - allowedLag),
  checkLag: () => undefined,
  beforeEvict: () => undefined,
};
