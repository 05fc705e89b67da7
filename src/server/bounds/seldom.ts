/** Says at most once a second what may happen a thousand times a second: how often, and what was last. */
const PERIOD = 1000;

export class Seldom<T> {
  readonly #say: (count: number, last: T) => void;
  #count = 0;
  #saidAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(say: (count: number, last: T) => void) {
    this.#say = say;
  }

  add(what: T): void {
    this.#count++;
    const wait = this.#saidAt + PERIOD - performance.now();
    if (wait <= 0) this.#tell(what);
    else this.#timer ??= setTimeout(() => this.#tell(what), wait).unref();
  }

  #tell(what: T): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saidAt = performance.now();
    this.#say(this.#count, what);
    this.#count = 0;
  }
}
