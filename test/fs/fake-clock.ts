/** A clock that a test moves. */
import type { Clock } from '../../src/fs/index.ts';

export class FakeClock implements Clock {
  #now = 1_700_000_000_000;
  #lead = 0;
  readonly #timers = new Set<{ at: number; wake: () => void }>();

  now(): number {
    return this.#now;
  }

  timeOfDay = (): number => this.#now + this.#lead;

  /** Shifts the time of day by this much. */
  setBy(milliseconds: number): void {
    this.#lead += milliseconds;
  }

  schedule(wake: () => void, milliseconds: number): () => void {
    const timer = { at: this.#now + milliseconds, wake };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** The number of pending timers. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Time passes while the event loop is blocked: timers fire when it next runs. */
  standStill(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Advances the time, and fires every timer when it is due. */
  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#now = until;
  }
}
