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

/** The history with one more value; undefined: it was asked for, and is not known. */
export function extended({ times, values }: History, time: number, value: number | undefined): History {
  const last = times.at(-1);
  const hole = last !== undefined && time - last > HOLE_MS;
  const nextTimes = hole ? [...times, last + 1, time] : [...times, time];
  const nextValues = hole ? [...values, null, value ?? null] : [...values, value ?? null];
  return { times: nextTimes.slice(-KEPT), values: nextValues.slice(-KEPT) };
}
