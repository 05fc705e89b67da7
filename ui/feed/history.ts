/**
 * The newest values of a figure, with their times. A time without polls (the tab was hidden, the server unreachable) is
 * a hole, over which no line is drawn.
 */

export interface History {
  /** Milliseconds since 1970, ascending. */
  readonly times: readonly number[];
  /** `null`: a hole. */
  readonly values: readonly (number | null)[];
}

export const EMPTY: History = { times: [], values: [] };

/** Number of samples kept: five minutes with one every two seconds. */
const MAX_SAMPLES = 150;

/** A longer time between two samples is a hole. */
const HOLE_MS = 6000;

/** A history to which values are appended in place. */
export interface GrowingHistory extends History {
  readonly times: number[];
  readonly values: (number | null)[];
}

export function newHistory(): GrowingHistory {
  return { times: [], values: [] };
}

/** Adds a value; undefined: it was polled, but is unknown. */
export function append({ times, values }: GrowingHistory, time: number, value: number | undefined): void {
  const last = times.at(-1);
  if (last !== undefined && time - last > HOLE_MS) {
    times.push(last + 1);
    values.push(null);
  }
  times.push(time);
  values.push(value ?? null);
  while (times.length > MAX_SAMPLES) {
    times.shift();
    values.shift();
  }
}

/** A copy of a history with one more value: for histories that are held in a signal. */
export function appended({ times, values }: History, time: number, value: number | undefined): History {
  const next: GrowingHistory = { times: [...times], values: [...values] };
  append(next, time, value);
  return next;
}
