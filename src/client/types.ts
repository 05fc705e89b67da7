/**
 * Responses of the server, as types. They keep the names of the wire, so that `JSON.stringify` produces the wire form.
 */

import type { FileMeta } from '../protocol/index.ts';

export type {
  FileMeta,
  GrepMatch,
  Health,
  LagPolicy,
  PathCapabilities,
  ReaderInfo,
  ReaderList,
  ReaderState,
  ServerStats,
  StreamSettings,
  VersionInfo as Version,
} from '../protocol/index.ts';

export interface FileInfo {
  name: string;
  /** Bytes; for a stream the total number of bytes ever written. */
  size: number;
  /** Permission bits as a number: 0o644 is 420. */
  mode: number;
  /** RFC 3339, with a fraction of a second. */
  modTime: string;
  isDir: boolean;
  meta: FileMeta;
}

/** A page of the listing of a directory. */
export interface FileList {
  files: FileInfo[];
  next?: string | undefined;
}

export interface ListOptions {
  /** Only entries that follow the entry of this name. */
  after?: string | undefined;
  limit?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface ServerCapabilities {
  version: string;
  features: string[];
}

export interface Mount {
  path: string;
  pluginName: string;
  config?: Record<string, unknown> | undefined;
  status?: string | undefined;
  /** Why a mount failed to start. */
  error?: string | undefined;
}

export interface PluginInfo {
  name: string;
  mounted_paths: { path: string; config?: Record<string, unknown> | undefined }[];
  config_params: { name: string; type: string; required: boolean; default: string; description: string }[];
}

export interface Digest {
  algorithm: string;
  path: string;
  digest: string;
}

export interface HandleInfo {
  id: number;
  handle_id: number;
  path: string;
  flags: number | string;
  /** Seconds. */
  lease: number;
  expires_at: string;
}

export interface ReadersOptions {
  /** A stream, or a directory or mount above some. Default: all. */
  path?: string | undefined;
  /** Maximum number. Default: the server's 1000. */
  limit?: number | undefined;
  /** Only readers with a larger id: pass the `next` of the previous list. */
  after?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface EndOptions {
  /**
   * How the writer ended, such as `exit 3`: up to 128 visible ASCII characters with single spaces between them. Readers
   * get it with the end, and stat shows it.
   */
  status?: string | undefined;
}

export interface LinkOptions {
  /** The right that the link grants: `read` (default) or `write`. */
  right?: 'read' | 'write' | undefined;
  /** Lifetime in milliseconds, at least 1000. Default: the server's hour. */
  expiresIn?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** An address that grants access to one path without a token. */
export interface Link {
  url: string;
  path: string;
  right: 'read' | 'write';
  /** RFC 3339. */
  expires_at: string;
}

/** The retained bytes of a stream. */
export interface SnapshotResult {
  data: Uint8Array;
  /** Absolute offset of the first byte; undefined for a file that is not a stream. */
  offset: number | undefined;
  generation: string | undefined;
}

/** The same, with the bytes as they arrive. */
export interface SnapshotSource extends Omit<SnapshotResult, 'data'> {
  pieces: AsyncIterable<Uint8Array>;
}

export interface SnapshotOptions {
  /** At most one of `offset`, `last` and `lastLines`. An absolute offset. */
  offset?: number | undefined;
  /** Bytes. */
  last?: number | undefined;
  lastLines?: number | undefined;
  /** If `offset` is no longer retained: fail with OFFSET_GONE (default), or begin with the earliest byte. */
  onExpired?: 'error' | 'skip' | undefined;
  /** Fail with STREAM_RECREATED if the stream has another generation. */
  generation?: string | undefined;
  signal?: AbortSignal | undefined;
}
