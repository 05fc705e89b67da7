/**
 * What programs see of streams and readers: the interfaces that `streamfsd/core` publishes. The classes behind them have
 * more, for the server and the plugins (internal.ts).
 *
 * Units: offsets and sizes are bytes, times are milliseconds. Offsets are absolute: the first byte ever written to a
 * stream has offset 0, or `firstOffset`.
 */
import type { StreamFSError } from '../errors/index.ts';
import type { EndReason, GapRecord, LagPolicy, ReaderOptions, ReaderStart, ReadOptions, ReadRecord } from './types.ts';

/**
 * A stream of bytes: written at its end, kept in memory up to a bound, read by any number of readers, each from where it
 * wants. All readers see the same bytes in the same order.
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
  /** The name it was made with; undefined if it was made without. */
  readonly name: string | undefined;
  /** Tells this stream from every other, also from one with the same name that was there before: 20 hexadecimal digits unless it was made with another. */
  readonly generation: string;
  /** When it was made, in milliseconds since 1970. */
  readonly createdAt: number;
  /** When it was last written to or touched, in milliseconds since 1970. */
  readonly modifiedAt: number;
  /** Number of newest bytes kept for readers that join later. From 1. */
  readonly retention: number;
  /** Bytes that a reader may fall behind once it has caught up. From 1. */
  readonly maxLag: number;
  /** What happens to a reader that falls further behind, unless it was opened with another policy. */
  readonly onLag: LagPolicy;
  /** The oldest offset that a new reader may start at: `retention` bytes before the end (0 while less was written), or later where a memory budget ran short. */
  readonly startOffset: number;
  /** The offset of the next byte to be written. At most 2^53 - 1. */
  readonly endOffset: number;
  /** Bytes ever written. */
  readonly totalWritten: number;
  /** Why nothing more can be written; undefined while it can. */
  readonly endReason: EndReason | undefined;
  /** What the writer that ended it said of how it ended, such as `exit 3`. */
  readonly endStatus: string | undefined;
  /** Whose bytes it begins with, where it is a fork of another stream. */
  readonly origin: StreamOrigin | undefined;
  /** Readers open now. */
  readonly readerCount: number;
  /** Bytes that readers have lost, of all readers there ever were. */
  readonly skippedBytes: number;
  /** Chunks of which readers have lost at least one byte, of all readers there ever were. */
  readonly skippedChunks: number;

  /**
   * Appends bytes at once, however far readers are behind, and gives the new end offset. The bytes are copied: the caller
   * may reuse its memory as soon as this returns. They become chunks of at most `MAX_CHUNK` bytes (64 KiB). No bytes:
   * nothing happens.
   *
   * @throws STREAM_CLOSED after the end, STREAM_SHUT_DOWN after an end with the reason `shutdown`, STREAM_FULL where the
   * end offset would pass 2^53 - 1, TypeError for what is no array of bytes, such as a text; nothing is written then
   */
  append(bytes: Uint8Array): number;

  /**
   * Appends like {@link append}, but waits for readers with the policy `block`. No other `write` comes in between. What
   * has to wait is copied: the caller may reuse its memory as soon as this returns.
   *
   * @returns undefined where all is written already, otherwise a promise that settles when it is. A stream that ends in
   * the middle of a long write keeps what was written until then, and the promise is rejected
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
   * Ends the stream: nothing more can be written. Readers get all they have not read yet, then the end. What is retained
   * stays readable. Ending twice is harmless: the first reason and its status stay.
   *
   * @param reason default `ended`
   * @param status what the writer says of how it ended, such as `exit 3`
   * @throws INVALID_PARAMETER for a status that is too long or has other characters than visible ASCII
   */
  end(reason?: EndReason, status?: string): void;

  /**
   * Opens a reader. Close it, or leave its iteration, when it is not needed any more.
   *
   * @throws OFFSET_GONE for an offset that is not retained any more, OFFSET_BEYOND_END for one beyond the end of an ended
   * stream, STREAM_RECREATED for another generation, INVALID_PARAMETER for an impossible start or policy
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

  /** The readers open now, in the order in which they were opened. */
  readers(): IterableIterator<Reader>;

  /**
   * A copy of what is retained from a start on; `offset` is the offset of its first byte.
   *
   * @param start default: all that is retained
   * @throws like {@link openReader}
   */
  snapshot(start?: ReaderStart): { data: Uint8Array; offset: number };

  /** Facts and counters, taken at one moment. */
  stats(): StreamStats;
}

