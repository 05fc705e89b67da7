/** JSON responses of the API whose types server and client, or file systems and client, share. */
import type { Atomic, Container, ReaderBlock } from './stream-settings.ts';
import type { LagPolicy } from './words.ts';

/** The capabilities of a path (contract 77). A server may return more than these. */
export interface PathCapabilities {
  isAppendOnly: boolean;
  isBroadcast: boolean;
  isReadOnly: boolean;
  supportsRandomWrite: boolean;
  supportsTruncate: boolean;
  supportsRename: boolean;
  supportsDirectories: boolean;
  supportsStreamRead: boolean;
  supportsStreamWrite: boolean;
  supportsFileHandle: boolean;
  supportsTouch: boolean;
  supportsSymlink: boolean;
  /** Whether `sync` of a handle succeeds. It does nothing if everything is in memory. */
  supportsSync: boolean;
  /** Whether reading removes the bytes that were read, as from a queue. */
  isReadDestructive: boolean;
  /** Whether objects are replaced as a whole and folders are only name prefixes. */
  isObjectStore: boolean;
}

/** Metadata of a file; names are capitalised on the wire as well (contract 40). */
export interface FileMeta {
  /** The plugin's name. */
  Name: string;
  /** The type: `stream`, `doc`, `file`, `dir`, `device`; empty for a mount. */
  Type: string;
  /** More facts, as strings; numbers are decimal. */
  Content: Record<string, string> | null;
}

/**
 * - `live`: the reader has reached the live end and follows it;
 * - `catching-up`: it is still reading history;
 * - `ending`: its stream has ended, and it is reading the remaining bytes;
 * - `stalled`: bytes are waiting for the client, which has not read any for a while.
 */
export type ReaderState = 'live' | 'catching-up' | 'ending' | 'stalled';

/** A reader of a stream. Sizes and offsets are bytes. */
export interface ReaderInfo {
  id: number;
  path: string;
  /** `host:port` of the connection, or of the client that opened the handle; null if unknown. */
  address: string | null;
  /** RFC 3339. */
  since: string;
  /**
   * The form of the read: `raw`, `frames`, `sse`, `websocket` or another form of a live read; `handle` for a handle
   * that is not being streamed.
   */
  kind: string;
  /** The handle that the reader belongs to, if any. */
  handle?: number | undefined;
  policy: LagPolicy;
  state: ReaderState;
  /** The offset of the next byte to be delivered. */
  offset: number;
  /** The lag behind the end of the stream, and the allowed lag. */
  lag: number;
  allowed_lag: number;
  /** Bytes delivered. */
  bytes: number;
  skipped_bytes: number;
  skipped_chunks: number;
  generation: string;
}

/** A page of the list of all readers, sorted by id. */
export interface ReaderList {
  readers: ReaderInfo[];
  /** The name of the server if it shares a log with others: each server lists only its own readers. */
  node?: string | undefined;
  /** The total number of readers. */
  count: number;
  /** The value of `after` for the next page; absent on the last page. */
  next?: number | undefined;
}

/** The number of mounts by status. */
export interface MountCounts {
  total: number;
  pending: number;
  mounted: number;
  failed: number;
}

/** The build of a server. */
export interface VersionInfo {
  readonly version: string;
  readonly gitCommit: string;
  readonly buildTime: string;
}

/** The response of `GET /health`. */
export interface Health extends VersionInfo {
  status: string;
  ready: boolean;
  degraded: boolean;
  mounts: MountCounts;
  /**
   * The number of mounts with streams on disk, and of those whose disk is full or has failed; undefined if there are
   * none.
   */
  disks?: { total: number; full: number; failed: number } | undefined;
  /** The number of mounts with a shared log, and of those connected to it; undefined if there are none. */
  logs?: { total: number; connected: number } | undefined;
}

/** The response of `GET /stats`. Sizes are in bytes. */
export interface ServerStats {
  memory: {
    /** 0: no limit. */
    limit: number;
    used: number;
    /** Used memory that only its owner can release: files, bodies, the fixed charges of streams. */
    fixed: number;
    /** Used memory of retained stream bytes, which are evicted if there is no room. */
    history: number;
    /** Used memory that waits in sockets and for slow readers. */
    queued: number;
    /** The peak of `used`. */
    peak: number;
    /** History evicted so far to make room. */
    given_up: number;
  };
  streams: number;
  readers: number;
  handles: number;
  connections: number;
  /** Bytes of all streams since startup: appended, delivered to readers, lost by readers. */
  totals: { received: number; delivered: number; skipped: number };
  /** The logs on disk: their size, and the bytes that are not written yet. */
  disks: {
    path: string;
    state: 'ok' | 'full' | 'failed';
    /** Why the log cannot be written. */
    problem?: string | undefined;
    bytes: number;
    backlog: number;
  }[];
  /**
   * The shared logs: the address without credentials, the name of this node, the number of streams mirrored here, and
   * the bytes that writers wait for.
   */
  logs: {
    path: string;
    log: string;
    node: string;
    connected: boolean;
    /** Why the log is not connected, or its last refusal. */
    problem?: string | undefined;
    mirrors: number;
    waiting: number;
  }[];
  process: {
    /** RFC 3339. */
    started_at: string;
    /** The resident set size. */
    resident: number;
    /** Processor time in seconds, user and system. */
    cpu_seconds: number;
    /** The longest delay of the event loop in the last second, in milliseconds. */
    event_loop_delay_ms: number;
  };
  /** How often each limit was reached, by name. */
  limits: Record<string, number>;
}

/** A line found by a search. */
export interface GrepMatch {
  file: string;
  /** From 1. */
  line: number;
  content: string;
}

/**
 * The settings of a new stream. Missing settings default to those of the mount. If the stream exists with other
 * settings, the request fails with STREAM_SETTINGS_DIFFER, whose `differences` list the settings that differ.
 */
export interface StreamSettings {
  /** The number of newest bytes kept for readers that join later. */
  ringBufferSize?: number | undefined;
  /** Bytes that a reader may lag once it has caught up. */
  channelBufferSize?: number | undefined;
  /** What happens to a reader that lags further. */
  onLag?: LagPolicy | undefined;
  /** Which readers may request the policy `block`. */
  readerBlock?: ReaderBlock | undefined;
  /** Whether lines are kept whole for writers that do not specify it. */
  atomic?: Atomic | undefined;
  /** The content type, from a fixed list of safe types, such as `audio/ogg`. */
  type?: string | undefined;
  /** Where readers may begin: `auto` (determined by the content type), `none`, or a format such as `mjpeg`. */
  container?: Container | undefined;
  /** Milliseconds without a write or a reader after which the stream expires; 0: never. */
  ttl?: number | undefined;
}
