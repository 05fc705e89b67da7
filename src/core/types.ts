import type { EndReason, LagPolicy } from '../protocol/words.ts';

/** The words of the core: see docs/protocol.md for the glossary. */

/** The largest chunk, in bytes; a longer append is cut into several (contract 21). */
export const MAX_CHUNK = 64 * 1024;

/** The largest offset a stream can reach: beyond it a JavaScript number is no longer exact (contract 15). */
export const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

export { type EndReason, LAG_POLICIES, type LagPolicy } from '../protocol/words.ts';

/** Where a reader starts (contract 25). */
export type ReaderStart =
  | { from: 'earliest' | 'live' }
  /** An absolute offset. One no longer retained is OFFSET_GONE, or with `skip` a gap to the earliest. */
  | { offset: number; onExpired?: 'error' | 'skip' | undefined }
  | { lastBytes: number }
  | { lastLines: number };

export interface ReaderOptions {
  /** Default: `{ from: 'earliest' }`. */
  start?: ReaderStart | undefined;
  /** Default: the stream's. */
  onLag?: LagPolicy | undefined;
  /** Refuse with STREAM_RECREATED if the stream has another generation. */
  generation?: string | undefined;
  /**
   * Begin with a gap where `from: 'earliest'` or `lastBytes` would reach further back than what is retained (contract
   * 90). The reader has not lost those bytes: they do not count as skipped. Default false.
   */
  reportTrimmed?: boolean | undefined;
  /**
   * `boundary`: where the stream's bytes have a format, begin where that can be understood, and go on at such a place
   * after a gap. `any`, the default: at the byte that is meant.
   */
  join?: 'boundary' | 'any' | undefined;
  /**
   * Reach back, where the stream is kept on disk, to what is there and not in memory any more. Until it has caught up
   * no policy applies to such a reader; from then on its policy does, except that with `drop-oldest` it reads from disk
   * the bytes that it would lose. Default false.
   */
  reachBack?: boolean | undefined;
}

export interface DataRecord {
  type: 'data';
  /** Offset of the first byte. */
  offset: number;
  /** A view of the stream's own memory: to be read, never written. It stays valid for as long as it is held. */
  data: Uint8Array;
}

/**
 * Bytes in place, possibly in several slabs, to be sent on. They are borrowed: they may change with the next append to any
 * stream, unless they are pinned. Readers at the same place get the same object, so that an encoding can see that it has
 * been encoded already.
 */
export interface BorrowedRun {
  type: 'run';
  /** Offset of the first byte. */
  offset: number;
  /** Bytes in all parts. */
  length: number;
  /** Views of the stream's own memory, in order: to be read, never written. */
  parts: readonly Uint8Array[];
}

export interface GapRecord {
  type: 'gap';
  /** Offset of the first byte lost. */
  from: number;
  /** Offset of the first byte after the loss. */
  to: number;
  /** Chunks of which at least one byte was lost. */
  chunks: number;
}

export interface CaughtUpRecord {
  type: 'caught-up';
  offset: number;
}

export interface EndRecord {
  type: 'end';
  offset: number;
  reason: EndReason;
  /** What the writer that ended the stream said of how it ended (contract 100). */
  status?: string | undefined;
}

/** What a read gives. Data and gaps follow each other without overlap or hole. */
export type ReadRecord = DataRecord | GapRecord | CaughtUpRecord | EndRecord;
/** The same, bytes as a run. */
export type RunEvent = BorrowedRun | GapRecord | CaughtUpRecord | EndRecord;

export interface ReadOptions {
  /** Milliseconds to wait; afterwards the error READ_TIMEOUT. Default: wait for ever. 0 does not wait. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}
