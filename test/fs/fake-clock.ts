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

  /** Sets the time of day, by so much from what it would be. */
  setBy(milliseconds: number): void {
    this.#lead += milliseconds;
  }

  schedule(wake: () => void, milliseconds: number): () => void {
    const timer = { at: this.#now + milliseconds, wake };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers waiting to go off. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Time goes by in which the event loop stands still: timers go off when it next moves on. */
  standStill(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Moves on, and has every timer go off at its time. */
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
