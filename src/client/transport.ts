/**
 * One request to the server: its address, its token, its parameters, and all failures converted to one class of error.
 * Methods of the client say what to request; this module says how.
 */
import { JSON_MEDIA_TYPE, OCTET_STREAM, type QueryParameter } from '../protocol/index.ts';
import { describeFailure, StreamFSClientError } from './errors.ts';
import type { FetchBody, FetchFunction, FetchInit, FetchResponse } from './fetch.ts';

/** Undefined values are omitted from the query. */
export type Query = Readonly<Partial<Record<QueryParameter, string | number | boolean | undefined>>>;

export interface TransportOptions {
  url: string;
  token?: string | undefined;
  fetch?: FetchFunction | undefined;
  signal?: AbortSignal | undefined;
}

export interface RequestOptions {
  query?: Query | undefined;
  headers?: Record<string, string> | undefined;
  body?: FetchBody | undefined;
  /** Sent as a JSON body. */
  json?: unknown;
  signal?: AbortSignal | undefined;
}

const BASE = '/api/v1';

export class Transport {
  /** The base of every request, ending with `/api/v1`. */
  readonly base: string;
  readonly #fetch: FetchFunction;
  readonly #authorization: string | undefined;
  readonly #signal: AbortSignal | undefined;

  constructor(options: TransportOptions) {
    this.base = normalizeBase(options.url);
    // Not bound at import: a page or a test may replace the global later, and a browser's fetch needs its receiver.
    this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init as RequestInit));
    if (options.token !== undefined && !/^[\x21-\x7e]+$/.test(options.token)) {
      throw new TypeError('token must be one or more visible ASCII characters, without spaces or line breaks');
    }
    this.#authorization = options.token === undefined ? undefined : `Bearer ${options.token}`;
    this.#signal = options.signal;
  }

  /** Whether this fetch accepts an async iterable as a body. */
  get takesIterables(): boolean {
    return this.#fetch.takesIterables === true;
  }

  /**
   * Converts a path sent by the server to an address that is reachable from here, possibly through a proxy and below a
   * prefix.
   */
  addressOf(path: string): string {
    return path.startsWith(`${BASE}/`) ? this.base + path.slice(BASE.length) : new URL(path, this.base).href;
  }

  /**
   * The response, of any status. Rejects with the error of fetch, with the signal's reason, or with a `protocol` error
   * for a web page: no successful response of the API is one, so it is the login page of a network or another server.
   */
  async send(method: string, route: string, options: RequestOptions = {}): Promise<FetchResponse> {
    const headers: Record<string, string> = { ...options.headers };
    if (this.#authorization !== undefined) headers.authorization = this.#authorization;
    const init: FetchInit = { method, headers };
    const signal = anySignal(this.#signal, options.signal);
    if (signal !== undefined) init.signal = signal;
    if (options.json !== undefined) {
      headers['content-type'] = JSON_MEDIA_TYPE;
      init.body = JSON.stringify(options.json);
    } else if (options.body !== undefined) {
      headers['content-type'] ??= OCTET_STREAM;
      init.body = options.body;
      if (typeof options.body !== 'string' && !(options.body instanceof Uint8Array)) init.duplex = 'half';
    }
    signal?.throwIfAborted();
    let response: FetchResponse;
    try {
      response = await this.#fetch(this.base + route + queryString(options.query), init);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
    if (!response.ok || !/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) return response;
    // Frees the connection. The error is reported in any case.
    await response.text().catch(() => undefined);
    throw this.#notOurs(`${method} ${route} is a web page`, response);
  }

  #notOurs(what: string, { status }: FetchResponse, cause?: unknown): StreamFSClientError {
    const message = `the server's response to ${what}: is ${this.base} a StreamFS server?`;
    return new StreamFSClientError('protocol', message, { status, cause });
  }

  /**
   * The response of a successful request. Throws an `http` error for a refusal, an `unreachable` one without a
   * response.
   */
  async request(method: string, route: string, options: RequestOptions = {}): Promise<FetchResponse> {
    let response: FetchResponse;
    try {
      response = await this.send(method, route, options);
    } catch (error) {
      throw this.unreachable(error, options.signal);
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** The JSON of a successful request. */
  async json<T>(method: string, route: string, options: RequestOptions = {}): Promise<T> {
    const response = await this.request(method, route, options);
    const text = await this.#bodyOf(response.text(), options.signal);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw this.#notOurs(`${method} ${route} is not JSON`, response, cause);
    }
  }

  /** The bytes of a successful request, with its response headers. */
  async bytes(
    method: string,
    route: string,
    options: RequestOptions = {},
  ): Promise<{ data: Uint8Array; headers: FetchResponse['headers'] }> {
    const response = await this.request(method, route, options);
    const data = new Uint8Array(await this.#bodyOf(response.arrayBuffer(), options.signal));
    return { data, headers: response.headers };
  }

  /** Converts `error` to an `unreachable` error; an abort is returned unchanged. */
  unreachable(error: unknown, signal?: AbortSignal): unknown {
    if (error instanceof StreamFSClientError || this.aborted(signal)) return error;
    return new StreamFSClientError('unreachable', `cannot reach ${this.base}: ${describeFailure(error)}`, {
      cause: error,
    });
  }

  /** Whether the caller aborted, so that it caused the error itself. */
  aborted(signal?: AbortSignal): boolean {
    return signal?.aborted === true || this.#signal?.aborted === true;
  }

  async #bodyOf<T>(body: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await body;
    } catch (cause) {
      if (this.aborted(signal)) throw cause;
      throw new StreamFSClientError('cut', `the response broke off: ${describeFailure(cause)}`, { cause });
    }
  }
}

/** Converts a response with an error status to an error. */
export async function refusal(response: FetchResponse): Promise<StreamFSClientError> {
  let text = '';
  try {
    text = await response.text();
  } catch {
    // The body is unreadable; the status alone is sufficient.
  }
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // The body is not the server's JSON, but for example the page of a proxy.
  }
  const { error, code, ...details } = body;
  const message = typeof error === 'string' && error !== '' ? error : `the server answered ${response.status}`;
  return new StreamFSClientError('http', message, {
    status: response.status,
    code: typeof code === 'string' ? code : `HTTP_${response.status}`,
    details,
    retryAfter: retryAfterOf(response),
  });
}

/** Seconds, or a date (RFC 9110 section 10.2.3), in milliseconds from now. */
function retryAfterOf({ headers }: FetchResponse): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

/** `http://host`, `http://host/` and `http://host/api/v1` mean the same server. */
function normalizeBase(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new TypeError(`invalid url ${JSON.stringify(url)}: it should look like http://127.0.0.1:8080`, { cause });
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new TypeError(`invalid url ${JSON.stringify(url)}: it should begin with http:// or https://`);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new TypeError('invalid url: pass the token in the token option, not in the url');
  }
  if (parsed.search !== '' || parsed.hash !== '') {
    throw new TypeError(
      `invalid url ${JSON.stringify(url)}: expected the address of the server, without a query or fragment`,
    );
  }
  const path = parsed.pathname.replace(/\/+$/, '');
  return parsed.origin + (path.endsWith(BASE) ? path : path + BASE);
}

function queryString(query: Query | undefined): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) params.append(name, String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** Combines several signals, any of which may be undefined. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const present = signals.filter((signal) => signal !== undefined);
  return present.length > 1 ? AbortSignal.any(present) : present[0];
}
