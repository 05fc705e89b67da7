/**
 * The client's `fetch` over node:http. The platform's own fetch gives up on a body that is idle for five minutes, which
 * is normal for a live stream, and is slower on large bodies. This is only the subset that the client needs: bodies
 * stream both ways with backpressure, a response may arrive before the request is complete, nothing times out.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { FetchBody, FetchFunction, FetchInit, FetchResponse } from '../client/index.ts';
import { explained } from './trust.ts';

/** Received bytes that may be queued before the socket is paused. */
const MAX_QUEUED = 256 * 1024;

export interface NodeFetch extends FetchFunction {
  readonly takesIterables: true;
  /** Closes idle connections, so that they do not keep the process alive. */
  close(): void;
}

/** A fetch with its own connections. `ca`: certificates in PEM; one of them must have signed the server's. */
export function createNodeFetch(ca?: string): NodeFetch {
  const agents = {
    http: new Agent({ keepAlive: true }),
    https: new HttpsAgent({ keepAlive: true, ca }),
  };
  const fetch = (url: string, init: FetchInit) => exchange(new URL(url), init, agents);
  return Object.assign(fetch, {
    takesIterables: true as const,
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  });
}

interface Agents {
  http: Agent;
  https: HttpsAgent;
}

function exchange(url: URL, init: FetchInit, agents: Agents): Promise<FetchResponse> {
  const { signal } = init;
  const options = { method: init.method, headers: { ...init.headers } };
  const length = sizeOf(init.body);
  if (length !== undefined) Object.assign(options.headers, { 'content-length': String(length) });
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, agent: agents.https })
        : requestHttp(url, { ...options, agent: agents.http });
    const onAbort = () => request.destroy(abortError(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    request.once('close', () => signal?.removeEventListener('abort', onAbort));
    const upload = new Upload(request, init.body);

    request.once('response', (message) => {
      // A refusal in the middle of a body: the rest need not be sent.
      if ((message.statusCode ?? 0) >= 400) upload.stop();
      resolve(new NodeResponse(message, signal, () => upload.abandon()));
    });
    // Never removed: after the head of the response the body reports an error, which must not be unhandled.
    request.on('error', (error) => {
      upload.stop();
      // The server had just closed this kept-alive connection: the request never reached it.
      const stale = request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      if (stale && init.method === 'GET' && !signal?.aborted) exchange(url, init, agents).then(resolve, reject);
      else reject(signal?.aborted ? signal.reason : (upload.failure?.error ?? explained(error, request.socket)));
    });
    upload.run();
  });
}

function abortError(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error('aborted');
}

function sizeOf(body: FetchBody | undefined): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.byteLength : undefined;
}

/** Sends a body, piece by piece, with backpressure. */
class Upload {
  readonly #request: ClientRequest;
  readonly #body: FetchBody | undefined;
  #source: AsyncIterator<Uint8Array> | undefined;
  #complete = false;
  #stopped = false;
  /** The error of the source: the request is then aborted because of it. */
  failure: { error: unknown } | undefined;

  constructor(request: ClientRequest, body: FetchBody | undefined) {
    this.#request = request;
    this.#body = body;
  }

  run(): void {
    const body = this.#body;
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      this.#complete = true;
      this.#request.end(body);
      return;
    }
    // The head is sent before the first byte exists: the server may refuse at once, or create the stream.
    this.#request.flushHeaders();
    this.#source = body[Symbol.asyncIterator]();
    this.#pump(this.#source).catch((error: unknown) => {
      this.failure = { error };
      this.#request.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #pump(source: AsyncIterator<Uint8Array>): Promise<void> {
    while (!this.#stopped) {
      const step = await source.next();
      if (this.#stopped) return;
      if (step.done === true) {
        this.#complete = true;
        this.#request.end();
        return;
      }
      if (step.value.length > 0 && !this.#request.write(step.value)) await this.#drained();
    }
  }

  #drained(): Promise<void> {
    const request = this.#request;
    if (request.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        for (const event of ['drain', 'close', 'response'] as const) request.off(event, done);
        resolve();
      };
      for (const event of ['drain', 'close', 'response'] as const) request.on(event, done);
    });
  }

  /** Stops reading the source. Reading the response is not affected. */
  stop(): void {
    if (this.#stopped || this.#complete) return;
    this.#stopped = true;
    this.#source?.return?.().catch(() => {});
  }

  /** Called when the response is finished: a request that was never completed must not keep its connection. */
  abandon(): void {
    if (this.#complete) return;
    this.stop();
    this.#request.destroy();
  }
}

/** A response whose body is read piece by piece, as the parser produces it, without copying. */
class NodeResponse implements FetchResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: FetchResponse['headers'];
  readonly body: AsyncIterable<Uint8Array>;
  readonly #message: IncomingMessage;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #state: 'open' | 'complete' | 'failed' | 'cancelled' = 'open';
  #error: unknown;
  #waiting: (() => void) | undefined;

  constructor(message: IncomingMessage, signal: AbortSignal | undefined, onDone: () => void) {
    this.#message = message;
    this.status = message.statusCode ?? 0;
    this.ok = this.status >= 200 && this.status < 300;
    this.headers = { get: (name) => headerText(message.headers[name.toLowerCase()]) };
    this.body = { [Symbol.asyncIterator]: () => this.#iterator() };
    const settle = (state: 'complete' | 'failed', error?: unknown) => {
      if (this.#state !== 'open') return;
      this.#state = state;
      this.#error = signal?.aborted ? signal.reason : error;
      this.#wake();
      onDone();
    };
    message.on('data', (piece: Buffer) => {
      if (this.#state === 'cancelled') return;
      this.#queue.push(piece);
      this.#queued += piece.length;
      if (this.#queued >= MAX_QUEUED) message.pause();
      this.#wake();
    });
    message.on('end', () => settle('complete'));
    message.on('error', (error) => settle('failed', error));
    message.on('close', () => settle('failed', new Error('the connection closed before the response was complete')));
  }

  async text(): Promise<string> {
    return Buffer.from(await this.arrayBuffer()).toString('utf8');
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.body) pieces.push(piece);
    const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      joined.set(piece, at);
      at += piece.length;
    }
    return joined.buffer;
  }

  #iterator(): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        while (true) {
          const piece = this.#queue.shift();
          if (piece !== undefined) {
            this.#queued -= piece.length;
            if (this.#queued < MAX_QUEUED) this.#message.resume();
            return { done: false, value: piece };
          }
          if (this.#state === 'failed') throw this.#error;
          if (this.#state !== 'open') return { done: true, value: undefined };
          await new Promise<void>((resolve) => {
            this.#waiting = resolve;
          });
        }
      },
      return: async () => {
        if (this.#state === 'open') {
          this.#state = 'cancelled';
          this.#queue.length = 0;
          this.#message.destroy();
          this.#wake();
        }
        return { done: true, value: undefined };
      },
    };
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }
}

function headerText(value: string | string[] | undefined): string | null {
  return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value;
}
