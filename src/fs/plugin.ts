/**
 * What a plugin is (contract 80): a named kind of file system. A plugin is a factory; each mount is an instance with
 * its own configuration and its own files (contract 74: two mounts are independent).
 */
import type { MemoryBudget } from '../core/index.ts';
import type { LimitCounters } from '../errors/index.ts';
import type { Logger } from '../logging/index.ts';
import type { FileSystem } from './types.ts';

/** A parameter a plugin's configuration may hold, as listed by `GET /plugins`. */
export interface ConfigParameter {
  name: string;
  type: 'string' | 'number' | 'boolean' | 'array';
  required: boolean;
  /** The default as a user would write it; empty where there is none. */
  default: string;
  description: string;
}

export type PluginConfig = Readonly<Record<string, unknown>>;

/** What a plugin logs with while it runs. */
export type PluginLogger = Logger;

export interface PluginContext {
  /** Where the instance is mounted. */
  mountPath: string;
  logger: PluginLogger;
  /** The memory of the server, of which the instance's is a part. Default: no bound. */
  memory?: MemoryBudget | undefined;
  /** Counts limits that refuse no request, such as the expiry of a stream. */
  limits?: LimitCounters | undefined;
}

/**
 * What the streams of an instance have come to: sums over all that there are, and where they are counters, over all that
 * there ever were. Counters never go back.
 */
export interface StreamTotals {
  streams: number;
  readers: number;
  /** Bodies that are on their way into streams. */
  writers: number;
  /** Bytes that can be read again. */
  retainedBytes: number;
  /** The largest lag of any reader, in bytes. */
  maxLag: number;
  /** Counters: what was appended, what readers were given, and what they lost. */
  receivedBytes: number;
  receivedChunks: number;
  deliveredBytes: number;
  deliveredChunks: number;
  skippedBytes: number;
  skippedChunks: number;
}

/** What the log on disk of an instance has come to. */
export interface DiskTotals {
  /** Whether it can be written: `full` goes away by itself, `failed` with a start. */
  state: 'ok' | 'full' | 'failed';
  /** Why it cannot be written; undefined where it can. */
  problem: string | undefined;
  /** Bytes that were appended and are not written yet. */
  backlog: number;
  journalBytes: number;
  segmentBytes: number;
  openFiles: number;
  /** Counters, since the start. */
  writtenBytes: number;
  /** How long syncs took, in seconds. */
  syncs: CountedValues;
  /** Blocks of history that readers asked for, and those of them that were read from files for it. */
  blocksGiven: number;
  blocksRead: number;
  /** What the start found, and how long it took. */
  recoverySeconds: number;
  recoveredStreams: number;
  damages: number;
}

/** How many values there were up to each of some bounds. */
export interface CountedValues {
  /** Ascending. */
  readonly bounds: readonly number[];
  /** Of each bound, of the values above the bound before; then of those beyond the last. */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/** What a log that the nodes of an instance share has come to, as this node sees it. */
export interface LogTotals {
  /** What it is and where, without credentials. */
  name: string;
  /** The name of this process among those that share the log. */
  node: string;
  isConnected: boolean;
  /** Whether the server is not ready while it is not. */
  isRequired: boolean;
  /** Why it is not connected, or what it refused last. */
  problem: string | undefined;
  /** Streams that are followed here. */
  mirrors: number;
  /** Bytes that writers of this node gave and the log does not have yet. */
  waitingBytes: number;
  /** Counters, since the start. */
  appendedBytes: number;
  batches: number;
  retries: number;
  heals: number;
  forks: number;
  /** Bytes that left the log before this node had them, and how often. */
  gaps: number;
  gapBytes: number;
}

/** One mounted instance. */
export interface PluginInstance {
  readonly fileSystem: FileSystem;
  /** Added up when it is asked for, which is seldom. Only where the instance has streams. */
  totals?(): StreamTotals;
  /** The same of its log on disk; undefined where it has none. */
  disk?(): DiskTotals | undefined;
  /** The same of the log that it shares with other nodes; undefined where it has none. */
  log?(): LogTotals | undefined;
  /** Ends every stream, wakes every reader, frees everything. Called once, at unmount or shutdown. */
  shutdown(): Promise<void>;
}

export interface Plugin {
  readonly name: string;
  /** The text a user reads to learn what the plugin does. */
  readonly readme: string;
  readonly configParameters: readonly ConfigParameter[];
  /** Throws a StreamFSError whose text says what is wrong and what would be right. Changes nothing. */
  validate(config: PluginConfig): void;
  /** Makes an instance; `validate` has passed. */
  initialize(config: PluginConfig, context: PluginContext): Promise<PluginInstance>;
}