/**
 * A reader of a stream: a cursor and the counts of what it was given and lost. It has no queue, so a reader that is not
 * read costs almost nothing and delays no other. Only {@link Stream.openReader} makes readers: the server refuses other
 * objects of this shape.
 */
export interface Reader extends AsyncIterable<ReadRecord> {
  readonly stream: Stream;
  /** A number that no other reader of this process has. A reader opened later has a larger one. */
  readonly id: number;
  /** What happens when it falls behind by more than {@link allowedLag}. */
  readonly policy: LagPolicy;
  /** When it was opened, in milliseconds since 1970. */
  readonly openedAt: number;
  /** The offset it was opened at. */
  readonly startCursor: number;
  /** The offset of the next byte to be read. */
  readonly cursor: number;
  /** The offset of the next byte that a read can give: the cursor, or the end of a gap that the reader begins with. */
  readonly nextOffset: number;
  /** Bytes between the cursor and the end of the stream. 0 for a cursor beyond the end. */
  readonly lag: number;
  /** Bytes it may fall behind: `maxLag` of the stream once it has caught up, all that is kept until then. */
  readonly allowedLag: number;
  /** It has reached the end of the stream once since it was opened or moved. */
  readonly hasCaughtUp: boolean;
  /** It was closed, by {@link close} or because it was too slow. */
  readonly isClosed: boolean;
  /** Bytes of memory kept for this reader alone: what is queued with the policy `drop-newest`, otherwise 0. */
  readonly heldMemory: number;
  /** Bytes delivered. */
  readonly receivedBytes: number;
  /** Chunks of which the last byte was delivered. */
  readonly receivedChunks: number;
  /** Bytes lost: the sum of all gaps. */
  readonly skippedBytes: number;
  /** Chunks of which at least one byte was lost. */
  readonly skippedChunks: number;

  /**
   * Waits for the next record: a chunk as it was written, a gap, the news of having caught up, or the end. After the end
   * it gives the end again. The bytes of a chunk stay as they are for as long as they are referred to.
   *
   * @throws READ_TIMEOUT when nothing came in time, READER_TOO_SLOW when the reader was cut off (policies `disconnect` and
   * `block`), READER_CLOSED, READER_BUSY for a second read at the same time, or the reason of the signal that was aborted
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

  /** All records up to the end, which is the last. Leaving the loop closes the reader. */
  [Symbol.asyncIterator](): AsyncGenerator<ReadRecord, void, undefined>;

  /**
   * Moves the cursor to an absolute offset. One beyond the end of a stream that has not ended waits until the stream gets
   * there.
   *
   * @throws OFFSET_GONE, OFFSET_BEYOND_END, INVALID_PARAMETER for anything but a whole number from 0 to 2^53 - 1
   */
  seek(offset: number): void;

  /** Frees the reader. A read that waits is rejected with READER_CLOSED. Closing twice is harmless. */
  close(): void;
}

/** Told of what happens to a stream. Called synchronously: be quick, and do not throw. */
export interface StreamObserver {
  /** A reader has lost bytes. */
  gap?: ((stream: Stream, reader: Reader, gap: GapRecord) => void) | undefined;
  /** A reader was cut off for being too slow. */
  tooSlow?: ((stream: Stream, reader: Reader, error: StreamFSError) => void) | undefined;
  /** A reader was closed; `stream.readerCount` counts those that are left. */
  readerClosed?: ((stream: Stream) => void) | undefined;
  /** The stream has ended: nothing more can be written. */
  ended?: ((stream: Stream) => void) | undefined;
}

