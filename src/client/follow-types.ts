/** What `follow` is asked, and what it gives: the words of docs/protocol.md as types. */
import type { BackoffOptions } from './backoff.ts';
import type { StreamFSClientError } from './errors.ts';
import type { LagPolicy } from './types.ts';

export interface FollowOptions {
  /** Where to start: at most one of `from`, `offset`, `last` and `lastLines`. Default: `from: 'earliest'`. */
  from?: 'earliest' | 'live' | undefined;
  /** An absolute offset; one beyond the end waits until the stream gets there. */
  offset?: number | undefined;
  /** Start at this many retained bytes before the end. */
  last?: number | undefined;
  /** Start at this many retained lines before the end. */
  lastLines?: number | undefined;
  /**
   * Where the format of the stream is known: `boundary` begins where it can be understood, with a record `header` where
   * that takes one; `any`, the default, at the byte that is meant. After a cut it goes on at the byte in any case.
   */
  join?: 'boundary' | 'any' | undefined;
  /** Where `offset` is no longer retained: fail with OFFSET_GONE (default), or go on from the earliest after a gap. */
  onExpired?: 'error' | 'skip' | undefined;
  /** At the first connection: fail with STREAM_RECREATED if the stream has another generation. */
  generation?: string | undefined;
  /** Whether an absent stream is created. Default: as the server is configured. */
  create?: boolean | undefined;
  /**
   * Default: the stream's. `disconnect` shows as the error READER_TOO_SLOW; or as OFFSET_GONE, where the connection had
   * stalled and could only be cut, and what it missed is not retained any more.
   */
  onLag?: LagPolicy | undefined;
  /**
   * Milliseconds without a byte after which following ends, with reason `timeout`; 0: as soon as all that is there has
   * come. Default: never.
   */
  timeout?: number | undefined;
  /**
   * Milliseconds after which an idle server shows that it is alive; a server silent for three times as long counts
   * as cut. Default 15 000; 0 turns both off.
   */
  heartbeat?: number | undefined;
  /** Whether to give a record for each heartbeat too. Default false. */
  heartbeats?: boolean | undefined;
  /** Whether, or how patiently, to go on after a cut. Default true. False: a cut is an error of kind `cut`. */
  reconnect?: boolean | BackoffOptions | undefined;
  /**
   * Wait also for the first connection: true without limit, a number for that many milliseconds. Default false: no server
   * is an error of kind `unreachable` at once.
   */
  waitForServer?: boolean | number | undefined;
  /** With `reconnect`: milliseconds of failing in a row, after the first connection, after which to give up. Default: never. */
  retryFor?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Data and gaps follow each other without overlap or hole, within one generation. */
export type FollowRecord =
  /** Connected, the first time or again. `offset` is the next byte's; both are unknown for what is not a stream. */
  | { type: 'open'; offset: number | undefined; generation: string | undefined }
  | { type: 'data'; offset: number; data: Uint8Array }
  /** Only with `join: 'boundary'`: what must come before the byte at `offset`. Not a part of the stream, in no offset. */
  | { type: 'header'; offset: number; data: Uint8Array }
  /** The bytes from `from` up to `to` are lost to this reader, of `chunks` chunks. */
  | { type: 'gap'; from: number; to: number; chunks: number }
  /** All bytes up to the end have been read. First at the live end, then again after each gap and each connection. */
  | { type: 'caught-up'; offset: number }
  /** Only with `heartbeats`: nothing is there to be read, and the server is alive. */
  | { type: 'heartbeat'; offset: number }
  /** The connection is lost; the next try comes in `delay` milliseconds. `error` says why. */
  | { type: 'reconnecting'; offset: number | undefined; attempt: number; delay: number; error: StreamFSClientError }
  /** The path has a new stream: what comes next is its own, from its earliest on. The old one was read to `lastOffset`. */
  | { type: 'recreated'; previous: string; generation: string; lastOffset: number }
  /**
   * The last record. `shutdown` is seen only with `reconnect: false`. `status` is what the writer that ended the stream
   * said of how it ended, such as `exit 3`.
   */
  | { type: 'end'; offset: number; reason: EndReason; status?: string | undefined };

/** `expired`: the stream was not written for as long as its mount allows, and its path is free again. */
export type EndReason = 'ended' | 'removed' | 'expired' | 'timeout' | 'shutdown';
