/** All that a file system knows of one of its streams. */
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
   * Created by opening it for reading: removed with its last reader if it was never written (contract 36). Its first
   * writer says what its settings are (contract 98).
   */
  autoCreated: boolean;
  /** Handles that hold on to it. */
  handles: number;
  /** Its producers; created with the first. */
  producers: Producers | undefined;
  /** Lines that are to stay whole; made with the first writer that asks for it. */
  lines: StreamLines | undefined;
  /** Bodies on their way into it. */
  writers: ReadonlySet<FileWriter>;
  /** What holds for it: its mount's own object unless it was made with others. */
  settings: StreamSettingsInForce;
  /** Undefined where it never expires. */
  deadline: Deadline | undefined;
  /**
   * When it was last in use, in milliseconds since 1970, as far as its log was told so; 0: it was not. Its last write the
   * log knows anyway.
   */
  activeAt: number;
  /** Its place among forks; made with the first fork of it, or with itself if it is one. */
  node: ForkNode | undefined;
  /** Of those that were made or written through the store. */
  facts: StoreFacts | undefined;
  /** What keeps it on disk, where that is asked for. */
  log: LoggedStream | undefined;
  /** Whose it counts as. */
  readonly account: Account | undefined;
}

/** When a stream is over, and what was last seen of it. */
export interface Deadline {
  /** Milliseconds without activity; 0: any number. */
  timeout: number;
  /** An open reader counts as activity. */
  countsReaders: boolean;
  /** Milliseconds since 1970, by the system clock; Infinity: never. */
  expiresAt: number;
  /** When something last happened, by the clock that never leaps. */
  activeAt: number;
  endOffset: number;
  modifiedAt: number;
  /** By how much the system clock was ahead of that clock at the last look, in milliseconds. */
  lead: number;
}

/** What a stream was asked for with, and what is remembered for this interface alone. */
export interface StoreFacts {
  asked: Pick<StreamSettings, 'ttl' | 'expiresAt'>;
  fork: { source: string; at: number; beyond: number } | undefined;
  /** The last `Stream-Seq`. */
  lastSeq: string | undefined;
  /** An append that waits for a reader with the policy `block`. */
  waiting: Promise<void> | undefined;
  /** It is to have the bytes of another, and has not got all of them yet: after a crash it never was. */
  isCopying?: true | undefined;
}

/** What writers have begun is theirs to be seen: it comes before the end. */
export function endStream({ lines, stream }: Entry, reason: EndReason = 'ended', status?: string): void {
  if (stream.closedBy === undefined) lines?.completeAll();
  stream.end(reason, status);
}

/** @throws where it could not be kept that it has ended: it has not then */
export function endKept(entry: Entry, status: string | undefined): void {
  if (entry.stream.closedBy === undefined) entry.log?.requireWritable();
  endStream(entry, 'ended', status);
}

/** Its place among forks. */
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
