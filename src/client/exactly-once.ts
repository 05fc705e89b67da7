/**
 * Writes to a stream so that cuts neither lose nor duplicate a byte. The source is sent as numbered appends (contract
 * 72, docs/protocol.md "Exactly once"). A failed append is sent again under the same number, and the server applies the
 * part that it has not applied yet.
 *
 * A producer begins with an empty append. Its response contains the stream's generation and end before there is anything
 * to lose. So append number 0 never contains a byte: a server that has forgotten the producer takes number 0 for the
 * first one. A server that was restarted, or has forgotten the producer, gets a new producer (contract 89):
 *
 *     hello ──► append ──► append …              each until it is acknowledged
 *       ▲          │
 *       └──────────┴── forgotten, nothing of it applied: the same stream
 *                  └── lost with its server: a new stream, and the loss of acknowledged bytes is reported
 *
 * append.ts splits the source into appends.
 */
import { HEADERS } from '../protocol/index.ts';
import { Append, FixedAppend, MAX_APPEND_BYTES, MAX_APPEND_MS, PeekableSource } from './append.ts';
import { Backoff, type BackoffOptions, delay } from './backoff.ts';
import type { CountedSource } from './counted-source.ts';
import { describeFailure, isClientError, isPermanent, neverConnected, StreamFSClientError } from './errors.ts';
import { type FetchBody, type FetchResponse, readableFrom } from './fetch.ts';
import { integerHeader } from './headers.ts';
import { settingsQuery } from './settings.ts';
import { refusal, type Transport } from './transport.ts';
import { checkEndStatus } from './validate.ts';
import type { WriteOptions, WriteResult } from './write-types.ts';

/**
 * Sizes of an append in bytes. It grows after each success, and shrinks to `least` if connections do not last. A proxy
 * that refuses long bodies may bring it down to `smallest`; most proxies accept `first`.
 */
const APPEND_SIZES = { first: 512 * 1024, least: 256 * 1024, smallest: 4 * 1024, most: MAX_APPEND_BYTES } as const;

const DEFAULT_RETRY_FOR_MS = 30_000;

/** Refusals that may be transient, and an append whose end the server did not see. */
const TRANSIENT_STATUSES = new Set([408, 429, 500, 502, 503, 504]);
const TRANSIENT_CODES = ['BODY_BROKE_OFF', 'PRODUCER_SUPERSEDED'] as const;

/** The stream that was written to no longer exists. */
const POSITION_LOST_CODES = ['STREAM_RECREATED', 'STREAM_NOT_FOUND', 'PRODUCER_GAP'] as const;

/** An append that is sent until it is acknowledged: the same bytes each time, unless it is shortened. */
interface Outgoing {
  readonly length: number;
  /** More bytes may be added. */
  readonly isOpen: boolean;
  body(): FetchBody;
  shorten(least: number, most: number): boolean;
}

const EMPTY_APPEND: Outgoing = { length: 0, isOpen: false, body: () => new Uint8Array(0), shorten: () => false };

/** The state of an append that is not acknowledged yet. */
interface Progress {
  failingSince: number | undefined;
  /** An attempt with unknown outcome may have applied part of it. */
  isDoubtful: boolean;
  /** Bytes of it that are known to be applied. */
  applied: number;
  /** Whether it was sent by a new producer, without a delay, since the last failure. */
  wasRenewed: boolean;
}

/** @throws TypeError for an invalid status */
function endStatusOf(given: WriteOptions['endStatus']): string | undefined {
  const status = typeof given === 'function' ? given() : given;
  checkEndStatus('endStatus', status);
  return status;
}

/** Writes one source with one producer id, or with several in succession. */
export class ExactlyOnceWrite {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #options: WriteOptions;
  readonly #backoff: Backoff;
  #id = crypto.randomUUID();
  #seq = 0;
  #size: number = APPEND_SIZES.first;
  /** Upper limit of #size: lower if a proxy refuses more. */
  #maxSize: number = APPEND_SIZES.most;
  #written = 0;
  /** Of these, bytes acknowledged by servers that are gone. */
  #lost = 0;
  #endOffset: number | undefined;
  #generation: string | undefined;
  #wasConnected = false;
  /** Whether the stream has existed. */
  #streamExisted = false;

