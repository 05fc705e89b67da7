/** Served entries at the front of the queue that are removed together. */
const MAX_SERVED = 4096;

/** A counting semaphore, first come first served. Also fast with many waiting. */
export class Semaphore {
  #free: number;
  #waiting: (() => void)[] = [];
  /** Index of the next to be served: removing it from the front would move all others. */
  #next = 0;

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  #release(): void {
    const go = this.#waiting[this.#next++];
    if (go !== undefined) {
      if (this.#next >= MAX_SERVED) {
        this.#waiting.splice(0, this.#next);
        this.#next = 0;
      }
      go();
      return;
    }
    this.#waiting = [];
    this.#next = 0;
    this.#free++;
  }
}
