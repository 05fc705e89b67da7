/** The hidden command that `exec` starts: see end-watch.ts. */
export const END_WATCH = 'end-watch';

/** The end status of streams whose command ended in an unknown way. */
export const LOST_STATUS = 'lost';
