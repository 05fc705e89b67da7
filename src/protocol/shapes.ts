/** What the API answers with as JSON, where server and client, or file systems and client, have to agree on it. */
import type { Atomic, Container, ReaderBlock } from './stream-settings.ts';
import type { LagPolicy } from './words.ts';

/** What can be done with a path (contract 77). A server may know of more than is listed. */
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
  /** A handle's `sync` succeeds; where everything is in memory it has nothing to do. */
  supportsSync: boolean;
  /** Reading takes away what was read, as from a queue. */
  isReadDestructive: boolean;
  /** Objects are replaced as a whole, and folders are no more than prefixes of names. */
  isObjectStore: boolean;
}

/** What a file is beside its size and times; names are capitalised on the wire as well (contract 40). */
export interface FileMeta {
  /** The plugin's name. */
  Name: string;
  /** What kind of thing it is: `stream`, `doc`, `file`, `dir`, `device`; empty for a mount. */
  Type: string;
  /** More facts, as strings: decimal for numbers. */
  Content: Record<string, string> | null;
}

/**
 * - `live`: it has reached the live end, and follows it;
 * - `catching-up`: it is still on its way through history;
 * - `ending`: its stream has ended, and it is getting the rest;
 * - `stalled`: something waits for its peer, which has taken nothing of it for a while.
 */
export type ReaderState = 'live' | 'catching-up' | 'ending' | 'stalled';

/** A reader of a stream. Sizes and offsets are bytes. */
export interface ReaderInfo {
  id: number;
  path: string;
  /** `host:port` of the connection, or of the client that opened the handle; null where it is not known. */
  address: string | null;
  /** RFC 3339. */
  since: string;
  /** How it is sent: `raw`, `frames`, `sse`, `websocket` or another form of a live read; `handle` for a handle that is not streamed just now. */
  kind: string;
  /** The handle it reads through, if it does. */
  handle?: number | undefined;
  policy: LagPolicy;
  state: ReaderState;
  /** Of the next byte it gets. */
  offset: number;
  /** How far it is behind the end of the stream, and how far it may be. */
  lag: number;
  allowed_lag: number;
  /** Delivered to it. */
  bytes: number;
  skipped_bytes: number;
  skipped_chunks: number;
  generation: string;
}

/** A part of all readers, by id. */
export interface ReaderList {
  readers: ReaderInfo[];
  /** Whose readers these are, where the server shares a log with others: each lists its own. */
  node?: string | undefined;
  /** How many there are in all. */
  count: number;
  /** What to ask for as `after` to get the next part; absent at the end. */
  next?: number | undefined;
}

/** Mounts by what they are at. */
export interface MountCounts {
  total: number;
  pending: number;
  mounted: number;
  failed: number;
}

/** Which build a server is. */
export interface VersionInfo {
  readonly version: string;
  readonly gitCommit: string;
  readonly buildTime: string;
}

/** What `GET /health` says. */
export interface Health extends VersionInfo {
  status: string;
  ready: boolean;
  degraded: boolean;
  mounts: MountCounts;
  /** Of mounts that keep their streams on disk, those that cannot write there; undefined where none does. */
  disks?: { total: number; full: number; failed: number } | undefined;
  /** Of mounts whose streams a shared log decides; undefined where there is none. */
  logs?: { total: number; connected: number } | undefined;
}

/** What `GET /stats` says. Sizes are bytes. */
export interface ServerStats {
  memory: {
    /** 0: none. */
    limit: number;
    used: number;
    /** Of it, what only its owner can release: files, bodies, streams as such. */
    fixed: number;
    /** Of it, what streams retain, which gives way where there is no room. */
    history: number;
    /** Of it, what waits in sockets and for slow readers. */
    queued: number;
    /** The most that has been used. */
    peak: number;
    /** History given up so far to make room. */
    given_up: number;
  };
  streams: number;
  readers: number;
  handles: number;
  connections: number;
  /** Bytes of all streams since the start: appended, given to readers, lost by them. */
  totals: { received: number; delivered: number; skipped: number };
  /** Logs on disk, of mounts that have one: bytes there, and bytes that are not written yet. */
  disks: {
    path: string;
    state: 'ok' | 'full' | 'failed';
    /** Why it cannot be written. */
    problem?: string | undefined;
    bytes: number;
    backlog: number;
  }[];
  /**
   * Logs that mounts share with other servers: the address of each without credentials, the name of this node, the number of
   * streams followed here, and the bytes that writers wait for.
   */
  logs: {
    path: string;
    log: string;
    node: string;
    connected: boolean;
    /** Why it is not connected, or what it refused last. */
    problem?: string | undefined;
    mirrors: number;
    waiting: number;
  }[];
  process: {
    /** RFC 3339. */
    started_at: string;
    /** Memory in the machine. */
    resident: number;
    /** Processor time in seconds, user and system. */
    cpu_seconds: number;
    /** The longest delay of the event loop in the last second, in milliseconds. */
    event_loop_delay_ms: number;
  };
  /** How often each limit was reached, by its name. */
  limits: Record<string, number>;
}

/** A line that a search has found. */
export interface GrepMatch {
  file: string;
  /** From 1. */
  line: number;
  content: string;
}

/**
 * What a stream is to be like that is made. What is not given is as its mount says. A stream that exists must be like
 * this, or it is an error STREAM_SETTINGS_DIFFER, whose `differences` name what is not.
 */
export interface StreamSettings {
  /** Number of newest bytes kept for readers that join later. */
  ringBufferSize?: number | undefined;
  /** Bytes that a reader which has caught up may fall behind. */
  channelBufferSize?: number | undefined;
  /** What happens to a reader that falls further behind. */
  onLag?: LagPolicy | undefined;
  /** Which readers may ask for `block` themselves. */
  readerBlock?: ReaderBlock | undefined;
  /** Whether lines of writers that do not say it themselves are kept whole. */
  atomic?: Atomic | undefined;
  /** The content type, of a fixed list of harmless ones, such as `audio/ogg`. */
  type?: string | undefined;
  /** Where readers may begin, where the type does not say: `auto` (as it says), `none`, or a format such as `mjpeg`. */
  container?: Container | undefined;
  /** Milliseconds without a write or a reader after which it expires; 0: never. */
  ttl?: number | undefined;
}
