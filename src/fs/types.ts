/**
 * What a file system is. Every plugin gives one; the mount table makes one of many; the server, handles and
 * library users see nothing else.
 *
 * Paths are absolute within the file system, normalised by `normalizePath` before a plugin sees them: they begin with
 * `/`, have no empty, `.` or `..` part, and no trailing slash except the root itself. Errors are `StreamFSError`s, and
 * name paths relative to the mount (`/live`, not `/streamfs/live`).
 *
 * Everything is asynchronous except the write of a chunk, which is on the hot path: it returns a promise only when
 * there is something to wait for.
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
  /** Bytes. For a stream: bytes ever written (contract 5). */
  size: number;
  /** Permission bits, as a number: 0o644 is 420. */
  mode: number;
  modTime: Date;
  isDir: boolean;
  meta: FileMeta;
}

/** How a write is asked for. A stream ignores all of it but `create` (contract 1). */
export interface WriteOptions extends CreateOptions {
  /** Where to write, in bytes; -1 (the default) replaces the file from its beginning. */
  offset?: number | undefined;
  append?: boolean | undefined;
  /** Create the file where absent. Default: as the mount says, which is to create. */
  create?: boolean | undefined;
  exclusive?: boolean | undefined;
  truncate?: boolean | undefined;
  /**
   * `lines`: lines of several writers of a stream never mix, and a line that its writer leaves unfinished is completed
   * with a newline (contract 88). Of an ordinary file it changes nothing. Default: as the stream's settings say. A
   * stream that is made by the write gets it as a setting.
   */
  atomic?: 'lines' | undefined;
}

/** How a place to append at is asked for. */
export interface AppendOptions extends CreateOptions, Pick<WriteOptions, 'create' | 'atomic'> {}

/** How an append of a producer is asked for. */
export interface ProducerWriteOptions extends CreateOptions, Pick<WriteOptions, 'create' | 'atomic'> {
  /** Refuse where the stream is not there (STREAM_NOT_FOUND) or another (STREAM_RECREATED). */
  generation?: string | undefined;
}

/** What an append of a producer came to. */
export interface ProducerFacts {
  /** It had been applied whole before: its body is not applied again. */
  readonly isRepeated: boolean;
  readonly epoch: number;
  /** The highest number applied whole, once the writer is closed. */
  readonly seq: number;
}

/** How a stream is ended. */
export interface EndOptions {
  /** What the writer says of how it ended, such as `exit 3` (contract 100): see `isEndStatus`. */
  status?: string | undefined;
}

export interface CloseOptions {
  end?: boolean | undefined;
  /** With `end`. */
  endStatus?: string | undefined;
}

/** A body on its way into a file: `write` each piece, then `close`. */
export interface FileWriter {
  /**
   * Takes a piece; the caller may reuse its memory as soon as this returns (contract 2).
   * Returns a promise only when the file asks its writer to wait (contract 20, policy `block`).
   */
  write(piece: Uint8Array): void | Promise<void>;
  /** Bytes taken so far. */
  readonly written: number;
  /** Set by the caller: called when no more can be written, also between two writes. */
  onStop?: ((error: Error) => void) | undefined;
  /** Of a stream: its end offset after the last piece taken. */
  readonly endOffset?: number | undefined;
  /** Of a stream: its generation. */
  readonly generation?: string | undefined;
  /** Of a stream that is kept on disk: what it means that `close` is done. */
  readonly durability?: Durability | undefined;
  /** Cuts its input at newlines, however the input arrives. */
  readonly keepsLines?: boolean | undefined;
  /** Set for an append of a producer: what is left of a piece when its body breaks off must not be written then. */
  readonly producer?: ProducerFacts | undefined;
  /** Ends the body. With `end`, a stream is ended as well (contract 29). */
  close(options?: CloseOptions): Promise<void>;
  /** The body broke off: keep what has come if the file can (streams do, contract 72), else undo. */
  abort(): Promise<void>;
}

