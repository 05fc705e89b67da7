/**
 * The interfaces of streams and readers that `streamfsd/core` publishes. The classes that implement them have more
 * members, for the server and the plugins (internal.ts).
 *
 * Units: offsets and sizes are bytes, times are milliseconds. Offsets are absolute: the first byte ever written to a
 * stream has offset 0, or `firstOffset`.
 */
import type { StreamFSError } from '../errors/index.ts';
import type { EndReason, GapRecord, LagPolicy, ReaderOptions, ReaderStart, ReadOptions, ReadRecord } from './types.ts';

/**
 * An append-only stream of bytes, kept in memory up to a bound. Any number of readers read it, each from its own start.
 * All readers see the same bytes in the same order.
 *
 * @example
 * ```ts
 * import { Stream } from 'streamfsd/core';
 *
 * const stream = new Stream({ retention: 1024 * 1024, maxLag: 1024 * 1024 });
 * const reader = stream.openReader();
 * stream.append(new TextEncoder().encode('hello'));
 * stream.end();
 * for await (const record of reader) {
 *   if (record.type === 'data') console.log(record.offset, new TextDecoder().decode(record.data));
 *   if (record.type === 'end') console.log('end at', record.offset, record.reason);
 * }
 * ```
 */
export interface Stream {
  /** The name given at creation, if any. */
  readonly name: string | undefined;
  /**
   * Distinguishes this stream from every other stream, including earlier ones of the same name. 20 hexadecimal digits,
   * unless another value was given at creation.
   */
  readonly generation: string;
  /** Creation time, in milliseconds since 1970. */
  readonly createdAt: number;
  /** Time of the last write or touch, in milliseconds since 1970. */
  readonly modifiedAt: number;
  /** The number of newest bytes kept for readers that join later. At least 1. */
  readonly retention: number;
  /** Bytes that a reader may lag once it has caught up. At least 1. */
  readonly maxLag: number;
  /** What happens to a reader that lags further, unless it was opened with another policy. */
  readonly onLag: LagPolicy;
  /**
   * The oldest offset that a new reader may start at: `retention` bytes before the end, 0 while fewer bytes were
   * written, or later if a memory budget forced an eviction.
   */
  readonly startOffset: number;
  /** The offset of the next byte to be written. At most 2^53 - 1. */
  readonly endOffset: number;
  /** Bytes ever written. */
  readonly totalWritten: number;
  /** Why the stream has ended; undefined while it is open for writing. */
  readonly endReason: EndReason | undefined;
  /** The end status that the writer gave, such as `exit 3`. */
  readonly endStatus: string | undefined;
  /** The stream that this one was forked from, if any. */
  readonly origin: StreamOrigin | undefined;
  /** The number of open readers. */
  readonly readerCount: number;
  /** Bytes lost by all readers, including closed ones. */
  readonly skippedBytes: number;
  /** Chunks that lost at least one byte, counted for each reader, including closed ones. */
  readonly skippedChunks: number;

  /**
   * Appends bytes immediately, regardless of how far readers lag, and returns the new end offset. The bytes are copied:
   * the caller may reuse its memory as soon as this returns. They become chunks of at most `MAX_CHUNK` bytes (64 KiB).
   * An empty array changes nothing.
   *
   * If it throws, nothing was written.
   *
   * @throws STREAM_CLOSED after the end, STREAM_SHUT_DOWN after an end with the reason `shutdown`, STREAM_FULL if the
   * end offset would exceed 2^53 - 1, TypeError for anything but an array of bytes, such as a string
   */
  append(bytes: Uint8Array): number;

