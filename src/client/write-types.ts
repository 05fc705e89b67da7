/** Options and results of a write. */
import type { BackoffOptions } from './backoff.ts';
import type { StreamFSClientError } from './errors.ts';
import type { StreamSettings } from './types.ts';

/** The bytes to write: all at once, or as they arrive. */
export type WriteSource = Uint8Array | string | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

export interface WriteOptions {
  /** End the stream after the last byte. */
  end?: boolean | undefined;
  /**
   * With `end`: how this writer ended, such as `exit 3`. A function is called after the end of the source: a process
   * has its exit code only then. Up to 128 visible ASCII characters with single spaces between them.
   */
  endStatus?: string | (() => string | undefined) | undefined;
  /** False: fail with STREAM_NOT_FOUND if the stream does not exist. */
  create?: boolean | undefined;
  /** `lines`: lines of several writers never mix; an unfinished line is completed with a newline. */
  atomic?: 'lines' | undefined;
  /** Settings for a stream that this write creates or recreates. */
  settings?: StreamSettings | undefined;
  /** Fail with STREAM_RECREATED if the stream has another generation. */
  generation?: string | undefined;
  /** For a file that is not a stream: where to write, in bytes. */
  offset?: number | undefined;
  /**
   * Whether to continue after a cut, optionally with backoff options, without losing or duplicating a byte. Only for
   * streams: other files refuse with PRODUCERS_NOT_SUPPORTED. Up to 8 MiB of the source are held until they are
   * acknowledged; its pieces must not be modified meanwhile. Default false: a cut is an error of kind `cut`.
   */
  reconnect?: boolean | BackoffOptions | undefined;
  /**
   * With `reconnect`: also wait for the first connection. Default false: a missing server is an error of kind
   * `unreachable` at once.
   */
  waitForServer?: boolean | undefined;
  /**
   * With `reconnect`: also continue if the server was restarted and the bytes it had acknowledged are lost, or if it
   * has forgotten this writer in the middle of an append, part of which may then be written twice. `onLoss` is called.
   * Default false: an error that says how much was written.
   */
  recreate?: boolean | undefined;
  /** With `recreate`: called each time bytes were lost, or may have been written twice. */
  onLoss?: ((loss: WriteLoss) => void) | undefined;
  /** With `reconnect`: how many milliseconds of consecutive failures to tolerate before giving up. Default 30 000. */
  retryFor?: number | undefined;
  /** With `reconnect`: called after each failure that is retried. */
  onRetry?: ((retry: WriteRetry) => void) | undefined;
  /**
   * With `reconnect`: called when the stream is ready to be written, and for each stream that is created in its place.
   */
  onOpen?: ((stream: { generation: string | undefined; endOffset: number | undefined }) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** Called with the number of bytes sent so far. */
  onProgress?: ((sent: number) => void) | undefined;
}

/** Of `written` bytes acknowledged so far, `lost` are gone with their server; `doubtful` ones may be written twice. */
export interface WriteLoss {
  lost: number;
  doubtful: number;
  written: number;
  error: StreamFSClientError;
}

/** The next attempt follows in `delay` milliseconds; `written` bytes are acknowledged so far. */
export interface WriteRetry {
  attempt: number;
  delay: number;
  written: number;
  error: StreamFSClientError;
}

export interface WriteResult {
  /** Bytes written. */
  written: number;
  /** Of these, bytes acknowledged by a server that has restarted since; only set if there are any. */
  lost?: number | undefined;
  /** The stream's end offset after the write; undefined for a file that is not a stream. */
  endOffset: number | undefined;
  generation: string | undefined;
}
