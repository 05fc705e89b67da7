/**
 * Polls while a view uses the data and the tab is visible. A pause follows each response, so that a slow server is
 * polled less often.
 */
import { signal } from '@preact/signals';
import { isClientError } from '../../src/client/index.ts';

/** The error of the latest request. */
export interface Problem {
  message: string;
  /** The token does not allow it: retrying is useless. */
  isForbidden: boolean;
}

const FORBIDDEN = 403;

/** Errors whose text does not say enough to a user of the page. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  STREAM_CLOSED: 'The stream has ended, and nothing more can be written to it. Remove it to use its name again.',
};

const PAUSE_MS = 2000;

export class Poller {
  readonly problem = signal<Problem | undefined>(undefined);
  /** When the latest response arrived; undefined before the first. */
  readonly updatedAt = signal<number | undefined>(undefined);
  readonly #ask: (signal: AbortSignal) => Promise<void>;
  #users = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  constructor(ask: (signal: AbortSignal) => Promise<void>) {
    this.#ask = ask;
  }

  /** To be used as an effect: returns a function that ends the use. */
  use(): () => void {
    if (this.#users++ === 0) {
      document.addEventListener('visibilitychange', this.#onVisibility);
      void this.#go();
    }
    return () => {
      this.#users -= 1;
      if (this.#users > 0) return;
      document.removeEventListener('visibilitychange', this.#onVisibility);
      this.#stop();
    };
  }

  /** Polls at once, because something was changed and the data is out of date. */
  refresh(): void {
    if (this.#users === 0) return;
    this.#stop();
    void this.#go();
  }

  readonly #onVisibility = () => {
    if (document.hidden) this.#stop();
    else void this.#go();
  };

  #stop(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = undefined;
  }

  async #go(): Promise<void> {
    if (document.hidden || this.#asking !== undefined) return;
    clearTimeout(this.#timer);
    const asking = new AbortController();
    this.#asking = asking;
    try {
      await this.#ask(asking.signal);
      if (asking.signal.aborted) return;
      this.problem.value = undefined;
      this.updatedAt.value = Date.now();
    } catch (error) {
      if (asking.signal.aborted) return;
      this.problem.value = problemOf(error);
    }
    this.#asking = undefined;
    if (!this.problem.peek()?.isForbidden) this.#timer = setTimeout(() => void this.#go(), PAUSE_MS);
  }
}

export function problemOf(error: unknown): Problem {
  const explained = isClientError(error) ? EXPLANATIONS[error.code] : undefined;
  const message = explained ?? (error instanceof Error ? error.message : String(error));
  return { message, isForbidden: isClientError(error) && error.status === FORBIDDEN };
}
