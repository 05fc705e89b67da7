/** The minimum interval between two reports, in milliseconds. */
const PERIOD_MS = 1000;

/**
 * Reports an event that may happen thousands of times a second at most once a second, with the number of events since the
 * last report and the newest of them.
 */
export class LogThrottle<T> {
  readonly #report: (count: number, last: T) => void;
  #count = 0;
  #last: T | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(report: (count: number, last: T) => void) {
    this.#report = report;
  }

  add(what: T): void {
    this.#count++;
    this.#last = what;
    const wait = this.#reportedAt + PERIOD_MS - performance.now();
    if (wait <= 0) this.#reportNow();
    else this.#timer ??= setTimeout(() => this.#reportNow(), wait).unref();
  }

  /** Reports pending events immediately. */
  flush(): void {
    if (this.#count > 0) this.#reportNow();
  }

  #reportNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#reportedAt = performance.now();
    const [count, last] = [this.#count, this.#last as T];
    this.#count = 0;
    this.#last = undefined;
    this.#report(count, last);
  }
}
