/**
 * Backpressure for a slower consumer: the source waits above the high-water mark and continues below the low-water
 * mark.
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

  /** Bytes given and not yet processed. */
  get pending(): number {
    return this.#pending;
  }

  /** Counts bytes given to the consumer; returns a promise if the source must wait. */
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
