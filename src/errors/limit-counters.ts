/** Counts how often each limit was reached since the server started. */
import { LIMITS, type LimitName } from './limits.ts';

export class LimitCounters {
  readonly #counts = new Map<LimitName, number>(LIMITS.map((name) => [name, 0]));

  hit(name: LimitName): void {
    this.#counts.set(name, this.get(name) + 1);
  }

  get(name: LimitName): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Every limit with its count, in the order of {@link LIMITS}. */
  entries(): IterableIterator<[LimitName, number]> {
    return this.#counts.entries();
  }
}
