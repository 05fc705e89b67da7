/**
 * Limits the number of searches that run at once, each in a thread of its own; the others wait in order. A search whose
 * account already runs as many as it may is passed over, so that one token cannot keep the others waiting.
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
   * Runs `work` when a slot is free. A caller that gave up while waiting does not run at all.
   *
   * @param onPassedOver called where it waits for another search of the same account
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
      this.#letIn();
    }
  }

  #enter(account: Account | undefined): boolean {
    if (this.#free === 0 || account?.hasRoom('searches', this.#count) === false) return false;
    account?.take('searches', this.#count);
    this.#free -= 1;
    return true;
  }

  /** Those that may run now, in the order in which they came. */
  #letIn(): void {
    for (let at = 0; at < this.#waiting.length && this.#free > 0; ) {
      const { account, resolve } = this.#waiting[at]!;
      if (this.#enter(account)) {
        this.#waiting.splice(at, 1);
        resolve();
      } else at++;
    }
  }
}
