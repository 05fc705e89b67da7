/**
 * The interface of a shared log. A log decides the order of appends outside this process, so that any number of
 * processes (nodes) serve the same streams.
 *
 *     writer ─► log: order, offsets, producers ─► mirror: a local stream ─► ring ─► readers
 *
 * A node keeps a mirror of each stream that is read or written there: a local ring, fed by the log. Readers never see
 * the log. Paths are those of the mount's file system, offsets are bytes from 0, times are milliseconds since 1970.
 *
 * Every log passes the suite in ./contract.
 */
import type { AppendId } from '../core/index.ts';
import type { Logger } from '../logging/index.ts';

/** The options of a log. */
export interface LogOptions {
  /** The address, with credentials. Credentials must not appear in any name, log message or error. */
  readonly url: URL;
  /** The name of this process among those that share the log; unique at any time. */
  readonly node: string;
  /** Prefix of all keys and channels of the log. */
  readonly prefix: string;
  /** Milliseconds for which a call waits for an unreachable log before it fails with LOG_UNAVAILABLE. */
  readonly deadline: number;
  readonly limits: LogLimits;
  readonly logger: Logger;
}

/** The same on all nodes. Infinity means no limit. */
export interface LogLimits {
  readonly maxStreams: number;
  /** Idle producers remembered per stream; beyond that the one idle for longest is forgotten. */
  readonly maxProducers: number;
  /** Milliseconds after which an idle producer is forgotten; 0 for never. */
  readonly producerTtl: number;
}

/** Whether the log can be reached. */
export interface LogState {
  readonly isConnected: boolean;
  /** The time of the last change of `isConnected`. */
  readonly since: number;
  /** Why the log is not connected, or its last refusal; undefined if there is no problem. */
  readonly problem: string | undefined;
}

/** Counters of recovery work since startup. */
export interface LogCounters {
  /** Calls repeated because a connection was cut or the log asked for it. */
  readonly retries: number;
  /** How often this node restored bytes that the log had lost. */
  readonly heals: number;
  /** How often the log had other bytes than this node, or a new generation in place of the followed one. */
  readonly forks: number;
}

/** The state of a stream in the log. */
export interface StreamState {
  readonly path: string;
  readonly generation: string;
  /** The offset of the oldest readable byte. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** Chunks ever appended. */
  readonly chunkCount: number;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** Undefined while the stream accepts appends. */
  readonly end: LogEnd | undefined;
  /** JSON text from the creator, which the log stores without interpreting it. */
  readonly facts: string;
}

export interface LogEnd {
  readonly reason: 'ended' | 'removed' | 'expired';
  readonly status: string | undefined;
}

export interface NewStream extends StreamTerms {
  readonly path: string;
  /** The first bytes, appended atomically with the creation; see {@link LogBatch.chunks}. */
  readonly chunks?: readonly Uint8Array[] | undefined;
  /** Creates the stream in the ended state. */
  readonly isEnded?: boolean | undefined;
}

/** Settings given at the creation of a stream, which an update can replace. */
export interface StreamTerms {
  /** How many of the newest bytes the log retains. */
  readonly retention: number;
  /** Milliseconds without an append, a touch or a renewal after which the stream is removed; undefined for never. */
  readonly ttl: number | undefined;
  /** When the stream expires regardless of use; undefined for never. */
  readonly expiresAt: number | undefined;
  readonly facts: string;
}

/** Chunks of one stream that are appended together: all or none, contiguously. */
export interface LogBatch {
  readonly path: string;
  readonly generation: string;
  /**
   * Each becomes a chunk. None is empty; each has at most 64 KiB, all together at most 1 MiB. The list may be empty for
   * an end and for a producer's part: an empty last part completes the append, any other empty part changes nothing and
   * asks how much has been applied. The log owns the chunks: a follower of this node may receive the same memory.
   */
  readonly chunks: readonly Uint8Array[];
  /** Identifies the append if its producer numbers appends: it is applied once, on whichever node it arrives. */
  readonly producer: ProducerPart | undefined;
  /**
   * Must be greater, byte by byte, than the order of the stream's last batch that had one. Otherwise nothing is
   * appended: STREAM_SEQ_ORDER.
   */
  readonly order?: string | undefined;
  /**
   * The end offset that the stream must have before the append. Otherwise nothing is appended: EXPECTED_OFFSET. Not
   * checked for repetitions by a producer.
   */
  readonly expectedEnd?: number | undefined;
  /** Ends the stream atomically with the append. Without chunks this is harmless on a stream that has already ended. */
  readonly isEnd?: boolean | undefined;
}

/**
 * A part of a producer's append, with the rules of src/core/producers.ts. Bytes that have already been applied are
 * skipped: each attempt starts with the first byte of the append, on whichever node.
 *
 * Errors: PRODUCER_FENCED, PRODUCER_EPOCH_START and PRODUCER_GAP as in src/core/producers.ts. PRODUCER_GAP with
 * `expected_seq: 0` and `forgotten_to` is also the error for a part that begins after the applied bytes (`from` >
 * applied), because the producer was forgotten in the meantime. PRODUCER_MISMATCH with `applied` is the error for a
 * last part that ends before the applied bytes. A repetition of a completely applied append is acknowledged even after
 * the stream has ended.
 */
