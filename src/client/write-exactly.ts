/**
 * Writing to a stream so that cuts neither lose nor double a byte: the source goes out as numbered appends (contract
 * 72, docs/protocol.md "Exactly once"), and one that fails is sent again under its number; the server applies what it
 * has not yet.
 *
 * An append is a long body into which pieces go as they come, so that readers have them at once. What is in it is
 * held until it is acknowledged: it is closed at a number of bytes, which bounds the memory, or a while after its first
 * byte, so that what was written is soon known to be. Without a byte it stays open: a refusal comes at once.
 */
import { Backoff, type BackoffOptions, delay } from './backoff.ts';
import { describeFailure, isClientError, neverConnected, StreamFSClientError } from './errors.ts';
import { type FetchBody, type FetchResponse, readableFrom } from './fetch.ts';
import { wholeHeader } from './headers.ts';
import { refusal, type Transport } from './transport.ts';
import type { CountedSource, WriteOptions, WriteResult } from './write.ts';

/** Bytes of an append: it grows while all goes well, and shrinks where connections do not last. */
const SIZE = { first: 1024 * 1024, least: 256 * 1024, most: 8 * 1024 * 1024 } as const;

/** Pieces of an append at most: each costs memory beside its bytes. */
const MOST_PIECES = 16 * 1024;

/** Milliseconds from its first byte after which an append is closed. */
const LONGEST = 1000;

const DEFAULT_RETRY_FOR = 30_000;

/** Refusals that may be over soon, and an append whose end the server did not see. */
const TRANSIENT_STATUSES = new Set([408, 429, 500, 502, 503, 504]);

/** The stream that was written to is not there any more. */
const GONE = ['STREAM_RECREATED', 'STREAM_NOT_FOUND', 'PRODUCER_GAP'] as const;

/** The source, one step ahead: what was read and is not taken is not lost, whichever append takes it. */
class Ahead {
  #step: IteratorResult<Uint8Array> | undefined;
  #error: { error: unknown } | undefined;
  #isReading = false;
  #wake: (() => void) | undefined;
  readonly #source: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  get isOver(): boolean {
    return this.#step?.done === true;
  }

  /** What is there, or undefined: then {@link changed} says when to look again. */
  peek(): IteratorResult<Uint8Array> | undefined {
    if (this.#error !== undefined) throw this.#error.error;
    if (this.#step === undefined && !this.#isReading) {
      this.#isReading = true;
      this.#source.next().then(
        (step) => this.#settle(step, undefined),
        (error: unknown) => this.#settle(undefined, { error }),
      );
    }
    return this.#step;
  }

  take(): void {
    if (this.#step?.done !== true) this.#step = undefined;
  }

  /** Resolves when something may have come; one waits at a time. */
  changed(): Promise<void> {
    this.wake();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #settle(step: IteratorResult<Uint8Array> | undefined, error: { error: unknown } | undefined): void {
    this.#isReading = false;
    this.#step = step;
    this.#error = error;
    this.wake();
  }
}

/** What one append consists of so far. */
class Append {
  readonly #source: Ahead;
  readonly #size: number;
  readonly #pieces: Uint8Array[] = [];
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  length = 0;

  /** More may come into it: nothing is waiting to be acknowledged yet. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  constructor(source: Ahead, size: number) {
    this.#source = source;
    this.#size = size;
  }

  /** A body for one attempt: what is held, then what comes, until the append is closed. */
  body(): AsyncIterable<Uint8Array> & { stop(): void } {
    let at = 0;
    let isStopped = false;
    const stop = () => {
      isStopped = true;
      this.#source.wake();
    };
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      while (!isStopped) {
        const piece = this.#pieces[at];
        if (piece !== undefined) {
          at += 1;
          return { done: false, value: piece };
        }
        if (this.#isClosed) break;
        const step = this.#source.peek();
        if (step === undefined) await this.#source.changed();
        else if (step.done === true) this.#isClosed = true;
        else this.#add(step.value);
      }
      return { done: true, value: undefined };
    };
    const iterator = {
      next,
      return: async (): Promise<IteratorResult<Uint8Array>> => {
        stop();
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator, stop };
  }

  #add(piece: Uint8Array): void {
    this.#source.take();
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.length += piece.length;
    this.#timer ??= setTimeout(() => {
      this.#isClosed = true;
      this.#source.wake();
    }, LONGEST);
    if (this.length >= this.#size || this.#pieces.length >= MOST_PIECES) this.#isClosed = true;
  }

  done(): void {
    clearTimeout(this.#timer);
  }
}

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
      const part = bytes.subarray(at, at + this.#size);
      at += part.length;
      await this.#send(() => part, at === bytes.length);
      this.#written = at;
    } while (at < bytes.length);
    return this.#result();
  }

  async source(counted: CountedSource): Promise<WriteResult> {
    const ahead = new Ahead(counted);
    try {
      while (!ahead.isOver) {
        const append = new Append(ahead, this.#size);
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
