/** Long work that others must not have to wait for: now and then it lets them have a turn. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Work between two pauses, in milliseconds. */
const WORK_MS = 10;
/** To ask for the time takes as long as a little of the work. */
const STEPS_UNASKED = 64;

export class Pause {
  #since = performance.now();
  #steps = 0;

  /** To be asked at each small step of the work. */
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
