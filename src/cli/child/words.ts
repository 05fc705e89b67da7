/** The hidden command that `exec` starts: see end-watch.ts. */
export const END_WATCH = 'end-watch';

/** What streams end with where it is not known how their command did. */
export const LOST_STATUS = 'lost';
