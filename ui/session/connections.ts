/**
 * A browser opens at most six connections to a server over HTTP/1.1; a seventh request waits. The page uses three of
 * them for its own requests, and leaves one to a media element. A live read keeps its connection for its whole
 * duration.
 */
const MAX_CONNECTIONS = 3;

export class Connections {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(max = MAX_CONNECTIONS) {
    this.#free = max;
  }

  /** Settles when a connection is free, and returns a function that releases it, which is idempotent. */
  async take(signal: AbortSignal | undefined): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(go);
    });
  }
}
