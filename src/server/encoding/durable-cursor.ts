/**
 * The cursor of Durable Streams: a number that grows with time, by which caches tell requests for the same offset apart.
 * It is the number of the interval of 20 seconds since 2024-10-09; where a client has one that is no older, one beyond.
 */
const EPOCH = Date.UTC(2024, 9, 9);
const INTERVAL_MS = 20_000;
/** How far beyond a client's cursor another may be, so that requests that came together come apart. */
const MAX_JITTER = 180;

export function currentCursor(now = Date.now()): number {
  return Math.floor((now - EPOCH) / INTERVAL_MS);
}

/** The cursor of an answer, larger than the one that came with the request. */
export function nextCursor(given: string | undefined, now = Date.now()): number {
  const current = currentCursor(now);
  const client = cursorOf(given);
  return client < current ? current : client + 1 + Math.floor(Math.random() * MAX_JITTER);
}

/** The cursor that a request gives; -1 for none, and for what is none. */
export function cursorOf(given: string | undefined): number {
  const cursor = given !== undefined && /^\d{1,15}$/.test(given) ? Number(given) : -1;
  return cursor > Number.MAX_SAFE_INTEGER - MAX_JITTER ? -1 : cursor;
}
