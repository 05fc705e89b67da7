/**
 * Time, as something that can be handed in: what expires is tested by moving a clock, not by waiting.
 */

export interface Clock {
  /** Milliseconds since 1970. Never goes back and never leaps, so that a corrected system clock expires nothing. */
  now(): number;
  /** What the system clock says, in milliseconds since 1970: it may leap when that is set. */
  timeOfDay(): number;
  /** Calls `wake` once, after `milliseconds`; gives the way to stop that. Keeps no process alive. */
  schedule(wake: () => void, milliseconds: number): () => void;
}

/** The time of this process: right when it started, steady from then on. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  timeOfDay: Date.now,
  schedule(wake, milliseconds) {
    const timer = setTimeout(wake, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
