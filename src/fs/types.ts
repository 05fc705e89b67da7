/**
 * The interface of a file system. Every plugin provides one, and the mount table combines them into one. The server,
 * handles and library users depend on nothing else.
 *
 * Paths are absolute within the file system, normalised by `normalizePath` before a plugin sees them: they begin with
 * `/`, have no empty, `.` or `..` part, and no trailing slash except the root itself. Errors are `StreamFSError`s, and
 * name paths relative to the mount (`/live`, not `/streamfs/live`).
 *
 * Everything is asynchronous except writing a chunk, which is on the hot path: it returns a promise only if there is
 * something to wait for.
 */
import type { AppendId, Reader, ReaderOptions } from '../core/index.ts';
import type { PathCapabilities as Capabilities, Durability, FileMeta } from '../protocol/index.ts';
import type { Appender } from './appender.ts';
import type { CreateOptions } from './create-options.ts';
import type { StreamSettingsInForce } from './stream-settings.ts';
import type { StreamStore } from './stream-store.ts';

export type { FileMeta, PathCapabilities as Capabilities } from '../protocol/index.ts';
export type { Appender } from './appender.ts';
export type { CreateOptions } from './create-options.ts';

/** Facts about a file or directory (contract 39, 40, 67). */
export interface FileInfo {
  /** Last part of the path, without a leading slash. */
  name: string;
  /** Size in bytes. For a stream: all bytes ever written (contract 5). */
  size: number;
  /** Permission bits, as a number: 0o644 is 420. */
  mode: number;
  modTime: Date;
  isDir: boolean;
  meta: FileMeta;
}

/**
 * Options of a write. A stream ignores all of them except `create`, `atomic` and those of {@link CreateOptions}
 * (contract 1).
 */
export interface WriteOptions extends CreateOptions {
  /** The offset to write at, in bytes; -1 (the default) replaces the file from its beginning. */
  offset?: number | undefined;
  append?: boolean | undefined;
  /** Create the file if it does not exist. Default: as configured for the mount, whose default is to create. */
  create?: boolean | undefined;
  exclusive?: boolean | undefined;
  truncate?: boolean | undefined;
  /**
   * `lines`: the lines of several writers of a stream are never interleaved, and a line left unfinished by its writer
   * is completed with a newline (contract 88). Has no effect on ordinary files. Default: the setting of the stream. A
   * stream created by the write gets it as a setting.
   */
  atomic?: 'lines' | undefined;
}

/** Options of {@link FileSystem.openAppend}. */
export interface AppendOptions extends CreateOptions, Pick<WriteOptions, 'create' | 'atomic'> {}

/** Options of a producer's append. */
export interface ProducerWriteOptions extends CreateOptions, Pick<WriteOptions, 'create' | 'atomic'> {
  /** Fail if the stream does not exist (STREAM_NOT_FOUND) or has another generation (STREAM_RECREATED). */
  generation?: string | undefined;
}

/** The result of a producer's append. */
export interface ProducerFacts {
  /** The append was completely applied before, so its body is not applied again. */
  readonly isRepeated: boolean;
  readonly epoch: number;
  /** The highest completely applied sequence number, once the writer is closed. */
  readonly seq: number;
}

/** Options for ending a stream. */
export interface EndOptions {
  /** The end status given by the writer, such as `exit 3` (contract 100): see `isEndStatus`. */
  status?: string | undefined;
}

export interface CloseOptions {
  end?: boolean | undefined;
  /** The status to end with, if `end` is true. */
  endStatus?: string | undefined;
}

/** Writes a body to a file: `write` each piece, then `close`. */
export interface FileWriter {
  /**
   * Writes a piece; the caller may reuse its memory as soon as this returns (contract 2). Returns a promise only if the
   * writer has to wait (contract 20, policy `block`).
   */
  write(piece: Uint8Array): void | Promise<void>;
  /** The number of bytes accepted so far. */
  readonly written: number;
  /** Set by the caller. Called when no more can be written, even between two writes. */
  onStop?: ((error: Error) => void) | undefined;
  /** Streams only: the end offset after the last accepted piece. */
  readonly endOffset?: number | undefined;
  /** Streams only: the generation. */
  readonly generation?: string | undefined;
  /** Streams kept on disk only: the durability that a completed `close` guarantees. */
  readonly durability?: Durability | undefined;
  /** Whether the writer splits its input at newlines, however the input arrives. */
  readonly keepsLines?: boolean | undefined;
  /**
   * Set for a producer's append. If its body is interrupted, the caller must not write the buffered rest of a piece.
   */
  readonly producer?: ProducerFacts | undefined;
  /** Ends the body. With `end`, a stream is ended as well (contract 29). */
  close(options?: CloseOptions): Promise<void>;
  /**
   * The body was interrupted: keep the received bytes if the file can (streams do, contract 72), else undo the write.
   */
  abort(): Promise<void>;
}

