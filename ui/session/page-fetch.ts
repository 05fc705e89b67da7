/**
 * The fetch for all requests of the page: it adds the token or the signature of a link, respects the limit of
 * connections, and reports the outcome of each request.
 */
import type { FetchFunction, FetchResponse } from '../../src/client/index.ts';
import { bodyWithAbsolutePath } from './absolute-path.ts';
import type { Connections } from './connections.ts';

export interface SignedLink {
  path: string;
  expires: string;
  signature: string;
}

export interface PageFetchOptions {
  connections: Connections;
  token: () => string | undefined;
  /** Used if there is no token. */
  link: () => SignedLink | undefined;
  /** Called when the server has responded, with the status, or has sent more data. */
  onResponse: (status: number) => void;
  /** Called if there was no response, or it was cut; not if the page aborted the request. */
  onFailure: (error: unknown) => void;
  /** Milliseconds after which a GET request without a response is given up. */
  timeout?: number;
}

/**
 * A half-open connection never responds, and a browser sends further requests over it. The server answers a GET within
 * `log_deadline`, 10 s by default.
 */
const RESPONSE_TIMEOUT_MS = 15_000;

export function createPageFetch({
  connections,
  token,
  link,
  onResponse,
  onFailure,
  timeout = RESPONSE_TIMEOUT_MS,
}: PageFetchOptions): FetchFunction {
  return async (url, init) => {
    const { signal } = init;
    const free = await connections.take(signal);
    const deadline = new Deadline(init.method === 'GET' ? timeout : undefined);
    const release = () => {
      deadline.clear();
      free();
    };
    const fail = (error: unknown) => {
      release();
      if (signal?.aborted !== true) onFailure(error);
    };
    let response: Response;
    try {
      const headers = { ...init.headers };
      const current = token();
      if (current !== undefined) headers.authorization = `Bearer ${current}`;
      const address = current === undefined ? signed(url, link()) : url;
      const either = signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
      const rest = { headers, signal: either, credentials: 'omit', cache: 'no-store' };
      response = await fetch(address, { ...init, ...rest } as RequestInit);
    } catch (error) {
      fail(error);
      throw error;
    }
    onResponse(response.status);
    return observed(response, url, release, fail, deadline);
  };
}

/** A link is valid only for the content of its path. */
function signed(url: string, link: SignedLink | undefined): string {
  if (link === undefined) return url;
  const address = new URL(url);
  if (!address.pathname.endsWith('/files') || address.searchParams.get('path') !== link.path) return url;
  address.searchParams.set('expires', link.expires);
  address.searchParams.set('signature', link.signature);
  return address.href;
}

/** The same response; its connection is released at the end of its body. */
function observed(
  response: Response,
  url: string,
  release: () => void,
  fail: (error: unknown) => void,
  deadline: Deadline,
): FetchResponse {
  const whole = async <T>(body: Promise<T>): Promise<T> => {
    try {
      const value = await body;
      release();
      return value;
    } catch (error) {
      fail(error);
      throw error;
    }
  };
  const { body } = response;
  if (body === null) release();
  return {
    ok: response.ok,
    status: response.status,
    headers: response.headers,
    get body() {
      // It may be a live read, whose silence its reader detects by the missing heartbeats.
      deadline.clear();
      return body === null ? null : passing(body, release, fail);
    },
    text: async () => {
      const text = await whole(response.text());
      return response.ok ? text : bodyWithAbsolutePath(text, url);
    },
    arrayBuffer: () => whole(response.arrayBuffer()),
  };
}

function passing(
  body: ReadableStream<Uint8Array>,
  release: () => void,
  fail: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          release();
          controller.close();
        } catch (error) {
          fail(error);
          controller.error(error);
        }
      },
      async cancel(reason) {
        release();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Aborts a request after a while, unless it is cleared. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number | undefined) {
    if (ms === undefined) return;
    const error = new Error(`no response for ${ms / 1000} s`);
    this.#timer = setTimeout(() => this.#controller.abort(error), ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
