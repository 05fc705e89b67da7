/**
 * Limits the number of concurrent searches, each of which uses a thread; the others wait in order. A search is passed
 * over while its account already runs its maximum, so that one token cannot block the others.
 */
import type { Account } from '../../fs/index.ts';

interface Waiting {
  readonly account: Account | undefined;
  readonly resolve: () => void;
}

export class Slots {
  readonly #count: number;
  #free: number;
  readonly #waiting: Waiting[] = [];

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /**
   * Runs `work` when a slot is free. If the caller aborts while waiting, `work` does not run.
   *
   * @param onPassedOver called if it waits for another search of the same account
   */
  async run(
    signal: AbortSignal,
    account: Account | undefined,
    work: () => Promise<void>,
    onPassedOver?: () => void,
  ): Promise<void> {
    if (!this.#enter(account)) {
      if (this.#free > 0) onPassedOver?.();
      await new Promise<void>((resolve) => this.#waiting.push({ account, resolve }));
    }
    try {
      if (!signal.aborted) await work();
    } finally {
      account?.give('searches');
      this.#free += 1;
      this.#admit();
    }
  }

  #enter(account: Account | undefined): boolean {
    if (this.#free === 0 || account?.hasRoom('searches', this.#count) === false) return false;
    account?.take('searches', this.#count);
    this.#free -= 1;
    return true;
  }

  /** Admits those that may run now, in the order of their arrival. */
  #admit(): void {
    for (let at = 0; at < this.#waiting.length && this.#free > 0; ) {
      const { account, resolve } = this.#waiting[at]!;
      if (this.#enter(account)) {
        this.#waiting.splice(at, 1);
        resolve();
      } else at++;
    }
  }
}