/** How a stream is opened for reading. */
export interface OpenStreamOptions extends ReaderOptions, CreateOptions {
  /** Create the stream where absent (contract 35, 36). Default: as the mount says. */
  create?: boolean | undefined;
  /**
   * What the reader may do beside reading, where it asks for the policy `block`: writers wait for it then (contract 97).
   * Default `writer`: a program that has the file system at hand may write as well.
   */
  role?: ReaderRole | undefined;
  /** Aborted when the answer is no longer needed: a search on disk stops. */
  signal?: AbortSignal | undefined;
}

/** `link`: the reader has a signed link and no token. */
export type ReaderRole = 'writer' | 'reader' | 'link';

/** A part of a file: `offset` below 0 counts as 0, `size` below 0 as everything; past the end is empty (contract 42). */
export interface ByteRange {
  /** Default 0. */
  offset?: number | undefined;
  /** Default -1. */
  size?: number | undefined;
}

/**
 * Bytes that come in pieces, as they are asked for, and how many there will be. Pieces are to be read only. They are
 * small, or lie in memory that their file has been charged for (`shared` of the budget).
 */
export interface SizedContent extends AsyncIterable<Uint8Array> {
  readonly size: number;
}

/** What opening for streaming gives: a live reader, or a content that has an end. */
export type StreamSource =
  /** `type`: the stream's content type. */
  | { kind: 'live'; reader: Reader; type: string }
  | { kind: 'content'; content: AsyncIterable<Uint8Array>; size?: number | undefined };

/** What a handle read gives. `data` may be shorter than asked for; empty with `eof: false` is a timeout. */
export interface HandleRead {
  data: Uint8Array;
  /** True at the end of an ended stream, or at the end of a file (contract 53). */
  eof: boolean;
  /** The offset of the first byte of `data`. */
  offset: number;
  /** Bytes lost before `data`, when the handle had fallen too far behind (contract 9). */
  skipped: number;
  /**
   * Says whether `data` has been delivered; to be called once. Only then does the handle's position move behind it, so
   * that a client that gives up loses nothing (contract 54); until then the next read from the position waits. A
   * read-at does nothing here.
   */
  commit(delivered?: boolean): void;
}