/** Options for opening a stream for reading. */
export interface OpenStreamOptions extends ReaderOptions, CreateOptions {
  /** Create the stream if it does not exist (contract 35, 36). Default: as configured for the mount. */
  create?: boolean | undefined;
  /**
   * The other permissions of the reader, which matter if it requests the policy `block`, because writers then wait for
   * it (contract 97). Default `writer`: a program with access to the file system may write as well.
   */
  role?: ReaderRole | undefined;
  /** Aborted when the result is no longer needed; stops a search on disk. */
  signal?: AbortSignal | undefined;
}

/** `link`: the reader uses a signed link and has no token. */
export type ReaderRole = 'writer' | 'reader' | 'link';

/**
 * A range of a file: `offset` below 0 counts as 0, `size` below 0 as everything; a range past the end is empty
 * (contract 42).
 */
export interface ByteRange {
  /** Default 0. */
  offset?: number | undefined;
  /** Default -1. */
  size?: number | undefined;
}

/**
 * Content of known size that is produced in pieces on demand. Do not write to the pieces. They are small, or lie in
 * memory that their file has been charged for (`shared` of the budget).
 */
export interface SizedContent extends AsyncIterable<Uint8Array> {
  readonly size: number;
}

/** The result of opening a file for streaming: a live reader, or content that has an end. */
export type StreamSource =
  /** `type`: the stream's content type. */
  | { kind: 'live'; reader: Reader; type: string }
  | { kind: 'content'; content: AsyncIterable<Uint8Array>; size?: number | undefined };

/**
 * The result of a read through a handle. `data` may be shorter than requested; empty with `eof: false` means a timeout.
 */
export interface HandleRead {
  data: Uint8Array;
  /** True at the end of an ended stream, or at the end of a file (contract 53). */
  eof: boolean;
  /** The offset of the first byte of `data`. */
  offset: number;
  /** Bytes lost before `data`, because the handle lagged too far (contract 9). */
  skipped: number;
  /**
   * Must be called once, with whether `data` was delivered. Only then does the position of the handle move past it, so
   * that a client that gives up loses nothing (contract 54). Until then the next read from the position waits. Has no
   * effect after a read at an explicit offset.
   */
  commit(delivered?: boolean): void;
}

