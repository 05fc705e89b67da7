/**
 * The part of `fetch` that the client needs, as separate types, so that the platform's fetch and any function with this
 * subset fit. Also the only place that reads a response body, because bodies differ between platforms.
 */

/** A body: sized bytes, or bytes as they arrive. */
export type FetchBody = Uint8Array | string | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: FetchBody | undefined;
  signal?: AbortSignal | undefined;
  /** Set for a streaming body: the platform's fetch requires it. */
  duplex?: 'half' | undefined;
}

export interface FetchResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | null;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface FetchFunction {
  (url: string, init: FetchInit): Promise<FetchResponse>;
  /** Whether a body may be an async iterable. A browser's fetch needs a ReadableStream. */
  readonly takesIterables?: boolean | undefined;
}

/** A body being read, piece by piece. */
export interface BodyReader {
  /** The next piece, or undefined at the end of the body. Rejects if the connection breaks. */
  next(): Promise<Uint8Array | undefined>;
  /** Discards the rest. May be called at any time and more than once. */
  cancel(): void;
}

/** Reads `body` in the fastest way it supports. */
export function bodyReader(body: FetchResponse['body']): BodyReader {
  if (body === null) return { next: async () => undefined, cancel() {} };
  if ('getReader' in body) {
    const reader = body.getReader();
    return {
      next: async () => (await reader.read()).value,
      cancel() {
        // Fails if the connection is already broken: then there is nothing left to discard.
        reader.cancel().catch(() => {});
      },
    };
  }
  const iterator = body[Symbol.asyncIterator]();
  return {
    next: async () => {
      const step = await iterator.next();
      return step.done === true ? undefined : step.value;
    },
    cancel() {
      iterator.return?.().catch(() => {});
    },
  };
}

/** A ReadableStream that pulls from `source` only on demand, for a fetch that accepts nothing else. */
export function readableFrom(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = await iterator.next();
        if (step.done === true) controller.close();
        else controller.enqueue(step.value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