export interface HandleReadOptions {
  /** Maximum number of bytes, from 1. */
  size: number;
  /** Read at this offset, leaving the position alone; absent: at the position. */
  offset?: number | undefined;
  /** How long to wait when there is nothing, in milliseconds; 0 does not wait. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

/** An open file. Ids and leases belong to the handle table, not to the file system. */
export interface FileHandle {
  readonly path: string;
  /** Of a stream, where it is open for reading: where it stands. Another one after a live read. */
  readonly reader?: Reader | undefined;
  read(options: HandleReadOptions): Promise<HandleRead>;
  /** Writes at `offset`, or at the position, or where the file says (a stream: always at its end). */
  write(data: Uint8Array, offset?: number): Promise<{ written: number; position: number }>;
  /** Moves the position; `whence` 0 start, 1 current, 2 end. Gives the new position. */
  seek(offset: number, whence: number): Promise<number>;
  sync(): Promise<void>;
  stat(): Promise<FileInfo>;
  truncate(size: number): Promise<void>;
  /** A body that was written here broke off: its last line, where lines are kept whole, is completed. */
  completeLine?(): Promise<void>;
  /** A live read from the position. One at a time: a second is HANDLE_BUSY (contract 65). */
  stream(): Promise<StreamSource>;
  /**
   * What {@link stream} would give now, without taking the handle: for an answer that has headers only. Nothing of it
   * may be read. Throws as `stream` does, HANDLE_BUSY included.
   */
  describeStream(): Promise<StreamSource>;
  /** Frees everything and ends waiting reads at once. Twice is harmless. */
  close(): Promise<void>;
}

export interface OpenHandleOptions extends CreateOptions {
  /** As sent: only bit 0 (write only) and bit 1 (read and write) may matter to a stream (contract 49). */
  flags: number;
  /** Permission bits for a file that is created. */
  mode: number;
  /** Create the file where absent (contract 36). Default: as the mount says. */
  create?: boolean | undefined;
  /** As in {@link WriteOptions}, over all writes to the handle: a line that is unfinished is completed at its close. */
  atomic?: 'lines' | undefined;
}

/** A part of a listing. */
export interface DirectoryPage {
  /** The name of the last entry of the page before; undefined: from the first. It may have been removed since. */
  readonly after: string | undefined;
  /** The most entries. */
  readonly limit: number;
}

export interface FileSystem {
  create(path: string, options?: CreateOptions): Promise<void>;
  mkdir(path: string, mode: number): Promise<void>;
  remove(path: string): Promise<void>;
  removeAll(path: string): Promise<void>;
  /** `offset` below 0 counts as 0, `size` below 0 as everything; past the end is empty (contract 42). */
  read(path: string, offset: number, size: number): Promise<Uint8Array>;
  /** One whole write. Gives the bytes written. */
  write(path: string, data: Uint8Array, options?: WriteOptions): Promise<number>;
  readDir(path: string): Promise<FileInfo[]>;
  /** A part of what `readDir` lists, in the same order. Absent where a file system has few files in a directory. */
  readDirPage?(path: string, page: DirectoryPage): Promise<FileInfo[]>;
  stat(path: string): Promise<FileInfo>;
  rename(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  /** Creates the file, or moves its modTime to now. */
  touch(path: string, options?: CreateOptions): Promise<void>;
  /**
   * Rights are those at the path that is asked for: a file system that follows links must not follow one out of the
   * directory it lies in.
   */
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string>;
  /** The content, or a part of it, in pieces: it is as it was when it was opened. A stream refuses (contract 34). */
  open(path: string, range?: ByteRange): Promise<SizedContent>;
  openWrite(path: string, options?: WriteOptions): Promise<FileWriter>;
  /**
   * As `openWrite`, for an append that is applied once however often it comes. `written` counts all that is applied of
   * it. Absent where a file system cannot remember what has been applied.
   */
  openProducerWrite?(path: string, append: AppendId, options?: ProducerWriteOptions): Promise<FileWriter>;
  /**
   * A place to append at, at once; creates the file as {@link openWrite} does, and throws as that rejects. Absent where
   * a file system has no streams.
   */
  openAppend?(path: string, options?: AppendOptions): Appender;
  openStream(path: string, options?: OpenStreamOptions): Promise<StreamSource>;
  openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle>;
  /** Ends a stream without removing it (contract 29); elsewhere NOT_SUPPORTED. */
  end(path: string, options?: EndOptions): Promise<void>;
  /** The bytes that are kept of a stream now, as a content with an end (contract 34); elsewhere as `open`. */
  snapshot(path: string, options?: OpenStreamOptions): Promise<Snapshot>;
  capabilities(path: string): Promise<Capabilities>;
  /** Its streams for protocols that create and append in one step. Absent where a file system has none. */
  streams?(): StreamStore;
  /** What holds for a stream. Absent where a file system has none. */
  streamSettings?(path: string): Promise<StreamSettingsInForce>;
  /** Counts as activity at a stream with a `ttl`, and changes nothing else. Absent where a file system has no streams. */
  renew?(path: string): Promise<void>;
}

/** What is retained, where it lies: to be read only. `offset` is the absolute offset of its first byte. */
export interface Snapshot {
  parts: readonly Uint8Array[];
  /** Where not all of it lies in memory: what is read instead of `parts`, of which there are none then. Once. */
  content?: SizedContent | undefined;
  offset: number;
  generation?: string | undefined;
  /** The stream's content type. */
  type?: string | undefined;
}
