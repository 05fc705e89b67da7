/**
 * Exponential backoff with jitter: short at first, doubling up to a limit, and different for each client, so that a
 * server that comes back does not get all its readers at the same instant.
 */

export interface BackoffOptions {
  /** Milliseconds before the first retry. Default 100. */
  initial?: number | undefined;
  /** Maximum in milliseconds. Default 5000, or 5 minutes if the server names a time. */
  max?: number | undefined;
  /** The random share of each wait, from 0 to 1. Default 0.5. */
  jitter?: number | undefined;
  /** Retries in a row before giving up. Default: no limit. */
  attempts?: number | undefined;
}

/** Limits the time that a server or proxy may ask for. */
const MAX_NAMED_MS = 5 * 60_000;

export class Backoff {
  readonly #initial: number;
  readonly #max: number;
  readonly #maxNamed: number;
  readonly #jitter: number;
  readonly #attempts: number;
  #made = 0;

  constructor(options: BackoffOptions = {}) {
    this.#initial = checked('initial', options.initial ?? 100, 0, 2 ** 31 - 1);
    this.#max = checked('max', options.max ?? 5000, 0, 2 ** 31 - 1);
    this.#maxNamed = options.max ?? MAX_NAMED_MS;
    this.#jitter = checked('jitter', options.jitter ?? 0.5, 0, 1);
    this.#attempts = checked('attempts', options.attempts ?? Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY);
  }

  /** Attempts since the last success. */
  get made(): number {
    return this.#made;
  }

  /**
   * Milliseconds to wait before the next attempt, or undefined when it is time to give up.
   *
   * @param named milliseconds that the server asked for: the wait is a random time between that and twice that
   */
  next(named = 0): number | undefined {
    if (this.#made >= this.#attempts) return undefined;
    const full = Math.min(this.#max, this.#initial * 2 ** this.#made);
    this.#made += 1;
    const own = full * (1 - this.#jitter * Math.random());
    return Math.max(own, Math.min(this.#maxNamed, named * (1 + 2 * this.#jitter * Math.random())));
  }

  /** Called on success: the next failure counts as the first again. */
  reset(): void {
    this.#made = 0;
  }
}

function checked(name: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most)) {
    throw new TypeError(`invalid reconnect.${name}: ${value} is not a number from ${least} to ${most}`);
  }
  return value;
}

/** Resolves after `milliseconds`; rejects with the signal's reason as soon as it aborts. */
export function delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
