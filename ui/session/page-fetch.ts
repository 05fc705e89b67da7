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
}

export function createPageFetch({ connections, token, link, onResponse, onFailure }: PageFetchOptions): FetchFunction {
  return async (url, init) => {
    const { signal } = init;
    const release = await connections.take(signal);
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
      response = await fetch(address, { ...init, headers, credentials: 'omit', cache: 'no-store' } as RequestInit);
    } catch (error) {
      fail(error);
      throw error;
    }
    onResponse(response.status);
    return observed(response, url, release, fail);
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
function observed(response: Response, url: string, release: () => void, fail: (error: unknown) => void): FetchResponse {
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
