/**
 * Writing a body of any length. What matters is what is known when it fails: a refusal says so at once, even in the
 * middle of a source that never ends, and a cut says how much was handed over, which is not how much was accepted.
 */
import { HEADERS } from '../protocol/index.ts';
import type { BackoffOptions } from './backoff.ts';
import { checkEndStatus, checkWhole } from './checks.ts';
import { describeFailure, neverConnected, StreamFSClientError } from './errors.ts';
import { type FetchBody, type FetchResponse, readableFrom } from './fetch.ts';
import { wholeHeader } from './headers.ts';
import { settingsQuery } from './settings.ts';
import { refusal, type Transport } from './transport.ts';
import type { StreamSettings } from './types.ts';
import { ExactWrite } from './write-exactly.ts';

/** Where written bytes come from: all at once, or as they come. */
export type WriteSource = Uint8Array | string | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

export interface WriteOptions {
  /** End the stream after the last byte. */
  end?: boolean | undefined;
  /**
   * With `end`: what to say of how this writer ended, such as `exit 3`. A function is asked once the source is over: a
   * process has its exit code only then. Up to 128 visible ASCII characters with single spaces between them.
   */
  endStatus?: string | (() => string | undefined) | undefined;
  /** False: fail with STREAM_NOT_FOUND where the stream does not exist. */
  create?: boolean | undefined;
  /** `lines`: lines of several writers never mix; one that is left unfinished is completed with a newline. */
  atomic?: 'lines' | undefined;
  /** Of a stream that is made by this, or made anew. */
  settings?: StreamSettings | undefined;
  /** Fail with STREAM_RECREATED if the stream has another generation. */
  generation?: string | undefined;
  /** For a file that is no stream: where to write, in bytes. */
  offset?: number | undefined;
  /**
   * Whether, or how patiently, to go on after a cut, without losing or doubling a byte. For streams only: another file
   * refuses with PRODUCERS_NOT_SUPPORTED. Up to 8 MiB of the source are held until they are acknowledged; its pieces
   * must not be changed meanwhile. Default false: a cut is an error of kind `cut`.
   */
  reconnect?: boolean | BackoffOptions | undefined;
  /** With `reconnect`: wait also for the first connection. Default false: no server is an error `unreachable` at once. */
  waitForServer?: boolean | undefined;
  /**
   * With `reconnect`: go on also where the server was started anew, and what it had acknowledged is lost with it; or
   * where it has forgotten this writer in the middle of an append, of which a part may be there twice then. `onLoss` is
   * told. Default false: an error that says how much was written.
   */
  recreate?: boolean | undefined;
  /** With `recreate`: told of each time bytes were lost, or may be there twice. */
  onLoss?: ((loss: WriteLoss) => void) | undefined;
  /** With `reconnect`: milliseconds of failing in a row after which to give up. Default 30 000. */
  retryFor?: number | undefined;
  /** With `reconnect`: told of each failure after which it is tried again. */
  onRetry?: ((retry: WriteRetry) => void) | undefined;
  /** With `reconnect`: told of the stream when it is there to be written to, and of each one made anew in its place. */
  onOpen?: ((stream: { generation: string | undefined; endOffset: number | undefined }) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** Told the bytes handed over so far. */
  onProgress?: ((sent: number) => void) | undefined;
}

/** Of `written` bytes acknowledged so far, `lost` are gone with their server; `doubtful` ones may be there twice. */
export interface WriteLoss {
  lost: number;
  doubtful: number;
  written: number;
  error: StreamFSClientError;
}

/** The next try comes in `delay` milliseconds; `written` bytes are acknowledged so far. */
export interface WriteRetry {
  attempt: number;
  delay: number;
  written: number;
  error: StreamFSClientError;
}

export interface WriteResult {
  /** Bytes written. */
  written: number;
  /** Of them, those that were acknowledged by a server that was started anew since; only where there are any. */
  lost?: number | undefined;
  /** The stream's end offset after the write; undefined for a file that is no stream. */
  endOffset: number | undefined;
  generation: string | undefined;
}

/** Counts what passes, keeps the source's own error, and can be stopped from outside. */
export class CountedSource {
  sent = 0;
  /** The error of the source itself, to be told from the connection's. */
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

  /** Stops reading. Not waited for: a source that is waiting for input may answer only with its next piece. */
  stop(): void {
    this.#source.return?.().catch(() => {});
  }
}

/** A stream's reader is used directly, since a ReadableStream is not iterable in every browser. */
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

export async function write(
  transport: Transport,
  path: string,
  source: WriteSource,
  options: WriteOptions = {},
): Promise<WriteResult> {
  checkWhole('offset', options.offset);
  checkWhole('retryFor', options.retryFor);
  const { endStatus } = options;
  if (endStatus !== undefined && options.end !== true) throw new TypeError('endStatus needs end: true');
  if (typeof endStatus !== 'function') checkEndStatus('endStatus', endStatus);
  const bytes = typeof source === 'string' ? new TextEncoder().encode(source) : source;
  const sized = bytes instanceof Uint8Array ? bytes : undefined;
  const counted = bytes instanceof Uint8Array ? undefined : new CountedSource(bytes, options.onProgress);
  if ((options.reconnect ?? false) !== false) {
    if (options.offset !== undefined) throw new TypeError('offset and reconnect exclude each other: give only one');
    const exact = new ExactWrite(transport, path, options);
    return sized === undefined ? exact.source(counted!) : exact.bytes(sized);
  }
  // Its request is sent before the source is over.
  if (typeof endStatus === 'function') throw new TypeError('endStatus as a function needs reconnect');
  const sent = () => counted?.sent ?? sized?.length ?? 0;

  let response: FetchResponse;
  try {
    response = await transport.send('PUT', '/files', {
      query: {
        path,
        end: options.end,
        end_status: endStatus,
        create: options.create,
        ...settingsQuery(options.settings),
        atomic: options.atomic ?? options.settings?.atomic,
        generation: options.generation,
        offset: options.offset,
      },
      body: sized ?? streamed(transport, counted),
      signal: options.signal,
    });
  } catch (error) {
    counted?.stop();
    if (counted?.failure !== undefined) throw counted.failure.error;
    if (transport.aborted(options.signal)) throw error;
    if (neverConnected(error)) throw transport.unreachable(error);
    throw cutWrite(sent(), error);
  }
  if (!response.ok) {
    counted?.stop();
    throw await refusal(response);
  }
  const written = sent();
  try {
    await response.text();
  } catch {
    // The head has said that all was written; the sentence for people adds nothing.
  }
  return {
    written,
    endOffset: wholeHeader(response, HEADERS.streamEndOffset),
    generation: response.headers.get(HEADERS.streamGeneration) ?? undefined,
  };
}

function streamed(transport: Transport, source: CountedSource | undefined): FetchBody {
  if (source === undefined) return new Uint8Array(0);
  return transport.takesIterables ? source : readableFrom(source);
}

function cutWrite(sent: number, cause: unknown): StreamFSClientError {
  const message =
    `the connection was cut while writing: ${describeFailure(cause)}; ${sent} bytes had been sent, ` +
    'how many of them were accepted is not known';
  return new StreamFSClientError('cut', message, { details: { sent }, cause });
}
