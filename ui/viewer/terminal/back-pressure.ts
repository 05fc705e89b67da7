/**
 * Keeps what a slower part has been given and has not dealt with within bounds: the source waits above the one mark and
 * goes on below the other.
 */
export class BackPressure {
  readonly #high: number;
  readonly #low: number;
  #pending = 0;
  #waiting: (() => void)[] = [];

  constructor(high: number, low: number) {
    this.#high = high;
    this.#low = low;
  }

  /** Bytes given and not dealt with. */
  get pending(): number {
    return this.#pending;
  }

  /** Counts what is given; a promise where the next has to wait. */
  given(bytes: number): Promise<void> | undefined {
    this.#pending += bytes;
    return this.#pending > this.#high ? new Promise((resolve) => this.#waiting.push(resolve)) : undefined;
  }

  done(bytes: number): void {
    this.#pending = Math.max(0, this.#pending - bytes);
    if (this.#pending >= this.#low || this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