export interface HandleReadOptions {
  /** Maximum number of bytes, from 1. */
  size: number;
  /** Read at this offset without moving the position; absent: read at the position. */
  offset?: number | undefined;
  /** How long to wait for data, in milliseconds; 0 does not wait. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

/** An open file. Ids and leases belong to the handle table, not to the file system. */
export interface FileHandle {
  readonly path: string;
  /** Streams only, if open for reading: the reader that holds the position. A live read replaces it. */
  readonly reader?: Reader | undefined;
  read(options: HandleReadOptions): Promise<HandleRead>;
  /** Writes at `offset`, or at the position. A stream always appends. */
  write(data: Uint8Array, offset?: number): Promise<{ written: number; position: number }>;
  /**
   * Moves the position and returns the new one; `whence` 0: from the start, 1: from the current position, 2: from the
   * end.
   */
  seek(offset: number, whence: number): Promise<number>;
  sync(): Promise<void>;
  stat(): Promise<FileInfo>;
  truncate(size: number): Promise<void>;
  /** A body written through this handle was interrupted: completes its last line if lines are kept whole. */
  completeLine?(): Promise<void>;
  /** Starts a live read from the position. Only one at a time: a second is HANDLE_BUSY (contract 65). */
  stream(): Promise<StreamSource>;
  /**
   * The result that {@link stream} would return now, without starting a live read, for a response that has only
   * headers. The result must not be read. Throws as `stream` does, including HANDLE_BUSY.
   */
  describeStream(): Promise<StreamSource>;
  /** Frees all resources and ends waiting reads immediately. Closing a closed handle has no effect. */
  close(): Promise<void>;
}

export interface OpenHandleOptions extends CreateOptions {
  /** The flags as sent. Only bit 0 (write only) and bit 1 (read and write) may matter to a stream (contract 49). */
  flags: number;
  /** Permission bits of a newly created file. */
  mode: number;
  /** Create the file if it does not exist (contract 36). Default: as configured for the mount. */
  create?: boolean | undefined;
  /**
   * As in {@link WriteOptions}, across all writes to the handle: an unfinished line is completed when the handle is
   * closed.
   */
  atomic?: 'lines' | undefined;
}

/** A page of a directory listing. */
export interface DirectoryPage {
  /**
   * The name of the last entry of the previous page; undefined: start with the first entry. That entry may have been
   * removed since.
   */
  readonly after: string | undefined;
  /** The maximum number of entries. */
  readonly limit: number;
}

export interface FileSystem {
  create(path: string, options?: CreateOptions): Promise<void>;
  mkdir(path: string, mode: number): Promise<void>;
  remove(path: string): Promise<void>;
  removeAll(path: string): Promise<void>;
  /** `offset` below 0 counts as 0, `size` below 0 as everything; past the end is empty (contract 42). */
  read(path: string, offset: number, size: number): Promise<Uint8Array>;
  /** Writes a whole body. Returns the number of bytes written. */
  write(path: string, data: Uint8Array, options?: WriteOptions): Promise<number>;
  readDir(path: string): Promise<FileInfo[]>;
  /**
   * One page of the result of `readDir`, in the same order. Absent if directories of the file system are always small.
   */
  readDirPage?(path: string, page: DirectoryPage): Promise<FileInfo[]>;
  stat(path: string): Promise<FileInfo>;
  rename(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  /** Creates the file, or sets its modTime to now. */
  touch(path: string, options?: CreateOptions): Promise<void>;
  /**
   * Creates a symbolic link. Permissions are checked only at the requested path, so a file system that follows links
   * must not follow one out of the directory that contains it.
   */
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string>;
  /** The content, or a range of it, in pieces, as of the time of opening. Fails for a stream (contract 34). */
  open(path: string, range?: ByteRange): Promise<SizedContent>;
  openWrite(path: string, options?: WriteOptions): Promise<FileWriter>;
  /**
   * Like `openWrite`, for an append that is applied exactly once, however often it is sent. `written` counts all
   * applied bytes of the append. Absent if the file system cannot remember applied appends.
   */
  openProducerWrite?(path: string, append: AppendId, options?: ProducerWriteOptions): Promise<FileWriter>;
  /**
   * Opens an appender synchronously. Creates the file as {@link openWrite} does, and throws the errors with which that
   * rejects. Absent if the file system has no streams.
   */
  openAppend?(path: string, options?: AppendOptions): Appender;
  openStream(path: string, options?: OpenStreamOptions): Promise<StreamSource>;
  openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle>;
  /** Ends a stream without removing it (contract 29). NOT_SUPPORTED for other files. */
  end(path: string, options?: EndOptions): Promise<void>;
  /** The currently retained bytes of a stream, as content with an end (contract 34). Other files: as `open`. */
  snapshot(path: string, options?: OpenStreamOptions): Promise<Snapshot>;
  capabilities(path: string): Promise<Capabilities>;
  /** The streams of the file system, for protocols that create and append in one step. Absent if it has none. */
  streams?(): StreamStore;
  /** The effective settings of a stream. Absent if the file system has no streams. */
  streamSettings?(path: string): Promise<StreamSettingsInForce>;
  /** Counts as activity of a stream with a `ttl` and has no other effect. Absent if the file system has no streams. */
  renew?(path: string): Promise<void>;
}

/** The retained bytes without a copy. Do not write to them. `offset` is the absolute offset of the first byte. */
export interface Snapshot {
  parts: readonly Uint8Array[];
  /** The content to read instead of `parts` if not all of it is in memory; `parts` is then empty. Can be read once. */
  content?: SizedContent | undefined;
  offset: number;
  generation?: string | undefined;
  /** The stream's content type. */
  type?: string | undefined;
}
