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
import type { Logger } from '../logging/index.ts';

/** What a log is made with. */
export interface LogOptions {
  /** Where it is, with what it needs to get in. Neither is ever to stand in a text that this gives, logs or throws. */
  readonly url: URL;
  /** Names this process among those that share the log; never two at a time. */
  readonly node: string;
  /** What the names of all that it keeps begin with. */
  readonly prefix: string;
  /** Milliseconds for which a call waits for a log that is away, before it is LOG_UNAVAILABLE. */
  readonly deadline: number;
  readonly limits: LogLimits;
  readonly logger: Logger;
}

/** The same on all nodes. Infinity: any number. */
export interface LogLimits {
  readonly maxStreams: number;
  /** Idle producers that are remembered of each stream; the one that has been idle for longest is forgotten for another. */
  readonly maxProducers: number;
  /** Milliseconds after which an idle producer is forgotten; 0: never. */
  readonly producerTtl: number;
}

/** Whether the log can be reached. */
export interface LogState {
  readonly isConnected: boolean;
  /** Since when. */
  readonly since: number;
  /** Why it is not connected, or what it refused last; undefined where nothing is wrong. */
  readonly problem: string | undefined;
}

/** What there was to mend: counters since the start. */
export interface LogCounters {
  /** Calls that were repeated, because a connection was cut or the log asked for it. */
  readonly retries: number;
  /** Times a log that had lost its newest bytes was given them back by this node. */
  readonly heals: number;
  /** Times it had other bytes than this node, or another life of a stream in place of the one that had been followed. */
  readonly forks: number;
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

export interface NewStream extends StreamTerms {
  readonly path: string;
  /** Its first bytes, in the step that makes it: as {@link LogBatch.chunks}. */
  readonly chunks?: readonly Uint8Array[] | undefined;
  /** It is made ended. */
  readonly isEnded?: boolean | undefined;
}

/** What a stream is given at its creation, and may be given anew. */
export interface StreamTerms {
  /** Bytes the log keeps of it: its newest. */
  readonly retention: number;
  /** Milliseconds without an append, a touch or a renewal after which it is removed; undefined: never. */
  readonly ttl: number | undefined;
  /** When it expires regardless of use; undefined: never. */
  readonly expiresAt: number | undefined;
  readonly facts: string;
}

/** Chunks of one stream that are appended together: all or none, one behind the other. */
export interface LogBatch {
  readonly path: string;
  readonly generation: string;
  /**
   * Each becomes a chunk; none is empty, at most 64 KiB each and 1 MiB together. At least one, but for an end, and for a
   * producer's part: without any, the last part makes the append whole, and another changes nothing and asks what has been applied. They are the log's to keep:
   * a follower of this node may be given the same memory.
   */
  readonly chunks: readonly Uint8Array[];
  /** Whose they are, where a producer numbers its appends: applied once, whichever node it comes to. */
  readonly producer: ProducerPart | undefined;
  /**
   * Must be larger than that of the last batch of the stream that had one, byte by byte, or nothing is appended:
   * STREAM_SEQ_ORDER.
   */
  readonly order?: string | undefined;
  /** Where the stream must end before them, or nothing is appended: EXPECTED_OFFSET. Of what a producer repeats nothing is asked. */
  readonly expectedEnd?: number | undefined;
  /** The stream ends with them, in the same step. Of one that has ended, where there are no chunks, this is harmless. */
  readonly isEnd?: boolean | undefined;
}

/**
 * A part of a producer's append, by the rules of src/core/producers.ts. Of what it brings, the bytes that have been applied
 * already are left out: an attempt begins with the first byte of the append each time, at whichever node.
 *
 * Refused are: PRODUCER_FENCED, PRODUCER_EPOCH_START and PRODUCER_GAP as there; PRODUCER_GAP, with `expected_seq: 0` and
 * `forgotten_to`, also for a part that begins behind what has been applied (`from` > applied: the producer was forgotten
 * meanwhile); PRODUCER_MISMATCH with `applied` for a last part that ends before that. A repetition of what was applied whole
 * is answered also after the stream has ended.
 */
export interface ProducerPart extends AppendId {
  /** Bytes of this append that come before this part. */
  readonly from: number;
  /** Whether the append is whole with it. */
  readonly isLast: boolean;
}

export interface Appended {
  /** The offset behind the last byte of the batch, or where it was appended before. */
  readonly endOffset: number;
  /** The producer's append had been applied whole before: nothing was appended. */
  readonly isRepeated: boolean;
  /** Bytes of the producer's append that are applied now; 0 once it is whole, and without a producer. */
  readonly applied: number;
  /** The highest number of the producer that has been applied whole; -1 for none, and without a producer. */
  readonly lastSeq: number;
}

/**
 * The events of one life of a stream, in order, each byte once: a mirror's side of the log. A mirror begins empty, at 0:
 * where the log no longer has the first bytes, the first event is a gap.
 */
export interface LogSink {
  /** Where the mirror ends: the offset of what comes next. */
  readonly endOffset: number;
  /** Chunks that end at or before that, those of gaps included. */
  readonly chunkCount: number;
  /** Chunks as they were appended; the first begins at {@link endOffset}. They are the receiver's to keep. */
  data(chunks: readonly Uint8Array[]): void;
  /** The bytes up to `offset` left the log before this mirror had them. @param chunks number of chunks that end among them */
  gap(offset: number, chunks: number): void;
  /** No bytes follow. `removed` or `expired` may follow `ended`; nothing follows those. */
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
  /**
   * Settles when the mirror has all that the log had when it was asked for, and also when the stream is over or the follower
   * closed. Never rejects: while the log is away it waits.
   */
  readonly caughtUp: Promise<void>;
  close(): void;
}

export interface StreamChange {
  readonly modifiedAt?: number | undefined;
  readonly terms?: StreamTerms | undefined;
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
  readonly counters: LogCounters;
  /** Called when {@link state} has changed. */
  onState: (() => void) | undefined;
  /** Connects. Rejects only for what will not go away by waiting, such as wrong credentials. */
  start(): Promise<void>;
  find(path: string): Promise<StreamState | undefined>;
  /** Gives the stream that is there, or makes it. @throws IS_A_DIRECTORY, NOT_A_DIRECTORY, STREAM_LIMIT */
  create(stream: NewStream): Promise<{ stream: StreamState; isNew: boolean }>;
  /**
   * Done when the log has it and, where this node follows the stream, its follower as well. Calls may overlap: their order is
   * the order in the stream. What comes in one turn goes out together.
   */
  append(batch: LogBatch): Promise<Appended>;
  /**
   * `ended`: what is retained stays readable. Otherwise the path is free. Ending twice is harmless: the first status stays.
   * Gives the stream as it was left.
   *
   * @throws STREAM_NOT_FOUND, STREAM_RECREATED
   */
  finish(path: string, generation: string, end: LogEnd): Promise<StreamState>;
  /**
   * Begins its time to live anew; with `modifiedAt`, sets that as well; with `terms`, replaces those.
   *
   * @throws STREAM_NOT_FOUND, STREAM_RECREATED
   */
  update(path: string, generation: string, change: StreamChange): Promise<void>;
  /** Tells the sink all that follows its end, until the follower is closed or the stream is over. */
  follow(path: string, generation: string, sink: LogSink): LogFollower;
  /** What lies directly in a directory, in the order of the UTF-8 bytes of the names, behind `after`. */
  list(directory: string, after: string | undefined, limit: number): Promise<readonly LogChild[]>;
  close(): Promise<void>;
}
