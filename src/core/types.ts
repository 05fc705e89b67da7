import type { EndReason, LagPolicy } from '../protocol/words.ts';

/** The types and constants of the core. docs/protocol.md has the glossary of their terms. */

/** The largest chunk, in bytes; a longer append is split into several (contract 21). */
export const MAX_CHUNK = 64 * 1024;

/** The largest offset a stream can reach. JavaScript numbers beyond it are not exact (contract 15). */
export const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

export { type EndReason, LAG_POLICIES, type LagPolicy } from '../protocol/words.ts';

/** Where a reader starts (contract 25). */
export type ReaderStart =
  | { from: 'earliest' | 'live' }
  /**
   * An absolute offset. If it is no longer retained, opening fails with OFFSET_GONE, or with `skip` begins with a gap
   * up to the earliest retained offset.
   */
  | { offset: number; onExpired?: 'error' | 'skip' | undefined }
  | { lastBytes: number }
  | { lastLines: number };

export interface ReaderOptions {
  /** Default: `{ from: 'earliest' }`. */
  start?: ReaderStart | undefined;
  /** Default: the policy of the stream. */
  onLag?: LagPolicy | undefined;
  /** Fail with STREAM_RECREATED if the stream has another generation. */
  generation?: string | undefined;
  /**
   * Begin with a gap if `from: 'earliest'` or `lastBytes` reaches further back than the retained bytes (contract 90).
   * The reader has not lost those bytes, so they do not count as skipped. Default false.
   */
  reportTrimmed?: boolean | undefined;
  /**
   * `boundary`: if the stream's bytes have a known format, start, and resume after each gap, at a place where that
   * format can be decoded. `any`, the default: start at exactly the requested byte.
   */
  join?: 'boundary' | 'any' | undefined;
  /**
   * Also read bytes that are no longer in memory, if the stream is kept on disk. No lag policy applies to such a reader
   * until it has caught up. After that its own policy applies, except that with `drop-oldest` it reads from disk the
   * bytes that it would otherwise lose. Default false.
   */
  reachBack?: boolean | undefined;
}

export interface DataRecord {
  type: 'data';
  /** Offset of the first byte. */
  offset: number;
  /** A view of the stream's own memory. Do not write to it. It stays valid for as long as it is referenced. */
  data: Uint8Array;
}

/**
 * Bytes of a stream without a copy, possibly in several slabs, to be sent on. They are borrowed: the next append to any
 * stream may change them unless they are pinned. Readers at the same position get the same object, so that an encoder
 * can detect that the run is already encoded.
 */
export interface BorrowedRun {
  type: 'run';
  /** Offset of the first byte. */
  offset: number;
  /** Total bytes in all parts. */
  length: number;
  /** Views of the stream's own memory, in order. Do not write to them. */
  parts: readonly Uint8Array[];
}

export interface GapRecord {
  type: 'gap';
  /** Offset of the first byte lost. */
  from: number;
  /** Offset of the first byte after the loss. */
  to: number;
  /** Chunks that lost at least one byte. */
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
  /** The end status that the writer gave (contract 100). */
  status?: string | undefined;
}

/** The result of a read. Data and gaps are contiguous: they neither overlap nor leave holes. */
export type ReadRecord = DataRecord | GapRecord | CaughtUpRecord | EndRecord;
/** Like {@link ReadRecord}, but with the bytes as a run. */
export type RunEvent = BorrowedRun | GapRecord | CaughtUpRecord | EndRecord;

export interface ReadOptions {
  /** Milliseconds to wait before failing with READ_TIMEOUT. 0 does not wait. Default: no limit. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}