  /**
   * Appends like {@link append}, but waits for readers with the policy `block`. No other `write` is interleaved with
   * this one. Bytes that have to wait are copied: the caller may reuse its memory as soon as this returns.
   *
   * @returns undefined if everything has been written already, otherwise a promise that settles when it has. If the
   * stream ends in the middle of a long write, the bytes written until then stay and the promise is rejected
   * @throws like {@link append}
   * @example
   * ```ts
   * import { Stream } from 'streamfsd/core';
   *
   * const stream = new Stream({ retention: 4096, maxLag: 4096, onLag: 'block' });
   * await stream.write(new Uint8Array(1000));
   * ```
   */
  write(bytes: Uint8Array): void | Promise<void>;

  /** Sets the modification time to now. */
  touch(): void;

  /**
   * Ends the stream: nothing more can be written. Readers get all remaining bytes, then the end. Retained bytes stay
   * readable. Ending an ended stream has no effect: the first reason and status stay.
   *
   * @param reason default `ended`
   * @param status the end status given by the writer, such as `exit 3`
   * @throws INVALID_PARAMETER for a status that is too long or contains anything but visible ASCII and single spaces
   */
  end(reason?: EndReason, status?: string): void;

  /**
   * Opens a reader. Close it, or leave its iteration, when it is no longer needed.
   *
   * @throws OFFSET_GONE for an offset that is no longer retained, OFFSET_BEYOND_END for one beyond the end of an ended
   * stream, STREAM_RECREATED for another generation, INVALID_PARAMETER for an invalid start or policy
   * @example
   * ```ts
   * import { Stream } from 'streamfsd/core';
   *
   * const stream = new Stream({ retention: 4096, maxLag: 4096 });
   * stream.append(new TextEncoder().encode('one\ntwo\nthree\n'));
   * const reader = stream.openReader({ start: { lastLines: 1 }, onLag: 'disconnect' });
   * console.log(reader.cursor); // 8
   * reader.close();
   * ```
   */
  openReader(options?: ReaderOptions): Reader;

  /** @throws STREAM_RECREATED if `expected` is not this stream's generation */
  requireGeneration(expected: string): void;

  /** The open readers, in the order in which they were opened. */
  readers(): IterableIterator<Reader>;

  /**
   * A copy of the retained bytes from a start on; `offset` is the offset of its first byte.
   *
   * @param start default: the earliest retained offset
   * @throws like {@link openReader}
   */
  snapshot(start?: ReaderStart): { data: Uint8Array; offset: number };

  /** A consistent snapshot of facts and counters. */
  stats(): StreamStats;
}

/**
 * A reader of a stream: a cursor, and counters of the bytes delivered and lost. It has no queue, so a reader that is
 * not being read costs almost nothing and never delays another. Create readers only with {@link Stream.openReader}: the
 * server rejects other objects of this shape.
 */
export interface Reader extends AsyncIterable<ReadRecord> {
  readonly stream: Stream;
  /** Unique within this process. A reader that was opened later has a larger id. */
  readonly id: number;
  /** What happens when the reader lags by more than {@link allowedLag}. */
  readonly policy: LagPolicy;
  /** When the reader was opened, in milliseconds since 1970. */
  readonly openedAt: number;
  /** The offset at which the reader was opened. */
  readonly startCursor: number;
  /** The offset of the next byte to be read. */
  readonly cursor: number;
  /**
   * The offset of the next byte that a read can return: the cursor, or the end of a gap that the reader begins with.
   */
  readonly nextOffset: number;
  /** Bytes between the cursor and the end of the stream; 0 if the cursor is beyond the end. */
  readonly lag: number;
  /**
   * Bytes that the reader may lag: `maxLag` of the stream once it has caught up, and everything that is kept until
   * then.
   */
  readonly allowedLag: number;
  /** True once the reader has reached the end of the stream since it was opened or moved. */
  readonly hasCaughtUp: boolean;
  /** True after {@link close}, or after the reader was disconnected for being too slow. */
  readonly isClosed: boolean;
  /** Bytes of memory held for this reader alone: its queue with the policy `drop-newest`, otherwise 0. */
  readonly heldMemory: number;
  /** Bytes delivered. */
  readonly receivedBytes: number;
  /** Chunks whose last byte was delivered. */
  readonly receivedChunks: number;
  /** Bytes lost: the sum of all gaps, except one reported because of `reportTrimmed`. */
  readonly skippedBytes: number;
  /** Chunks that lost at least one byte. */
  readonly skippedChunks: number;

