/**
 * The part of `fetch` the client needs, as types of its own: the platform's fetch fits, and so does any function
 * that does this much. Also the one place that reads an answer's body, since bodies differ between platforms.
 */

/** A body: sized bytes, or bytes as they come. */
export type FetchBody = Uint8Array | string | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: FetchBody | undefined;
  signal?: AbortSignal | undefined;
  /** Set with a body that streams: a platform's fetch insists on it. */
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
  /** True if a body may be an async iterable. A browser's fetch wants a ReadableStream. */
  readonly takesIterables?: boolean | undefined;
}

/** A body being read, piece by piece. */
export interface BodyReader {
  /** The next piece, or undefined at the body's end. Rejects where the connection breaks. */
  next(): Promise<Uint8Array | undefined>;
  /** Discards the rest. May be called at any time and more than once. */
  cancel(): void;
}

/** Reads `body` by the quickest means it has. */
export function bodyReader(body: FetchResponse['body']): BodyReader {
  if (body === null) return { next: async () => undefined, cancel() {} };
  if ('getReader' in body) {
    const reader = body.getReader();
    return {
      next: async () => (await reader.read()).value,
      cancel() {
        // The connection may have broken already: then there is nothing left to discard.
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

/** A ReadableStream that pulls from `source` only when asked, for fetches that take nothing else. */
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
