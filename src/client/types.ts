/** What the server answers with, as types. Names on the wire are kept, so that `JSON.stringify` gives the wire form. */

/** What happens to a reader that falls too far behind (docs/protocol.md, `on_lag`). */
export type LagPolicy = 'drop-oldest' | 'drop-newest' | 'disconnect' | 'block';

export interface FileMeta {
  Name: string;
  /** `stream`, `doc`, `file`, `dir`, `device`; empty for a mount. */
  Type: string;
  Content: Record<string, string> | null;
}

export interface FileInfo {
  name: string;
  /** Bytes; for a stream the bytes ever written. */
  size: number;
  /** Permission bits as a number: 0o644 is 420. */
  mode: number;
  /** RFC 3339, with a fraction of a second. */
  modTime: string;
  isDir: boolean;
  meta: FileMeta;
}

export interface Health {
  status: string;
  version: string;
  gitCommit: string;
  buildTime: string;
  ready: boolean;
  degraded: boolean;
  mounts: { total: number; pending: number; mounted: number; failed: number };
}

export interface Version {
  version: string;
  gitCommit: string;
  buildTime: string;
}

export interface ServerCapabilities {
  version: string;
  features: string[];
}

/** What can be done with a path; a server may know of more than is listed. */
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
}

export interface Mount {
  path: string;
  pluginName: string;
  config?: Record<string, unknown>;
  status?: string;
  /** Why a mount failed to start. */
  error?: string;
}

export interface PluginInfo {
  name: string;
  mounted_paths: { path: string; config?: Record<string, unknown> }[];
  config_params: { name: string; type: string; required: boolean; default: string; description: string }[];
}

export interface Digest {
  algorithm: string;
  path: string;
  digest: string;
}

export interface GrepMatch {
  file: string;
  line: number;
  content: string;
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

/** The bytes a stream holds now. */
export interface SnapshotResult {
  data: Uint8Array;
  /** Absolute offset of the first byte; undefined for a file that is no stream. */
  offset: number | undefined;
  generation: string | undefined;
}

export interface SnapshotOptions {
  /** At most one of `offset`, `last` and `lastLines`. An absolute offset. */
  offset?: number;
  /** Bytes. */
  last?: number;
  lastLines?: number;
  /** Where `offset` is no longer retained: fail with OFFSET_GONE (default), or begin with the earliest. */
  onExpired?: 'error' | 'skip';
  /** Fail with STREAM_RECREATED if the stream has another generation. */
  generation?: string;
  signal?: AbortSignal;
}
