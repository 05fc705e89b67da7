/**
 * The stream interface for protocols that pass all settings when they create a stream, and that append, check sequence
 * numbers and end in one step. A file system with streams offers this in addition to its file interface; both give
 * access to the same streams.
 */
import type { AppendId, Stream } from '../core/index.ts';
import type { Appender } from './appender.ts';
import type { CreateOptions } from './create-options.ts';
import type { StreamSettingsInForce } from './stream-settings.ts';

export interface StreamStore {
  /** @throws STREAM_NOT_FOUND; STREAM_GONE for a removed stream that still has forks */
  find(path: string): Promise<StoredStream>;
  /**
   * Creates a stream with its first bytes. If it already exists with exactly these settings, nothing changes and the
   * bytes are ignored.
   *
   * @throws STREAM_SETTINGS_DIFFER, STREAM_NAME_TAKEN; STREAM_NOT_FOUND and STREAM_SOURCE_GONE for the source of a
   * fork, OFFSET_GONE, OFFSET_BEYOND_END for its fork point; INVALID_BODY and APPEND_TOO_LARGE for the bytes; limits
   */
  create(path: string, options: CreateStreamOptions): Promise<CreatedStream>;
  /**
   * Appends all of the bytes or none. Ending the stream and checking the producer's sequence number and the order of
   * appends are part of the same step.
   *
   * @throws as {@link find}; STREAM_CLOSED, CONTENT_TYPE_DIFFERS, STREAM_SEQ_ORDER, EXPECTED_OFFSET, APPEND_TOO_LARGE,
   * INVALID_BODY; as `Producers.isRepeated`
   */
  append(path: string, append: WholeAppend): Promise<AppendOutcome>;
  /**
   * Opens an existing stream for plain appends of its content type, without a producer, an order or an end. Returns
   * undefined if {@link append} would refuse the append or has more to do. Absent if every append must use {@link
   * append}.
   */
  appender?(path: string, type: string): StoreAppender | undefined;
  /** Restarts the time to live of a stream after a read. */
  renew(path: string): Promise<void>;
}

/** Its `append` also throws the errors of {@link StreamStore.append} for the bytes. */
export interface StoreAppender extends Appender {
  readonly stream: Stream;
}

export interface StoredStream {
  readonly stream: Stream;
  readonly settings: StreamSettingsInForce;
}

export interface CreateStreamOptions extends CreateOptions {
  /** The first bytes. For JSON streams: one message, or an array of any number of messages. */
  data: Uint8Array;
  /** Whether the stream is created as ended. */
  end: boolean;
  fork?: ForkOptions | undefined;
}

export interface ForkOptions {
  /** The path of the source, in the same file system. */
  source: string;
  /** Computes the fork point, for the source or for an existing fork. Default: the end of the source. */
  offset?: ((stream: StoredStream) => Promise<number>) | undefined;
  /** The distance of the fork point after `offset`: in bytes, or in messages for JSON streams. */
  beyond: number;
}

export interface CreatedStream extends StoredStream {
  /** False if the stream already existed. */
  readonly isNew: boolean;
}

export interface WholeAppend {
  /** For JSON streams: one message, or an array of one or more messages. */
  data: Uint8Array;
  /** The declared content type of the bytes; undefined if there are none. */
  type: string | undefined;
  end: boolean;
  producer: AppendId | undefined;
  /**
   * The Stream-Seq of the append. Must be greater, compared byte by byte, than that of the last append that had one.
   */
  seq: string | undefined;
  /** The required end offset of the given stream; undefined: no offset of this stream matches. */
  expectedEnd?: ((stream: Stream) => number | undefined) | undefined;
}

export interface AppendOutcome extends StoredStream {
  /** The producer had already appended this. */
  readonly isRepeated: boolean;
  /** The highest applied sequence number of the producer, if there is one. */
  readonly producerSeq: number | undefined;
}
