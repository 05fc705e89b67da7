/** Splits long work into slices, yielding to the event loop between them. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Streams per slice: ending and forgetting one takes some microseconds. */
const SLICE_STREAMS = 512;

/**
 * Calls `each` for all items. The first slice runs synchronously; if it completes the work, the result is undefined.
 * `items` must tolerate concurrent changes, as sets and maps do.
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

/** Bytes per slice: processing them takes some milliseconds. */
const SLICE_BYTES = 2 * 1024 * 1024;
/** The fixed cost of a step, expressed in bytes. */
const STEP_BYTES = 256;

/** Counts work on the bytes of one stream. */
export class ByteSlices {
  private left = SLICE_BYTES;

  /** Records a step over `bytes` bytes. Returns a promise to await if the event loop should run first. */
  after(bytes: number): Promise<void> | undefined {
    this.left -= bytes + STEP_BYTES;
    if (this.left > 0) return undefined;
    this.left = SLICE_BYTES;
    return nextTurn();
  }
}