/** What several streams may have in common. */
export interface StreamRulesOptions {
  /** Number of newest bytes kept for readers that join later, exact. A whole number from 1. */
  retention: number;
  /** Bytes that a reader may fall behind once it has caught up. A whole number from 1. */
  maxLag: number;
  /** What happens to a reader that falls further behind. Default `drop-oldest`. */
  onLag?: LagPolicy | undefined;
  /** Milliseconds that writers wait for a reader with the policy `block` before it is cut off. From 0. Default 5000. */
  blockTimeout?: number | undefined;
  /** The time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  observer?: StreamObserver | undefined;
  /** Shared with others: where it runs short, the oldest bytes of the largest streams are given up. Default: no bound. */
  budget?: MemoryBudget | undefined;
}

/** What each stream has for itself. */
export interface StreamIdentity {
  /** What its owner calls it, such as its path. Nothing depends on it. */
  name?: string | undefined;
  /** Default: a new random one. */
  generation?: string | undefined;
  /** The offset of the first byte: a whole number from 0 to 2^53 - 1. Default 0. */
  firstOffset?: number | undefined;
  /** Whose bytes it begins with, where it is a fork. */
  origin?: StreamOrigin | undefined;
  /** When it was made, in milliseconds since 1970. Default: now. */
  createdAt?: number | undefined;
}

/** The stream that a fork has its first bytes from. */
export interface StreamOrigin {
  readonly generation: string;
  /** The fork point: the offset behind the last byte inherited. */
  readonly to: number;
  /** What that stream was itself a fork of. */
  readonly origin: StreamOrigin | undefined;
}

/** What a stream is made with. A RangeError or INVALID_PARAMETER says which value is not possible. */
export interface StreamOptions extends StreamIdentity, StreamRulesOptions {}

/** Facts about a stream, taken at one moment. */
export interface StreamStats {
  generation: string;
  startOffset: number;
  endOffset: number;
  /** Bytes ever written. */
  totalWritten: number;
  /** Chunks ever written. */
  totalChunks: number;
  /** Bytes that a new reader can get: `endOffset - startOffset`. */
  retained: number;
  /** Bytes of memory held for the stream's bytes and the index of its chunks. */
  memory: number;
  /** Readers open now. */
  readers: number;
  /** The largest lag of any of them, in bytes. */
  maxReaderLag: number;
  /** Bytes lost by all readers there ever were. */
  skippedBytes: number;
  /** Chunks of which they lost at least one byte. */
  skippedChunks: number;
  /** Bytes delivered to all readers there ever were. */
  deliveredBytes: number;
  /** Chunks of which the last byte was among them. */
  deliveredChunks: number;
  /** Why nothing more can be written; undefined while it can. */
  ended: EndReason | undefined;
  /** What the writer that ended it said of how it ended. */
  endStatus: string | undefined;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** Milliseconds since 1970. */
  modifiedAt: number;
}

/**
 * One bound for the memory of many streams and of all else that is charged to it. When the bound is reached, history of
 * streams is evicted, and {@link tryTake} refuses.
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
  /** Bytes; Infinity for no bound. */
  readonly limit: number;
  /** Bytes in use: fixed, history and queued. */
  readonly used: number;
  /** Bytes taken by {@link tryTake} and not given back. */
  readonly fixed: number;
  /** Bytes that streams keep. */
  readonly history: number;
  /** Bytes that streams do not keep any more and that still wait in sockets. */
  readonly queued: number;
  /** The most that was ever used, in bytes. */
  readonly peak: number;
  /** Bytes that streams have given up because the bound was reached. */
  readonly givenUp: number;
  /** Streams that share it. */
  readonly holderCount: number;
  /** Of the memory taken, what several have at once. */
  readonly shared: SharedBuffers;
  /** Takes memory; false where there is no room for it: then nothing was taken. {@link give} gives it back. */
  tryTake(bytes: number): boolean;
  /** Gives back what was taken. */
  give(bytes: number): void;
}

/** Memory that several have at once, charged once for as long as one of them has it. */
export interface SharedBuffers {
  /** Takes over memory that its owner has been charged for. {@link release} is to follow. */
  adopt(data: Uint8Array): void;
  /**
   * Charges for the memory behind `data`, once for all who hold it; less than 8 KiB is not counted. Each call needs a call
   * of {@link release}.
   *
   * @throws MEMORY_LIMIT
   */
  hold(data: Uint8Array): void;
  /** Gives up what was adopted or held; the last one to do so gives the memory back. */
  release(data: Uint8Array): void;
}