  /**
   * Waits for the next record: a chunk as it was written, a gap, a caught-up record or the end. After the end, every
   * read returns the end again. The bytes of a chunk stay unchanged for as long as they are referenced.
   *
   * @throws READ_TIMEOUT if nothing arrived in time, READER_TOO_SLOW if the reader was disconnected (policies
   * `disconnect` and `block`), READER_CLOSED, READER_BUSY for a second read at the same time, or the abort reason of
   * the signal
   * @example
   * ```ts
   * import { Stream } from 'streamfsd/core';
   *
   * const stream = new Stream({ retention: 4096, maxLag: 4096 });
   * const reader = stream.openReader();
   * stream.append(new Uint8Array(10));
   * const record = await reader.read({ timeout: 1000 });
   * if (record.type === 'data') console.log(record.data.length); // 10
   * reader.close();
   * ```
   */
  read(options?: ReadOptions): Promise<ReadRecord>;

  /** Yields all records; the end is the last. Leaving the loop closes the reader. */
  [Symbol.asyncIterator](): AsyncGenerator<ReadRecord, void, undefined>;

  /**
   * Moves the cursor to an absolute offset. If it is beyond the end of a stream that has not ended, reads wait until
   * the stream reaches it.
   *
   * @throws OFFSET_GONE, OFFSET_BEYOND_END, INVALID_PARAMETER for anything but a whole number from 0 to 2^53 - 1
   */
  seek(offset: number): void;

  /** Frees the reader. A pending read is rejected with READER_CLOSED. Closing a closed reader has no effect. */
  close(): void;
}

/** Callbacks for events of a stream. They are called synchronously: they must be fast and must not throw. */
export interface StreamObserver {
  /** A reader has lost bytes. */
  gap?: ((stream: Stream, reader: Reader, gap: GapRecord) => void) | undefined;
  /** A reader was disconnected for being too slow. */
  tooSlow?: ((stream: Stream, reader: Reader, error: StreamFSError) => void) | undefined;
  /** A reader was closed; `stream.readerCount` no longer counts it. */
  readerClosed?: ((stream: Stream) => void) | undefined;
  /** The stream has ended: nothing more can be written. */
  ended?: ((stream: Stream) => void) | undefined;
}

/** The options that several streams can share. */
export interface StreamRulesOptions {
  /** The exact number of newest bytes kept for readers that join later. A whole number from 1. */
  retention: number;
  /** Bytes that a reader may lag once it has caught up. A whole number from 1. */
  maxLag: number;
  /** What happens to a reader that lags further. Default `drop-oldest`. */
  onLag?: LagPolicy | undefined;
  /**
   * Milliseconds that writers wait for a reader with the policy `block` before it is disconnected. From 0. Default
   * 5000.
   */
  blockTimeout?: number | undefined;
  /** The clock: milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  observer?: StreamObserver | undefined;
  /**
   * A budget that several streams share. When it is exhausted, the oldest bytes of the largest streams are evicted.
   * Default: no limit.
   */
  budget?: MemoryBudget | undefined;
}

/** The options that belong to one stream. */
export interface StreamIdentity {
  /** A name chosen by the owner, such as the stream's path. Informational only. */
  name?: string | undefined;
  /** Default: a new random generation. */
  generation?: string | undefined;
  /** The offset of the first byte: a whole number from 0 to 2^53 - 1. Default 0. */
  firstOffset?: number | undefined;
  /** The stream that this one was forked from, if any. */
  origin?: StreamOrigin | undefined;
  /** Creation time, in milliseconds since 1970. Default: now. */
  createdAt?: number | undefined;
}

