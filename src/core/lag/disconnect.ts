import type { LagStrategy } from './strategy.ts';

/** A reader that lags too far is disconnected in the turn in which this happens, even if nothing is reading it. */
export const disconnect: LagStrategy = {
  name: 'disconnect',
  blocksWriters: false,
  disconnects: true,
  watchesStream: true,
  createQueue: () => undefined,
  resumeOffset: ({ allowedLag, stream }) => Math.max(stream.ring.floor, stream.endOffset - allowedLag),
  // Bytes that a log has not saved yet are not the reader's lag.
  checkLag: (reader) => {
    if (reader.unread > reader.allowedLag) reader.disconnect();
  },
  beforeEvict: () => undefined,
};
