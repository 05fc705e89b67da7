/**
 * Whether a client has gone away, and a signal of it for those who want one. Most exchanges do not, and an AbortSignal
 * costs more than all else that is made for a small one.
 */
export class Leaving {
  #controller: AbortController | undefined;
  aborted = false;

  /** Aborts when the client goes away before its answer is complete. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.aborted = true;
    this.#controller?.abort();
  }
}
