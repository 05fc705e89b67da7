/**
 * A browser opens at most six connections to a server over HTTP/1.1, and what comes seventh waits. The page takes three of
 * them for what it fetches, whatever is shown, and leaves one to an element that plays: a live read keeps its one for as
 * long as it goes on.
 */
const MAX_CONNECTIONS = 3;

export class Connections {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(max = MAX_CONNECTIONS) {
    this.#free = max;
  }

  /** Settles when one is free, and gives what to call, once or more often, when it is not needed any more. */
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
