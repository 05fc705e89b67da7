/** The state that a file system keeps of one of its streams. */
import type { EndReason } from '../../core/index.ts';
import { emptySet, type Producers, type RingStream } from '../../core/internal.ts';
import type { Account } from '../../fs/account.ts';
import type { StreamSettings, StreamSettingsInForce } from '../../fs/stream-settings.ts';
import type { FileWriter } from '../../fs/types.ts';
import type { LoggedStream } from '../../persist/index.ts';
import type { ForkNode } from './forks.ts';
import type { StreamLines } from './stream-lines.ts';

export interface Entry {
  readonly path: string;
  readonly stream: RingStream;
  /**
   * Created by opening it for reading: the stream is removed with its last reader if it was never written (contract
   * 36). Its first writer determines its settings (contract 98).
   */
  autoCreated: boolean;
  /** Number of open handles. */
  handles: number;
  /** Created with the first producer. */
  producers: Producers | undefined;
  /** Created with the first writer that wants whole lines. */
  lines: StreamLines | undefined;
  /** Writers with a running request. */
  writers: ReadonlySet<FileWriter>;
  /** The settings in force: the mount's own object unless the stream was created with others. */
  settings: StreamSettingsInForce;
  /** Undefined if the stream never expires. */
  deadline: Deadline | undefined;
  /**
   * When the stream was last in use, in milliseconds since 1970, as last saved in its log; 0: never saved. The time of
   * the last write is in the log anyway.
   */
  activeAt: number;
  /** Its node in the tree of forks; created with its first fork, or at once if it is a fork. */
  node: ForkNode | undefined;
  /** Only for streams created or written through the store. */
  facts: StoreFacts | undefined;
  /** Its log on disk, if the stream is persistent. */
  log: LoggedStream | undefined;
  /** The account charged for the stream. */
  readonly account: Account | undefined;
}

/** The expiry of a stream, and its state at the last check. */
export interface Deadline {
  /** Milliseconds without activity; 0 for no limit. */
  timeout: number;
  /** An open reader counts as activity. */
  countsReaders: boolean;
  /** Milliseconds since 1970, by the system clock; Infinity for never. */
  expiresAt: number;
  /** The time of the last activity, by the monotonic clock. */
  activeAt: number;
  endOffset: number;
  modifiedAt: number;
  /** How far the system clock was ahead of the monotonic clock at the last check, in milliseconds. */
  lead: number;
}

/** What the creation request asked for, and state needed only by this interface. */
export interface StoreFacts {
  asked: Pick<StreamSettings, 'ttl' | 'expiresAt'>;
  fork: { source: string; at: number; beyond: number } | undefined;
  /** The last `Stream-Seq`. */
  lastSeq: string | undefined;
  /** An append that waits for a reader with the policy `block`. */
  waiting: Promise<void> | undefined;
  /** The stream is still being copied from another. After a crash it is discarded. */
  isCopying?: true | undefined;
}

/** Ends a stream after completing the lines that writers have begun, so that readers get these before the end. */
export function endStream({ lines, stream }: Entry, reason: EndReason = 'ended', status?: string): void {
  if (stream.closedBy === undefined) lines?.completeAll();
  stream.end(reason, status);
}

/**
 * Ends a stream, provided that its end can be saved.
 *
 * @throws if the log is not writable; the stream has not ended then
 */
export function endDurably(entry: Entry, status: string | undefined): void {
  if (entry.stream.closedBy === undefined) entry.log?.requireWritable();
  endStream(entry, 'ended', status);
}

/** The node of a stream in the tree of forks. */
export function nodeOf(entry: Entry): ForkNode {
  entry.node ??= { path: entry.path, source: undefined, forks: 0, account: entry.account };
  return entry.node;
}

export function newEntry(parts: Pick<Entry, 'path' | 'stream' | 'settings' | 'autoCreated' | 'account'>): Entry {
  const { account, autoCreated, path, settings, stream } = parts;
  return {
    path,
    stream,
    autoCreated,
    handles: 0,
    producers: undefined,
    lines: undefined,
    writers: emptySet(),
    settings,
    deadline: undefined,
    activeAt: 0,
    node: undefined,
    facts: undefined,
    log: undefined,
    account,
  };
}
