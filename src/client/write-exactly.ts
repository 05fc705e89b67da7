/**
 * Writing to a stream so that cuts neither lose nor double a byte: the source goes out as numbered appends (contract
 * 72, docs/protocol.md "Exactly once"), and one that fails is sent again under its number; the server applies what it
 * has not yet.
 *
 * How the source is cut into appends is written in append.ts.
 */
import { Ahead, Append, endOfPart, LONGEST, MOST_BYTES } from './append.ts';
import { Backoff, type BackoffOptions, delay } from './backoff.ts';
import { describeFailure, isClientError, neverConnected, StreamFSClientError } from './errors.ts';
import { type FetchBody, type FetchResponse, readableFrom } from './fetch.ts';
import { wholeHeader } from './headers.ts';
import { refusal, type Transport } from './transport.ts';
import type { CountedSource, WriteOptions, WriteResult } from './write.ts';

/** Bytes of an append: it grows while all goes well, and shrinks where connections do not last. */
const SIZE = { first: 1024 * 1024, least: 256 * 1024, most: MOST_BYTES } as const;

const DEFAULT_RETRY_FOR = 30_000;

/** Refusals that may be over soon, and an append whose end the server did not see. */
const TRANSIENT_STATUSES = new Set([408, 429, 500, 502, 503, 504]);

/** The stream that was written to is not there any more. */
const GONE = ['STREAM_RECREATED', 'STREAM_NOT_FOUND', 'PRODUCER_GAP'] as const;

/** The writing of one source: a producer with a name of its own. */
export class ExactWrite {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #options: WriteOptions;
  readonly #backoff: Backoff;
  readonly #id = crypto.randomUUID();
  #seq = 0;
  #size: number = SIZE.first;
  #written = 0;
  #endOffset: number | undefined;
  #generation: string | undefined;
  #wasConnected = false;

  constructor(transport: Transport, path: string, options: WriteOptions) {
    this.#transport = transport;
    this.#path = path;
    this.#options = options;
    const { reconnect } = options;
    this.#backoff = new Backoff(typeof reconnect === 'object' ? (reconnect as BackoffOptions) : {});
    this.#generation = options.generation;
  }

  async bytes(bytes: Uint8Array): Promise<WriteResult> {
    let at = 0;
    do {
      const end = endOfPart(bytes, at, this.#cut);
      const part = bytes.subarray(at, end);
      at = end;
      await this.#send(() => part, at === bytes.length);
      this.#written = at;
    } while (at < bytes.length);
    return this.#result();
  }

  async source(counted: CountedSource): Promise<WriteResult> {
    const ahead = new Ahead(counted);
    try {
      while (!ahead.isOver) {
        const append = new Append(ahead, this.#cut);
        let body: ReturnType<Append['body']> | undefined;
        try {
          await this.#send(
            () => {
              body?.stop();
              body = append.body();
              return this.#transport.takesIterables ? body : readableFrom(body);
            },
            false,
            { counted, append },
          );
        } finally {
          body?.stop();
          append.done();
        }
        this.#written += append.length;
      }
      // Which append is the last is known only when it is under way: the end has one of its own.
      if (this.#options.end === true) await this.#send(() => new Uint8Array(0), true);
    } catch (error) {
      counted.stop();
      throw counted.failure === undefined ? error : counted.failure.error;
    }
    return this.#result();
  }

  /** How the appends that follow are cut. */
  get #cut() {
    return { size: this.#size, lines: this.#options.atomic === 'lines' };
  }

  #result(): WriteResult {
    return { written: this.#written, endOffset: this.#endOffset, generation: this.#generation };
  }

  /** Sends an append until it is acknowledged. */
  async #send(
    body: () => FetchBody,
    isLast: boolean,
    source?: { counted: CountedSource; append: Append },
  ): Promise<void> {
    const { retryFor = DEFAULT_RETRY_FOR, signal, onRetry } = this.#options;
    let failingSince: number | undefined;
    for (;;) {
      const began = performance.now();
      const failure = await this.#attempt(body(), isLast, source?.counted);
      if (failure === undefined) break;
      const now = performance.now();
      // Where the source is quiet, a server that waits no longer, or a connection that did not last, is no failure to
      // write, however often it happens.
      const wasQuiet = failure.kind !== 'http' && source?.append.isOpen === true && now - began >= LONGEST;
      if (wasQuiet || isClientError(failure, 'BODY_TIMEOUT')) {
        failingSince = undefined;
        this.#backoff.reset();
      }
      failingSince ??= now;
      this.#size = Math.max(SIZE.least, this.#size / 2);
      const wait = this.#backoff.next();
      if (wait === undefined || now + wait - failingSince > retryFor) throw this.#gaveUp(failure, now - failingSince);
      onRetry?.({ attempt: this.#backoff.made, delay: wait, written: this.#written, error: failure });
      await delay(wait, signal);
    }
    this.#backoff.reset();
    this.#size = Math.min(SIZE.most, this.#size * 2);
    this.#seq += 1;
  }

  /** One attempt: undefined when it is acknowledged, what failed when it is worth another, else it throws. */
  async #attempt(body: FetchBody, isLast: boolean, source?: CountedSource): Promise<StreamFSClientError | undefined> {
    const { atomic, create, end, signal } = this.#options;
    let response: FetchResponse;
    try {
      response = await this.#transport.send('PUT', '/files', {
        query: {
          path: this.#path,
          end: isLast ? end : undefined,
          create,
          atomic,
          generation: this.#generation,
        },
        headers: { 'producer-id': this.#id, 'producer-epoch': '0', 'producer-seq': String(this.#seq) },
        body,
        signal,
      });
    } catch (error) {
      if (this.#transport.aborted(signal) || source?.failure !== undefined) throw error;
      if (!neverConnected(error)) this.#wasConnected = true;
      const failure = this.#transport.unreachable(error) as StreamFSClientError;
      // No server at first is told at once, as by every other command.
      if (!this.#wasConnected) throw failure;
      return failure;
    }
    this.#wasConnected = true;
    if (response.ok) {
      this.#endOffset = wholeHeader(response, 'x-stream-end-offset');
      this.#generation = response.headers.get('x-stream-generation') ?? this.#generation;
      await response.text().catch(() => undefined);
      return undefined;
    }
    const error = await refusal(response);
    if (TRANSIENT_STATUSES.has(error.status) || isClientError(error, 'BODY_BROKE_OFF')) return error;
    throw this.#seq > 0 && isClientError(error, ...GONE) ? this.#isGone(error) : error;
  }

  #isGone(cause: StreamFSClientError): StreamFSClientError {
    const message =
      `the stream that was written to is gone, because it was removed or the server was started anew: ` +
      `${this.#written} bytes had been written to it (${cause.message})`;
    const { status, code } = cause;
    return new StreamFSClientError('http', message, { status, code, details: { written: this.#written }, cause });
  }

  #gaveUp(cause: StreamFSClientError, after: number): StreamFSClientError {
    const message =
      `gave up writing after ${Math.round(after / 1000)} seconds of trying: ${describeFailure(cause)}; ` +
      `${this.#written} bytes are surely written, what came behind them may be in part`;
    return new StreamFSClientError('cut', message, { details: { written: this.#written }, cause });
  }
}