/** The stream that a fork inherited its first bytes from. */
export interface StreamOrigin {
  readonly generation: string;
  /** The fork point: the offset after the last inherited byte. */
  readonly to: number;
  /** The origin of that stream, if it was itself a fork. */
  readonly origin: StreamOrigin | undefined;
}

/** The options of a new stream. An invalid value is rejected with a RangeError or INVALID_PARAMETER that names it. */
export interface StreamOptions extends StreamIdentity, StreamRulesOptions {}

/** A consistent snapshot of facts and counters of a stream. */
export interface StreamStats {
  generation: string;
  startOffset: number;
  endOffset: number;
  /** Bytes ever written. */
  totalWritten: number;
  /** Chunks ever written. */
  totalChunks: number;
  /** Bytes available to a new reader: `endOffset - startOffset`. */
  retained: number;
  /** Bytes of memory held for the stream's bytes and its chunk index. */
  memory: number;
  /** The number of open readers. */
  readers: number;
  /** The largest lag of any open reader, in bytes. */
  maxReaderLag: number;
  /** Bytes lost by all readers, including closed ones. */
  skippedBytes: number;
  /** Chunks that lost at least one byte, counted for each reader, including closed ones. */
  skippedChunks: number;
  /** Bytes delivered to all readers, including closed ones. */
  deliveredBytes: number;
  /** Chunks whose last byte was delivered, counted for each reader, including closed ones. */
  deliveredChunks: number;
  /** Why the stream has ended; undefined while it is open for writing. */
  ended: EndReason | undefined;
  /** The end status that the writer gave. */
  endStatus: string | undefined;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** Milliseconds since 1970. */
  modifiedAt: number;
}

/**
 * One limit for the memory of many streams and of everything else that is charged to it. When the limit is reached, the
 * history of streams is evicted, and {@link tryTake} refuses.
 *
 * @example
 * ```ts
 * import { MemoryBudget, Stream } from 'streamfsd/core';
 *
 * const budget = new MemoryBudget(64 * 1024 * 1024);
 * const rules = { retention: 8 * 1024 * 1024, maxLag: 1024 * 1024, budget };
 * const streams = Array.from({ length: 20 }, () => new Stream(rules));
 * for (const stream of streams) stream.append(new Uint8Array(8 * 1024 * 1024));
 * console.log(budget.used <= budget.limit); // true
 * ```
 */
export interface MemoryBudget {
  /** Bytes; Infinity for no limit. */
  readonly limit: number;
  /** Bytes in use: the sum of fixed, history and queued. */
  readonly used: number;
  /** Bytes reserved by {@link tryTake} and not released. */
  readonly fixed: number;
  /** Bytes that streams retain. */
  readonly history: number;
  /** Bytes that streams have evicted and that sockets still have to send. */
  readonly queued: number;
  /** The peak of {@link used}, in bytes. */
  readonly peak: number;
  /** Bytes that were evicted because the limit was reached. */
  readonly givenUp: number;
  /** The number of streams that share the budget. */
  readonly holderCount: number;
  /** Buffers with several holders, each charged once. */
  readonly shared: SharedBuffers;
  /** Reserves memory. Returns false, and reserves nothing, if there is no room. Release it with {@link give}. */
  tryTake(bytes: number): boolean;
  /** Releases memory reserved by {@link tryTake}. */
  give(bytes: number): void;
}

/** Buffers that have several holders. Each is charged once, for as long as it has a holder. */
export interface SharedBuffers {
  /** Registers memory that its owner has already been charged for. The owner must call {@link release}. */
  adopt(data: Uint8Array): void;
  /**
   * Charges for the memory of `data`, once for all holders; buffers below 8 KiB are not counted. Each call needs a
   * matching {@link release}.
   *
   * @throws MEMORY_LIMIT
   */
  hold(data: Uint8Array): void;
  /** Ends a hold or an adoption. The last release returns the memory to the budget. */
  release(data: Uint8Array): void;
}
