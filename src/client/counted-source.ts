/** Wraps a source: counts its bytes, keeps its own error, and can be stopped from outside. */
export class CountedSource {
  sent = 0;
  /** An error of the source itself, as opposed to one of the connection. */
  failure: { error: unknown } | undefined;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #onProgress: ((sent: number) => void) | undefined;

  constructor(source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>, onProgress?: (sent: number) => void) {
    this.#source = iteratorOf(source);
    this.#onProgress = onProgress;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        try {
          const step = await this.#source.next();
          if (step.done === true) return { done: true, value: undefined };
          if (!(step.value instanceof Uint8Array)) throw new TypeError('a source must give Uint8Arrays');
          this.sent += step.value.length;
          this.#onProgress?.(this.sent);
          return step;
        } catch (error) {
          this.failure = { error };
          throw error;
        }
      },
      return: async () => {
        this.stop();
        return { done: true, value: undefined };
      },
    };
  }

  /** Stops reading, without waiting: a source that is waiting for input may respond only with its next piece. */
  stop(): void {
    this.#source.return?.().catch(() => {});
  }
}

/** Uses the reader of a ReadableStream directly, because a ReadableStream is not iterable in every browser. */
function iteratorOf(source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>): AsyncIterator<Uint8Array> {
  if (!('getReader' in source)) return source[Symbol.asyncIterator]();
  const reader = source.getReader();
  return {
    next: async () => {
      const step = await reader.read();
      return step.done ? { done: true, value: undefined } : { done: false, value: step.value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}
