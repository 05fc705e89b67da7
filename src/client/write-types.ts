/** What is said to a write, and what it says. */
import type { BackoffOptions } from './backoff.ts';
import type { StreamFSClientError } from './errors.ts';
import type { StreamSettings } from './types.ts';

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
