/** Options and records of `follow`, in the terms of docs/protocol.md. */
import type { BackoffOptions } from './backoff.ts';
import type { StreamFSClientError } from './errors.ts';
import type { LagPolicy } from './types.ts';

export interface FollowOptions {
  /** Where to start: at most one of `from`, `offset`, `last` and `lastLines`. Default: `from: 'earliest'`. */
  from?: 'earliest' | 'live' | undefined;
  /** An absolute offset; an offset beyond the end waits until the stream reaches it. */
  offset?: number | undefined;
  /** Start this many retained bytes before the end. */
  last?: number | undefined;
  /** Start this many retained lines before the end. */
  lastLines?: number | undefined;
  /**
   * For streams of a known format: `boundary` begins at a point from which the data can be decoded, after a record
   * `header` if the format needs one. `any`, the default, begins at the exact byte. After a cut the read continues at
   * the exact byte in both cases.
   */
  join?: 'boundary' | 'any' | undefined;
  /**
   * If `offset` is no longer retained: fail with OFFSET_GONE (default), or continue from the earliest byte after a gap.
   */
  onExpired?: 'error' | 'skip' | undefined;
  /** On the first connection: fail with STREAM_RECREATED if the stream has another generation. */
  generation?: string | undefined;
  /** Whether a missing stream is created. Default: the server's configuration. */
  create?: boolean | undefined;
  /**
   * Default: the policy of the stream. `disconnect` is reported as the error READER_TOO_SLOW, or as OFFSET_GONE if the
   * connection had stalled, could only be cut, and the bytes it missed are no longer retained.
   */
  onLag?: LagPolicy | undefined;
  /**
   * Milliseconds without a byte after which following ends, with reason `timeout`; 0: end as soon as everything
   * available has been read. Default: never.
   */
  timeout?: number | undefined;
  /**
   * Milliseconds after which an idle server sends a heartbeat. A server that is silent for three times as long counts
   * as cut. Default 15 000; 0 turns both off.
   */
  heartbeat?: number | undefined;
  /** Whether to yield a record for each heartbeat too. Default false. */
  heartbeats?: boolean | undefined;
  /**
   * Whether to reconnect after a cut, optionally with backoff options. Default true. False: a cut is an error of kind
   * `cut`.
   */
  reconnect?: boolean | BackoffOptions | undefined;
  /**
   * Also wait for the first connection: true without limit, a number for that many milliseconds. Default false: a
   * missing server is an error of kind `unreachable` at once.
   */
  waitForServer?: boolean | number | undefined;
  /**
   * With `reconnect`: how many milliseconds of consecutive failures, after the first connection, to tolerate before
   * giving up. Default: no limit.
   */
  retryFor?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Data and gaps are contiguous, without overlap, within one generation. */
export type FollowRecord =
  /**
   * Connected, for the first time or again. `offset` is that of the next byte; both are undefined for a file that is
   * not a stream.
   */
  | { type: 'open'; offset: number | undefined; generation: string | undefined }
  | { type: 'data'; offset: number; data: Uint8Array }
  /**
   * Only with `join: 'boundary'`: bytes that a decoder needs before the byte at `offset`. Not part of the stream, and
   * not counted in offsets.
   */
  | { type: 'header'; offset: number; data: Uint8Array }
  /** The bytes from `from` up to `to`, which were `chunks` chunks, are lost to this reader. */
  | { type: 'gap'; from: number; to: number; chunks: number }
  /**
   * All bytes up to the end have been read. Sent on first reaching the live end, and again after each gap and each
   * connection.
   */
  | { type: 'caught-up'; offset: number }
  /** Only with `heartbeats`: there is nothing to read, but the server is alive. */
  | { type: 'heartbeat'; offset: number }
  /** The connection is lost; the next attempt follows in `delay` milliseconds. `error` says why. */
  | { type: 'reconnecting'; offset: number | undefined; attempt: number; delay: number; error: StreamFSClientError }
  /**
   * A new stream exists at the path: the records that follow belong to it, from its earliest byte. The old stream was
   * read up to `lastOffset`.
   */
  | { type: 'recreated'; previous: string; generation: string; lastOffset: number }
  /**
   * The last record. `shutdown` occurs only with `reconnect: false`. `status` is the status that the writer gave when
   * it ended the stream, such as `exit 3`.
   */
  | { type: 'end'; offset: number; reason: EndReason; status?: string | undefined };

/** `expired`: the stream was not written for as long as its mount allows, and its path is free again. */
export type EndReason = 'ended' | 'removed' | 'expired' | 'timeout' | 'shutdown';
