/** Lets long-running work yield to the event loop at intervals. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Milliseconds of work between two pauses. */
const WORK_MS = 10;
/** Steps between two reads of the clock, because a read costs as much as some of the work. */
const STEPS_UNASKED = 64;

export class Pause {
  #since = performance.now();
  #steps = 0;

  /** To be checked at each small step of the work. */
  get isDue(): boolean {
    if (++this.#steps < STEPS_UNASKED) return false;
    this.#steps = 0;
    return performance.now() - this.#since > WORK_MS;
  }

  async take(): Promise<void> {
    await nextTurn();
    this.#since = performance.now();
  }
}
