/**
 * The cursor of Durable Streams: a number that grows with time, by which caches distinguish requests for the same
 * offset. It is the number of the current interval of 20 seconds since 2024-10-09, or a number above the client's
 * cursor if that is not smaller.
 */
const EPOCH = Date.UTC(2024, 9, 9);
const INTERVAL_MS = 20_000;
/** How far a new cursor may exceed the client's, so that clients in step spread out. */
const MAX_JITTER = 180;

export function currentCursor(now = Date.now()): number {
  return Math.floor((now - EPOCH) / INTERVAL_MS);
}

/** The cursor of a response, larger than the one in the request. */
export function nextCursor(given: string | undefined, now = Date.now()): number {
  const current = currentCursor(now);
  const client = cursorOf(given);
  return client < current ? current : client + 1 + Math.floor(Math.random() * MAX_JITTER);
}

/** The cursor in a request; -1 if it is absent or malformed. */
export function cursorOf(given: string | undefined): number {
  const cursor = given !== undefined && /^\d{1,15}$/.test(given) ? Number(given) : -1;
  return cursor > Number.MAX_SAFE_INTEGER - MAX_JITTER ? -1 : cursor;
}
