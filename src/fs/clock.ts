/** A clock that can be injected: tests of expiry advance the clock instead of waiting. */

export interface Clock {
  /** Milliseconds since 1970. Monotonic, so that a correction of the system clock expires nothing. */
  now(): number;
  /** The system time, in milliseconds since 1970. It jumps when the system clock is set. */
  timeOfDay(): number;
  /** Calls `wake` once, after `milliseconds`. Returns a function that cancels it. Does not keep the process alive. */
  schedule(wake: () => void, milliseconds: number): () => void;
}

/** The clock of this process: correct when the process started, monotonic from then on. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  timeOfDay: Date.now,
  schedule(wake, milliseconds) {
    const timer = setTimeout(wake, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