export interface ProducerPart extends AppendId {
  /** Bytes of this append before this part. */
  readonly from: number;
  /** Whether this part completes the append. */
  readonly isLast: boolean;
}

export interface Appended {
  /** The end offset of the batch, or of its earlier application. */
  readonly endOffset: number;
  /** The producer's append had been applied completely before: nothing was appended. */
  readonly isRepeated: boolean;
  /** Applied bytes of the producer's append; 0 once it is complete, and without a producer. */
  readonly applied: number;
  /** The highest sequence number of the producer that is applied completely; -1 for none, and without a producer. */
  readonly lastSeq: number;
}

/**
 * A mirror's side of the log. It receives the events of one generation of a stream in order, each byte once. A mirror
 * begins empty, at offset 0: if the log no longer has the first bytes, the first event is a gap.
 */
export interface LogSink {
  /** The end of the mirror: the offset of the next byte. */
  readonly endOffset: number;
  /** Chunks that end at or before that offset, including those of gaps. */
  readonly chunkCount: number;
  /**
   * The facts of the stream: before the first other event, and again when a claim has replaced them. Comes before the
   * bytes that were appended after the claim.
   */
  facts(facts: string): void;
  /** Chunks as they were appended; the first begins at {@link endOffset}. The receiver owns them. */
  data(chunks: readonly Uint8Array[]): void;
  /**
   * The bytes up to `offset` left the log before this mirror received them.
   *
   * @param chunks number of chunks that end in the gap
   */
  gap(offset: number, chunks: number): void;
  /** No bytes follow. `removed` or `expired` may follow `ended`; nothing follows those. */
  end(end: LogEnd): void;
  /** The log holds another generation of the path, or other bytes than this mirror: this mirror is over. */
  replaced(): void;
  /**
   * The chunks from `offset` to {@link endOffset}, for a log that has lost its newest bytes; undefined if the mirror no
   * longer has all of them.
   */
  retained(offset: number): readonly Uint8Array[] | undefined;
}

export interface LogFollower {
  /**
   * Settles when the mirror has all bytes that the log had at the time of the call, when the stream is over, or when
   * the follower is closed. Never rejects: while the log is unreachable it waits.
   */
  readonly caughtUp: Promise<void>;
  close(): void;
}

export interface StreamChange {
  /** Sets the modification time to now, by the clock of the log. */
  readonly isTouched?: boolean | undefined;
  readonly claim?: Claim | undefined;
}

/** Replaces the terms of a stream, unless another claim has done so before. */
export interface Claim {
  readonly terms: StreamTerms;
  /** The facts to be replaced. If the stream has other facts, its terms stay. */
  readonly from: string;
}

/** An entry of a listing. */
export type LogChild =
  | { readonly name: string; readonly stream: StreamState }
  | { readonly name: string; readonly stream: undefined };

/**
 * Errors are from the error table: STREAM_NOT_FOUND, STREAM_RECREATED, STREAM_CLOSED, STREAM_FULL, the producers'
 * errors, LOG_UNAVAILABLE if the log cannot be reached within its deadline, LOG_FULL if it has no memory left. Calls
 * that the log itself repeats after a cut connection are applied once.
 */
export interface Log {
  /** The type and address of the log, without credentials. */
  readonly name: string;
  readonly state: LogState;
  readonly counters: LogCounters;
  /** Called when {@link state} changes. */
  onState: (() => void) | undefined;
  /** Connects. Rejects only for problems that waiting does not solve, such as wrong credentials. */
  start(): Promise<void>;
  find(path: string): Promise<StreamState | undefined>;
  /**
   * Returns the existing stream, or creates it.
   *
   * @throws IS_A_DIRECTORY, NOT_A_DIRECTORY, STREAM_LIMIT
   */
  create(stream: NewStream): Promise<{ stream: StreamState; isNew: boolean }>;
  /**
   * Resolves when the log has the batch and, if this node follows the stream, its follower has it, too. Concurrent
   * calls are ordered as they were made. Calls of one turn are sent together.
   */
  append(batch: LogBatch): Promise<Appended>;
  /**
   * `ended`: retained bytes stay readable. Any other reason frees the path. Ending twice is harmless: the first status
   * stays. Returns the final state of the stream.
   *
   * @throws STREAM_NOT_FOUND, STREAM_RECREATED
   */
  finish(path: string, generation: string, end: LogEnd): Promise<StreamState>;
  /**
   * Renews the time to live, and changes what `change` says. Returns the state after that: its facts show whose claim
   * came first.
   *
   * @throws STREAM_NOT_FOUND, STREAM_RECREATED
   */
  update(path: string, generation: string, change: StreamChange): Promise<StreamState>;
  /** Feeds the sink with all events after its end, until the follower is closed or the stream is over. */
  follow(path: string, generation: string, sink: LogSink): LogFollower;
  /** The children of a directory whose names come after `after`, ordered by the UTF-8 bytes of the names. */
  list(directory: string, after: string | undefined, limit: number): Promise<readonly LogChild[]>;
  close(): Promise<void>;
}
