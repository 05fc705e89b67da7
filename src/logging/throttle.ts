/** Milliseconds between two lines about the same thing. */
const PERIOD_MS = 1000;

/**
 * Reports an event that may happen thousands of times a second at most once a second, with the number of events since the
 * last report and the newest of them.
 */
export class LogThrottle<T> {
  readonly #say: (count: number, last: T) => void;
  #count = 0;
  #last: T | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(say: (count: number, last: T) => void) {
    this.#say = say;
  }

  add(what: T): void {
    this.#count++;
    this.#last = what;
    const wait = this.#saidAt + PERIOD_MS - performance.now();
    if (wait <= 0) this.#tell();
    else this.#timer ??= setTimeout(() => this.#tell(), wait).unref();
  }

  /** Says at once what has not been said yet. */
  flush(): void {
    if (this.#count > 0) this.#tell();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saidAt = performance.now();
    const [count, last] = [this.#count, this.#last as T];
    this.#count = 0;
    this.#last = undefined;
    this.#say(count, last);
  }
}