  constructor(transport: Transport, path: string, options: WriteOptions) {
    this.#transport = transport;
    this.#path = path;
    this.#options = options;
    const { reconnect } = options;
    this.#backoff = new Backoff(typeof reconnect === 'object' ? (reconnect as BackoffOptions) : {});
    this.#generation = options.generation;
  }

  async bytes(bytes: Uint8Array): Promise<WriteResult> {
    do {
      const part = new FixedAppend(bytes, this.#written, this.#cut);
      await this.#send(part, { isLast: () => part.end === bytes.length });
      this.#written = part.end;
    } while (this.#written < bytes.length);
    return this.#result();
  }

  async source(counted: CountedSource): Promise<WriteResult> {
    const source = new PeekableSource(counted);
    try {
      while (!source.isOver) {
        const append = new Append(source, this.#cut);
        const outgoing = new OutgoingAppend(append, this.#transport.takesIterables);
        try {
          await this.#send(outgoing, { isLast: () => false, counted });
        } finally {
          outgoing.stop();
          append.done();
        }
        this.#written += append.length;
      }
      // The last append is only known once it is already being sent, so a separate, empty append ends the stream.
      if (this.#options.end === true) await this.#send(EMPTY_APPEND, { isLast: () => true });
    } catch (error) {
      counted.stop();
      throw counted.failure === undefined ? error : counted.failure.error;
    }
    return this.#result();
  }

  /** How the next appends are cut. */
  get #cut() {
    const { atomic, settings } = this.#options;
    return { size: this.#size, lines: (atomic ?? settings?.atomic) === 'lines' };
  }

  #result(): WriteResult {
    return {
      written: this.#written,
      ...(this.#lost > 0 ? { lost: this.#lost } : {}),
      endOffset: this.#endOffset,
      generation: this.#generation,
    };
  }

  /** Sends an append until it is acknowledged. A new producer sends an empty one first. */
  async #send(outgoing: Outgoing, { isLast, counted }: Sending): Promise<void> {
    const progress: Progress = { failingSince: undefined, isDoubtful: false, applied: 0, wasRenewed: false };
    for (;;) {
      const isHello = this.#seq === 0;
      const sent = isHello ? EMPTY_APPEND : outgoing;
      const began = performance.now();
      const failure = await this.#attempt(sent.body(), !isHello && isLast(), counted);
      if (failure === undefined) {
        this.#seq += 1;
        if (!isHello) break;
        this.#options.onOpen?.({ generation: this.#generation, endOffset: this.#endOffset });
      } else if (!this.#canRetryAtOnce(failure, sent, progress)) {
        await this.#wait(failure, sent, { progress, lasted: performance.now() - began });
      }
    }
    this.#backoff.reset();
    this.#size = Math.min(this.#maxSize, this.#size * 2);
  }

  /**
   * One attempt: returns undefined when it is acknowledged, else the failure.
   *
   * @throws if the source failed, or the caller aborted
   */
  async #attempt(body: FetchBody, isLast: boolean, source?: CountedSource): Promise<StreamFSClientError | undefined> {
    const { atomic, create, end, endStatus, settings, signal } = this.#options;
    let response: FetchResponse;
    try {
      response = await this.#transport.send('PUT', '/files', {
        query: {
          path: this.#path,
          end: isLast ? end : undefined,
          end_status: isLast ? endStatusOf(endStatus) : undefined,
          create,
          ...settingsQuery(settings),
          atomic: atomic ?? settings?.atomic,
          generation: this.#generation,
        },
        headers: {
          [HEADERS.producerId]: this.#id,
          [HEADERS.producerEpoch]: '0',
          [HEADERS.producerSeq]: String(this.#seq),
        },
        body,
        signal,
      });
    } catch (error) {
      if (this.#transport.aborted(signal) || source?.failure !== undefined) throw error;
      if (!neverConnected(error)) this.#wasConnected = true;
      return this.#transport.unreachable(error) as StreamFSClientError;
    }
    this.#wasConnected = true;
    if (!response.ok) return await refusal(response);
    this.#streamExisted = true;
    this.#endOffset = integerHeader(response, HEADERS.streamEndOffset);
    this.#generation = response.headers.get(HEADERS.streamGeneration) ?? this.#generation;
    await response.text().catch(() => undefined);
    return undefined;
  }

  /**
   * Whether to retry without a delay, because the next attempt differs: another producer, or fewer bytes.
   *
   * @throws if no other attempt can succeed
   */
  #canRetryAtOnce(failure: StreamFSClientError, sent: Outgoing, progress: Progress): boolean {
    if (failure.code === 'HTTP_413') {
      // A refusal of the server itself would have a code: this is a proxy that does not accept a body of this length.
      const most = Math.floor(sent.length / 2);
      if (most < APPEND_SIZES.smallest || !sent.shorten(progress.applied, most))
        throw this.#refusedByProxy(failure, sent.length);
      progress.isDoubtful = true;
      this.#maxSize = Math.min(this.#maxSize, most);
      this.#size = Math.min(this.#size, most);
      return true;
    }
    if (failure.code === 'PRODUCER_MISMATCH' && this.#maxSize < APPEND_SIZES.most) {
      // The append was shortened to less than a proxy had already passed on of it.
      progress.applied = Number(failure.details.applied);
      if (sent.shorten(progress.applied, progress.applied)) return true;
    }
    if (failure.details.forgotten_to !== undefined) return this.#isForgotten(failure, sent, progress);
    if (failure.details.server_restarted === true && this.#streamExisted) return this.#isLost(failure, progress);
    return false;
  }

  /** The server no longer knows this producer. The stream is the same: a new producer continues with it. */
  #isForgotten(failure: StreamFSClientError, { length }: Outgoing, progress: Progress): boolean {
    const nothingIsApplied = Number(failure.details.forgotten_to) <= (this.#endOffset ?? -1);
    if (progress.isDoubtful && !nothingIsApplied) {
      if (this.#options.recreate !== true) throw this.#inDoubt(failure, length);
      this.#options.onLoss?.({ lost: 0, doubtful: length, written: this.#written, error: failure });
    }
    this.#renew(progress);
    // If the new producer is also forgotten at once, other producers crowd it out: then it waits with backoff.
    const isFirst = !progress.wasRenewed;
    progress.wasRenewed = true;
    return isFirst;
  }

  /** The stream was lost with its server. */
  #isLost(failure: StreamFSClientError, progress: Progress): boolean {
    const { generation, onLoss, recreate } = this.#options;
    if (recreate !== true || generation !== undefined) throw this.#isGone(failure);
    const lost = this.#written - this.#lost;
    this.#lost = this.#written;
    this.#generation = undefined;
    this.#renew(progress);
    onLoss?.({ lost, doubtful: 0, written: this.#written, error: failure });
    return true;
  }

  #renew(progress: Progress): void {
    this.#id = crypto.randomUUID();
    this.#seq = 0;
    progress.isDoubtful = false;
    progress.applied = 0;
  }

  /** Waits before the next attempt. @throws if a retry is useless, or no longer worth it */
  async #wait(failure: StreamFSClientError, sent: Outgoing, { progress, lasted }: Waiting): Promise<void> {
    const { retryFor = DEFAULT_RETRY_FOR_MS, signal, onRetry } = this.#options;
    if (!this.#isTransient(failure)) {
      throw this.#streamExisted && isClientError(failure, ...POSITION_LOST_CODES) ? this.#isGone(failure) : failure;
    }
    const isRefused = failure.details.forgotten_to !== undefined;
    if (sent.length > 0 && !isRefused && !neverConnected(failure.cause)) progress.isDoubtful = true;
    const now = performance.now();
    // While the source is quiet, a server that stops waiting for the next byte, or a connection that breaks, does not
    // count as a failure to write, however often it happens.
    const waitedForSource = failure.kind !== 'http' || failure.status === 408 || failure.status === 504;
    if (isClientError(failure, 'BODY_TIMEOUT') || (waitedForSource && sent.isOpen && lasted >= MAX_APPEND_MS)) {
      progress.failingSince = undefined;
      this.#backoff.reset();
    }
    progress.failingSince ??= now;
    progress.wasRenewed = false;
    this.#size = Math.min(this.#maxSize, Math.max(APPEND_SIZES.least, this.#size / 2));
    const wait = this.#backoff.next(failure.retryAfter);
    const failingFor = now - progress.failingSince;
    if (wait === undefined || failingFor + wait > retryFor) throw this.#gaveUp(failure, failingFor);
    // Waiting because of too many producers is not reported as a failure.
    if (!isRefused) onRetry?.({ attempt: this.#backoff.made, delay: wait, written: this.#written, error: failure });
    await delay(wait, signal);
  }

  /** Whether a failure may be transient. */
  #isTransient(failure: StreamFSClientError): boolean {
    if (isPermanent(failure)) return false;
    // As with every other request, a missing server is an error at once unless waiting was requested.
    if (failure.kind === 'unreachable') return this.#wasConnected || this.#options.waitForServer === true;
    // Another program creates the stream, which may take a while after a restart.
    const isAwaited = this.#options.recreate === true && this.#streamExisted && this.#options.generation === undefined;
    if (failure.code === 'STREAM_NOT_FOUND' && this.#generation === undefined && isAwaited) return true;
    return (
      TRANSIENT_STATUSES.has(failure.status) ||
      failure.details.forgotten_to !== undefined ||
      isClientError(failure, ...TRANSIENT_CODES)
    );
  }

  #isGone(cause: StreamFSClientError): StreamFSClientError {
    const written = this.#written - this.#lost;
    const why =
      cause.details.server_restarted === true
        ? `lost with its server, which was restarted: ${written} bytes that had been written to it are gone`
        : `gone, because it was removed or has expired: ${written} bytes had been written to it`;
    const message = `the stream that was written to is ${why} (${cause.message})`;
    const { status, code } = cause;
    return new StreamFSClientError('http', message, { status, code, details: { written: this.#written }, cause });
  }

  #inDoubt(cause: StreamFSClientError, length: number): StreamFSClientError {
    const message =
      `the server has forgotten this writer in the middle of an append: ${this.#written} bytes are written for certain, ` +
      `the next ones, up to ${length} bytes, may be written in part (${cause.message})`;
    return new StreamFSClientError('cut', message, { details: { written: this.#written }, cause });
  }

  #refusedByProxy(cause: StreamFSClientError, length: number): StreamFSClientError {
    const message =
      `a proxy between here and the server refuses a body of ${length} bytes as too large: ${this.#written} bytes ` +
      'are written; raise its limit (for nginx: client_max_body_size 0)';
    const { status, code } = cause;
    return new StreamFSClientError('http', message, { status, code, details: { written: this.#written }, cause });
  }

  #gaveUp(cause: StreamFSClientError, after: number): StreamFSClientError {
    const seconds = Math.round(after / 1000);
    const details = { written: this.#written };
    if (!this.#wasConnected) {
      return new StreamFSClientError('unreachable', `${cause.message}; tried for ${seconds} s`, { details, cause });
    }
    const message =
      `gave up writing after ${seconds} seconds of trying: ${describeFailure(cause)}; ` +
      `${this.#written} bytes are written for certain, the next ones may be written in part`;
    return new StreamFSClientError('cut', message, { details, cause });
  }
}

interface Sending {
  isLast: () => boolean;
  counted?: CountedSource | undefined;
}

interface Waiting {
  progress: Progress;
  /** Milliseconds. */
  lasted: number;
}

/** An append of a source. Only the body of the latest attempt reads from the source. */
class OutgoingAppend implements Outgoing {
  readonly #append: Append;
  readonly #takesIterables: boolean;
  #body: ReturnType<Append['body']> | undefined;

  constructor(append: Append, takesIterables: boolean) {
    this.#append = append;
    this.#takesIterables = takesIterables;
  }

  get length(): number {
    return this.#append.length;
  }

  get isOpen(): boolean {
    return this.#append.isOpen;
  }

  body(): FetchBody {
    this.stop();
    this.#body = this.#append.body();
    return this.#takesIterables ? this.#body : readableFrom(this.#body);
  }

  shorten(least: number, most: number): boolean {
    return this.#append.shorten(least, most);
  }

  stop(): void {
    this.#body?.stop();
  }
}
