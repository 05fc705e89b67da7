/**
 * The interface of a plugin (contract 80): a named kind of file system. A plugin is a factory; each mount is an
 * instance with separate configuration and files (contract 74: two mounts are independent).
 */
import type { MemoryBudget } from '../core/index.ts';
import type { LimitCounters } from '../errors/index.ts';
import type { Logger } from '../logging/index.ts';
import type { FileSystem } from './types.ts';

/** A parameter of a plugin's configuration, as listed by `GET /plugins`. */
export interface ConfigParameter {
  name: string;
  type: 'string' | 'number' | 'boolean' | 'array';
  required: boolean;
  /** The default as a user would write it; empty if there is none. */
  default: string;
  description: string;
}

export type PluginConfig = Readonly<Record<string, unknown>>;

/** The logger of a running plugin. */
export type PluginLogger = Logger;

export interface PluginContext {
  /** Where the instance is mounted. */
  mountPath: string;
  logger: PluginLogger;
  /** The memory budget of the server, which includes the memory of the instance. Default: no limit. */
  memory?: MemoryBudget | undefined;
  /** Counts limits that take effect outside of requests, such as the expiry of a stream. */
  limits?: LimitCounters | undefined;
}

/**
 * Totals over the streams of an instance. Gauges cover existing streams; counters cover all streams that ever existed,
 * and never decrease.
 */
export interface StreamTotals {
  streams: number;
  readers: number;
  /** Bodies that are currently being written to streams. */
  writers: number;
  /** Retained bytes. */
  retainedBytes: number;
  /** The largest lag of any reader, in bytes. */
  maxLag: number;
  /** Counters: appended to streams, delivered to readers, lost by readers. */
  receivedBytes: number;
  receivedChunks: number;
  deliveredBytes: number;
  deliveredChunks: number;
  skippedBytes: number;
  skippedChunks: number;
}

/** Totals of the log on disk of an instance. */
export interface DiskTotals {
  /** Whether the log can be written. `full` recovers once there is room; `failed` needs a restart. */
  state: 'ok' | 'full' | 'failed';
  /** Why the log cannot be written; undefined if it can. */
  problem: string | undefined;
  /** Appended bytes that are not written yet. */
  backlog: number;
  journalBytes: number;
  segmentBytes: number;
  openFiles: number;
  /** Counters, since the start. */
  writtenBytes: number;
  /** Durations of fsync calls, in seconds. */
  syncs: CountedValues;
  /** Blocks of history requested by readers, and how many of them had to be read from files. */
  blocksGiven: number;
  blocksRead: number;
  /** The duration and the results of recovery at startup. */
  recoverySeconds: number;
  recoveredStreams: number;
  damages: number;
}

/** A histogram. */
export interface CountedValues {
  /** Ascending. */
  readonly bounds: readonly number[];
  /**
   * The count of values in each bucket: above the previous bound and up to this one. The last bucket is for values
   * above the last bound.
   */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/** Totals of the shared log of an instance, as seen by this node. */
export interface LogTotals {
  /** The kind and address of the log, without credentials. */
  name: string;
  /** The name of this process among those that share the log. */
  node: string;
  isConnected: boolean;
  /** Whether the server is not ready while the log is disconnected. */
  isRequired: boolean;
  /** Why the log is not connected, or its last refusal. */
  problem: string | undefined;
  /** Streams of the log that this node mirrors. */
  mirrors: number;
  /** Bytes from writers of this node that are not yet in the log. */
  waitingBytes: number;
  /** Counters, since the start. */
  appendedBytes: number;
  batches: number;
  retries: number;
  heals: number;
  forks: number;
  /** Gaps: how often, and how many bytes in total, the log trimmed data before this node had read it. */
  gaps: number;
  gapBytes: number;
}

/** One mounted instance. */
export interface PluginInstance {
  readonly fileSystem: FileSystem;
  /** Computed on each call, so call it rarely. Only if the instance has streams. */
  totals?(): StreamTotals;
  /** Totals of the log on disk; undefined if there is none. */
  disk?(): DiskTotals | undefined;
  /** Totals of the log shared with other nodes; undefined if there is none. */
  log?(): LogTotals | undefined;
  /** Ends every stream, wakes every reader and frees all resources. Called once, at unmount or shutdown. */
  shutdown(): Promise<void>;
}

export interface Plugin {
  readonly name: string;
  /** Documentation of the plugin for users. */
  readonly readme: string;
  readonly configParameters: readonly ConfigParameter[];
  /** Throws a StreamFSError whose message says what is wrong and what would be right. Has no side effects. */
  validate(config: PluginConfig): void;
  /** Creates an instance. Called after `validate` has passed. */
  initialize(config: PluginConfig, context: PluginContext): Promise<PluginInstance>;
}
