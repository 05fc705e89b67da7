/**
 * What a log is: it decides the order of appends outside this process, so that any number of processes (nodes) serve the
 * same streams.
 *
 *     writer ─► log: order, offsets, producers ─► mirror: a local stream ─► ring ─► readers
 *
 * A node keeps a mirror of each stream that is read or written there: a local ring, fed by the log. Readers never see the
 * log. Paths are those of the mount's file system, offsets are bytes from 0, times are milliseconds since 1970.
 *
 * Every log passes the suite in ./contract.
 */
import type { AppendId } from '../core/index.ts';

/** Whether the log can be reached. */
export interface LogState {
  readonly isConnected: boolean;
  /** Since when. */
  readonly since: number;
  /** Why it is not connected, or what it refused last; undefined where nothing is wrong. */
  readonly problem: string | undefined;
}

/** What the log says of a stream. */
export interface StreamState {
  readonly path: string;
  readonly generation: string;
  /** The offset of the oldest byte that can be read back. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** Chunks ever appended. */
  readonly chunkCount: number;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** Undefined while it may be appended to. */
  readonly end: LogEnd | undefined;
  /** What its creator gave it: text of JSON that the log keeps and does not read. */
  readonly facts: string;
}

export interface LogEnd {
  readonly reason: 'ended' | 'removed' | 'expired';
  readonly status: string | undefined;
}

export interface NewStream {
  readonly path: string;
  /** Bytes the log keeps of it: its newest. */
  readonly retention: number;
  /** Milliseconds without an append, a touch or a renewal after which it is removed; undefined: never. */
  readonly ttl: number | undefined;
  /** When it is removed whatever happens; undefined: never. */
  readonly expiresAt: number | undefined;
  readonly facts: string;
}

/** Chunks of one stream that are appended together: all or none, one behind the other. */
export interface LogBatch {
  readonly path: string;
  readonly generation: string;
  /** At least one; none is empty; each becomes a chunk. */
  readonly chunks: readonly Uint8Array[];
  /** Whose they are, where a producer numbers its appends: applied once, whichever node it comes to. */
  readonly producer: ProducerPart | undefined;
}

/** A part of a producer's append. */
export interface ProducerPart extends AppendId {
  /** Bytes of this append that come before this part. */
  readonly from: number;
  /** Whether the append is whole with it. */
  readonly isLast: boolean;
}

export interface Appended {
  /** The offset behind the last byte of the batch, or where it was appended before. */
  readonly endOffset: number;
  /** A producer's part that had been applied already: nothing was appended. */
  readonly isRepeated: boolean;
}

/** What a follower is told of one life of a stream, in order, each byte once. It is a mirror's side of the log. */
export interface LogSink {
  /** Where the mirror ends: the offset of what comes next. */
  readonly endOffset: number;
  /** Chunks as they were appended; the first begins at {@link endOffset}. They are the receiver's to keep. */
  data(chunks: readonly Uint8Array[]): void;
  /** The bytes up to `offset` left the log before this mirror had them. @param chunks so many ended among them */
  gap(offset: number, chunks: number): void;
  /** Nothing follows. */
  end(end: LogEnd): void;
  /** The log holds another life of the path, or other bytes than this mirror has: this mirror is over. */
  replaced(): void;
  /**
   * The chunks from `offset` to {@link endOffset}, for a log that has lost its newest bytes; undefined where the mirror
   * does not have all of them any more.
   */
  retained(offset: number): readonly Uint8Array[] | undefined;
}

export interface LogFollower {
  /** Settles when the mirror has all that the log had when it was asked for. */
  readonly caughtUp: Promise<void>;
  close(): void;
}

/** One line of a listing. */
export type LogChild =
  | { readonly name: string; readonly stream: StreamState }
  | { readonly name: string; readonly stream: undefined };

/**
 * Errors are those of the table: STREAM_NOT_FOUND, STREAM_RECREATED, STREAM_CLOSED, STREAM_FULL, the producers' errors,
 * LOG_UNAVAILABLE where the log cannot be reached within its deadline, LOG_FULL where it has no memory for more. What is
 * repeated by the log itself, over a connection that was cut, is applied once.
 */
export interface Log {
  /** What it is and where, without credentials. */
  readonly name: string;
  readonly state: LogState;
  /** Called when {@link state} has changed. */
  onState: (() => void) | undefined;
  /** Connects. Rejects only for what will not go away by waiting, such as wrong credentials. */
  start(): Promise<void>;
  find(path: string): Promise<StreamState | undefined>;
  /** Gives the stream that is there, or makes it. @throws IS_A_DIRECTORY, NOT_A_DIRECTORY, STREAM_LIMIT */
  create(stream: NewStream): Promise<{ stream: StreamState; isNew: boolean }>;
  /** Done when the log has it. A writer is told later: when its node's mirror has it. */
  append(batch: LogBatch): Promise<Appended>;
  /** `ended`: what is retained stays readable. Otherwise the path is free. Ending twice is harmless. */
  finish(path: string, generation: string, end: LogEnd): Promise<StreamState>;
  /** Begins its time to live anew; with `modifiedAt`, sets that as well; with `facts`, replaces them. */
  update(path: string, generation: string, change: { modifiedAt?: number; facts?: string }): Promise<void>;
  /** Tells the sink all that follows its end, until the follower is closed or the stream is over. */
  follow(path: string, generation: string, sink: LogSink): LogFollower;
  /** What lies directly in a directory, by name, behind `after`. */
  list(directory: string, after: string | undefined, limit: number): Promise<readonly LogChild[]>;
  close(): Promise<void>;
}
