/** What takes long, a slice at a time: others have their turn between two. */
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

/** Bytes of a slice: to look through them takes some milliseconds. */
const SLICE_BYTES = 2 * 1024 * 1024;
/** What a step costs beside its bytes, as if it had so many more. */
const STEP_BYTES = 256;

/** Work on the bytes of one stream. */
export class ByteSlices {
  private left = SLICE_BYTES;

  /** A step with so many bytes is done. Gives what to wait for where others are to have a turn before the next. */
  after(bytes: number): Promise<void> | undefined {
    this.left -= bytes + STEP_BYTES;
    if (this.left > 0) return undefined;
    this.left = SLICE_BYTES;
    return nextTurn();
  }
}
