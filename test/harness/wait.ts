/** Waiting for what must come about. A test waits for the thing itself, never for a time in which it should have come. */

/** Far longer than anything takes: the deadline only turns a hang into a failure that says what was waited for. */
const DEADLINE_MS = 60_000;
/** Soon at first, since most things have come about by then; later seldom, since to look takes time from what is waited for. */
const FIRST_INTERVAL_MS = 2;
const LONGEST_INTERVAL_MS = 50;

/**
 * Looks until `condition` gives something true, and gives that.
 *
 * @param what what is waited for, where the condition does not say it
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

/** The same for a promise: fails with `what` where it does not settle in time. */
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
