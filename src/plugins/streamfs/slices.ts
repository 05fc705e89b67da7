/** What concerns every stream of a mount, a slice at a time: others have their turn between two. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Streams of a slice: to end one and forget it takes some microseconds. */
const SLICE_STREAMS = 512;

/**
 * Does something with each; the first slice at once, so that a few are done when it returns, with undefined. What comes
 * and goes meanwhile `items` must bear, as sets and maps do.
 */
export function inSlices<T>(items: Iterable<T>, each: (item: T) => void): Promise<void> | undefined {
  const left = items[Symbol.iterator]();
  return isDone(left, each) ? undefined : finish(left, each);
}

async function finish<T>(left: Iterator<T>, each: (item: T) => void): Promise<void> {
  do await nextTurn();
  while (!isDone(left, each));
}

function isDone<T>(left: Iterator<T>, each: (item: T) => void): boolean {
  for (let n = 0; n < SLICE_STREAMS; n++) {
    const { done, value } = left.next();
    if (done === true) return true;
    each(value);
  }
  return false;
}
