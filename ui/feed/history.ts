/**
 * The newest values of a figure, with the times they are of. Where nothing was asked for a while (the tab was hidden, the
 * server gone) there is a hole, and none of it is drawn over.
 */

export interface History {
  /** Milliseconds since 1970, ascending. */
  readonly times: readonly number[];
  /** `null`: a hole. */
  readonly values: readonly (number | null)[];
}

export const EMPTY: History = { times: [], values: [] };

/** Samples that are kept: five minutes of one every two seconds. */
const KEPT = 150;

/** Two samples that are further apart have a hole between them. */
const HOLE_MS = 6000;

/** One that is added to where it is. */
export interface GrowingHistory extends History {
  readonly times: number[];
  readonly values: (number | null)[];
}

export function newHistory(): GrowingHistory {
  return { times: [], values: [] };
}

/** Adds a value; undefined: it was asked for, and is not known. */
export function remember({ times, values }: GrowingHistory, time: number, value: number | undefined): void {
  const last = times.at(-1);
  if (last !== undefined && time - last > HOLE_MS) {
    times.push(last + 1);
    values.push(null);
  }
  times.push(time);
  values.push(value ?? null);
  while (times.length > KEPT) {
    times.shift();
    values.shift();
  }
}

/** Another history, with one more value: for what is told by a signal. */
export function extended({ times, values }: History, time: number, value: number | undefined): History {
  const next: GrowingHistory = { times: [...times], values: [...values] };
  remember(next, time, value);
  return next;
}
