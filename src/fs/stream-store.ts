/**
 * Streams for protocols that give all settings of a stream when they create it, and that append, number and close in one
 * step. A file system that has streams offers this beside its files; both are the same streams.
 */
import type { AppendId, Stream } from '../core/index.ts';
import type { Appender } from './appender.ts';
import type { CreateOptions } from './create-options.ts';
import type { StreamSettingsInForce } from './stream-settings.ts';

export interface StreamStore {
  /** @throws STREAM_NOT_FOUND; STREAM_GONE for one that is gone while forks of it are there */
  find(path: string): Promise<StoredStream>;
  /**
   * Creates a stream with its first bytes; or finds that it is there, and exactly as it is asked for: then nothing
   * changes, and the bytes are ignored.
   *
   * @throws STREAM_SETTINGS_DIFFER, STREAM_NAME_TAKEN; STREAM_NOT_FOUND and STREAM_SOURCE_GONE for the source of a fork,
   * OFFSET_GONE, OFFSET_BEYOND_END for its fork point; INVALID_BODY and APPEND_TOO_LARGE for the bytes; limits
   */
  create(path: string, options: CreateStreamOptions): Promise<CreatedStream>;
  /**
   * Appends bytes whole, or nothing of them; the end of the stream, a producer's number and the order of appends are
   * part of the same step.
   *
   * @throws as {@link find}; STREAM_CLOSED, CONTENT_TYPE_DIFFERS, STREAM_SEQ_ORDER, EXPECTED_OFFSET, APPEND_TOO_LARGE, INVALID_BODY;
   * as `Producers.isRepeated`
   */
  append(path: string, append: WholeAppend): Promise<AppendOutcome>;
  /**
   * A stream that is there, for appends that are bytes of its content type and nothing else: no producer, no order, no end.
   * What {@link append} would refuse it for, or has more to do about, is undefined. Absent where every append takes its
   * way.
   */
  appender?(path: string, type: string): StoreAppender | undefined;
  /** Something was read: its time to live begins anew. */
  renew(path: string): Promise<void>;
}

/** Its `append` also throws what {@link StreamStore.append} throws for the bytes. */
export interface StoreAppender extends Appender {
  readonly stream: Stream;
}

export interface StoredStream {
  readonly stream: Stream;
  readonly settings: StreamSettingsInForce;
}

export interface CreateStreamOptions extends CreateOptions {
  /** The first bytes. Of the type JSON: a message, or an array of any number of them. */
  data: Uint8Array;
  /** It is created ended. */
  end: boolean;
  fork?: ForkOptions | undefined;
}

export interface ForkOptions {
  /** The path of the source, in the same file system. */
  source: string;
  /** Where the fork point is, in the source and in the fork; given either of them. Default: the end of the source. */
  offset?: ((stream: StoredStream) => Promise<number>) | undefined;
  /** How far behind that it is: bytes, or messages of a stream of JSON. */
  beyond: number;
}

export interface CreatedStream extends StoredStream {
  /** False where it was there. */
  readonly isNew: boolean;
}

export interface WholeAppend {
  /** Of the type JSON: a message, or an array of one or more of them. */
  data: Uint8Array;
  /** What the bytes are said to be; undefined where there are none. */
  type: string | undefined;
  end: boolean;
  producer: AppendId | undefined;
  /** Must be larger than that of the last append that had one, byte by byte. */
  seq: string | undefined;
  /** Where the stream must end for it to be appended, given the stream; undefined: at no place of this one. */
  expectedEnd?: ((stream: Stream) => number | undefined) | undefined;
}

export interface AppendOutcome extends StoredStream {
  /** A producer had appended this before. */
  readonly isRepeated: boolean;
  /** The highest number of the producer that has been applied, where there is one. */
  readonly producerSeq: number | undefined;
}
