/** Waiting for events. A test waits for the event itself, never for the time in which it should have happened. */

/** Far longer than anything takes: the deadline only turns a hang into a failure that says what was awaited. */
const DEADLINE_MS = 60_000;
/** Short at first, since most things have happened by then; later longer, since checking takes CPU time from the awaited work. */
const FIRST_INTERVAL_MS = 2;
const LONGEST_INTERVAL_MS = 50;

/**
 * Polls until `condition` returns a truthy value, and returns that.
 *
 * @param what what is awaited, if the condition does not say it
 */
export function waitFor<T>(condition: () => T | Promise<T>): Promise<NonNullable<T>>;
export function waitFor<T>(what: string, condition: () => T | Promise<T>, deadline?: number): Promise<NonNullable<T>>;
export async function waitFor<T>(
  first: string | (() => T | Promise<T>),
  second?: () => T | Promise<T>,
  deadline = DEADLINE_MS,
): Promise<NonNullable<T>> {
  const condition = typeof first === 'string' ? second : first;
  if (condition === undefined) throw new Error(`no condition is given for ${first}`);
  const what = String(first);
  const until = performance.now() + deadline;
  for (let interval = FIRST_INTERVAL_MS; ; interval = Math.min(interval * 1.5, LONGEST_INTERVAL_MS)) {
    const found = await condition();
    if (found) return found;
    if (performance.now() > until) throw new Error(`waited ${deadline} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

/** The same for a promise: fails with `what` if it does not settle in time. */
export async function settled<T>(what: string, promise: Promise<T>, deadline = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadline} ms in vain for ${what}`)), deadline);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
