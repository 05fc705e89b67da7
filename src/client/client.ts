/**
 * The client: every call of the HTTP API as a method. It runs wherever `fetch` exists. It keeps no connection open by
 * itself, so it need not be closed.
 */
import { HEADERS } from '../protocol/index.ts';
import { type OptionNames, requireOptions, requireType } from '../units/index.ts';
import type { BackoffOptions } from './backoff.ts';
import { describeFailure, StreamFSClientError } from './errors.ts';
import { bodyReader, type FetchFunction, type FetchInit, type FetchResponse } from './fetch.ts';
import { follow } from './follow.ts';
import type { FollowOptions, FollowRecord } from './follow-types.ts';
import { type OpenHandleOptions, openHandle, type StreamFSHandle } from './handle.ts';
import { offsetHeader } from './headers.ts';
import { settingsQuery } from './settings.ts';
import { Transport } from './transport.ts';
import type {
  Digest,
  EndOptions,
  FileInfo,
  FileList,
  GrepMatch,
  HandleInfo,
  Health,
  Link,
  LinkOptions,
  ListOptions,
  Mount,
  PathCapabilities,
  PluginInfo,
  ReaderList,
  ReadersOptions,
  ServerCapabilities,
  ServerStats,
  SnapshotOptions,
  SnapshotResult,
  SnapshotSource,
  StreamSettings,
  Version,
} from './types.ts';
import { checkEndStatus, checkInteger, checkOnlyOne } from './validate.ts';
import { write } from './write.ts';
import type { WriteOptions, WriteResult, WriteSource } from './write-types.ts';

export interface StreamFSClientOptions {
  /** The server, with or without `/api/v1`. Default `http://127.0.0.1:8080`. */
  url?: string | undefined;
  token?: string | undefined;
  /** Default: the platform's. Declared as a method, so that the `fetch` type of any platform is assignable. */
  fetch?(url: string, init: FetchInit): Promise<FetchResponse>;
  /** Aborts all operations of this client. */
  signal?: AbortSignal | undefined;
  /** Default of `reconnect` for `follow`. */
  retry?: BackoffOptions | undefined;
}

export interface ReadOptions {
  /** Bytes from the beginning of the file. Default 0. */
  offset?: number | undefined;
  /** Bytes at most. Default: all. */
  size?: number | undefined;
  signal?: AbortSignal | undefined;
}

export const DEFAULT_URL = 'http://127.0.0.1:8080';

const OPTIONS: OptionNames<StreamFSClientOptions> = { url: true, token: true, fetch: true, signal: true, retry: true };
const WRITE_OPTIONS: OptionNames<WriteOptions> = {
  ...{ end: true, endStatus: true, create: true, atomic: true, settings: true, generation: true, offset: true },
  ...{ reconnect: true, waitForServer: true, recreate: true, retryFor: true, signal: true },
  ...{ onLoss: true, onRetry: true, onOpen: true, onProgress: true },
};
const FOLLOW_OPTIONS: OptionNames<FollowOptions> = {
  ...{ from: true, offset: true, last: true, lastLines: true, join: true, onExpired: true, generation: true },
  ...{ create: true, onLag: true, timeout: true, heartbeat: true, heartbeats: true, reconnect: true },
  ...{ waitForServer: true, retryFor: true, signal: true },
};

/**
 * The API of a server as methods. Refusals, cuts and unreachable servers are {@link StreamFSClientError}s.
 *
 * @example
 * ```ts
 * import { startApp } from 'streamfsd';
 * import { StreamFSClient } from 'streamfsd/client';
 *
 * const app = await startApp({ address: '127.0.0.1:0' });
 * const client = new StreamFSClient({ url: app.url });
 * await client.write('/streamfs/greeting', 'hello', { end: true });
 * for await (const record of client.follow('/streamfs/greeting')) {
 *   if (record.type === 'data') console.log(new TextDecoder().decode(record.data)); // hello
 * }
 * console.log((await client.stat('/streamfs/greeting')).size); // 5
 * await app.shutdown();
 * ```
 */
export class StreamFSClient {
  readonly #transport: Transport;
  readonly #retry: BackoffOptions | undefined;

  /** Throws a TypeError if `url` or `token` is invalid. */
  constructor(options: StreamFSClientOptions = {}) {
    requireOptions('StreamFSClient', options, OPTIONS);
    requireType('fetch', options.fetch, 'function', true);
    requireType('retry', options.retry, 'object', true);
    requireType('token', options.token, 'string', true);
    this.#transport = new Transport({
      url: options.url ?? DEFAULT_URL,
      token: options.token,
      fetch: options.fetch as FetchFunction | undefined,
      signal: options.signal,
    });
    this.#retry = options.retry;
  }

  /** The base of every request, such as `http://127.0.0.1:8080/api/v1`. */
  get url(): string {
    return this.#transport.base;
  }

  // The server

  health(): Promise<Health> {
    return this.#transport.json('GET', '/health');
  }

  /** Whether the startup of every mount was attempted; false stands for the server's 503. */
  async ready(): Promise<boolean> {
    let response: FetchResponse;
    try {
      response = await this.#transport.send('GET', '/ready');
      await response.text();
    } catch (error) {
      throw this.#transport.unreachable(error);
    }
    return response.ok;
  }

  /** Usage compared with the limits, and how often each limit was reached. Needs `admin` everywhere. */
  stats(options: { signal?: AbortSignal | undefined } = {}): Promise<ServerStats> {
    requireType('options of stats', options, 'object');
    return this.#transport.json('GET', '/stats', { signal: options.signal });
  }

  version(): Promise<Version> {
    return this.#transport.json('GET', '/version');
  }

  /** What the server supports, or the operations that a path supports. */
  capabilities(): Promise<ServerCapabilities>;
  capabilities(path: string): Promise<PathCapabilities>;
  capabilities(path?: string): Promise<ServerCapabilities | PathCapabilities> {
    return this.#transport.json('GET', '/capabilities', { query: { path } });
  }

  // Files and directories

  async list(path: string): Promise<FileInfo[]> {
    const response = await this.#transport.json<{ files: FileInfo[] | null }>('GET', '/directories', {
      query: { path },
    });
    return response.files ?? [];
  }

  /**
   * A part of a listing: at most `limit` entries (1000 by default, at most 10,000) that follow the entry named `after`.
   * `next` is set if there are more: pass it as `after` to continue.
   */
  listPage(path: string, { after, limit = 1000, signal }: ListOptions = {}): Promise<FileList> {
    checkInteger('limit', limit, 1);
    return this.#transport.json('GET', '/directories', { query: { path, limit, after }, signal });
  }

  stat(path: string): Promise<FileInfo> {
    return this.#transport.json('GET', '/stat', { query: { path } });
  }

  /** Creates an empty file, or a stream with `settings`. */
  async create(path: string, settings?: StreamSettings): Promise<void> {
    await this.#transport.json('POST', '/files', { query: { path, ...settingsQuery(settings) } });
  }

  /**
   * `mode` is a number of permission bits: 0o755 by default. It is sent with a leading zero, which marks it as octal.
   */
  async mkdir(path: string, mode = 0o755): Promise<void> {
    checkInteger('mode', mode);
    await this.#transport.json('POST', '/directories', { query: { path, mode: `0${mode.toString(8)}` } });
  }

  async remove(path: string, options: { recursive?: boolean | undefined } = {}): Promise<void> {
    const recursive = options.recursive === true ? true : undefined;
    await this.#transport.json('DELETE', '/files', { query: { path, recursive } });
  }

  /** Ends a stream: readers get the remaining bytes, then the end; history stays readable. Idempotent. */
  async end(path: string, options: EndOptions = {}): Promise<void> {
    checkEndStatus('status', options.status);
    await this.#transport.json('POST', '/end', { query: { path, end_status: options.status } });
  }

  /** Creates the file, or sets its modTime to now. */
  async touch(path: string): Promise<void> {
    await this.#transport.json('POST', '/touch', { query: { path } });
  }

  async truncate(path: string, size: number): Promise<void> {
    checkInteger('size', size);
    await this.#transport.json('POST', '/truncate', { query: { path, size } });
  }

  async rename(path: string, newPath: string): Promise<void> {
    await this.#transport.json('POST', '/rename', { query: { path }, json: { newPath } });
  }

  async chmod(path: string, mode: number): Promise<void> {
    checkInteger('mode', mode);
    await this.#transport.json('POST', '/chmod', { query: { path }, json: { mode } });
  }

  digest(path: string, algorithm: 'xxh3' | 'md5' = 'xxh3'): Promise<Digest> {
    return this.#transport.json('POST', '/digest', { json: { path, algorithm } });
  }

  /** Lines that match a regular expression, in a file or, with `recursive`, below a directory. */
  grep(
    path: string,
    pattern: string,
    options: {
      recursive?: boolean | undefined;
      caseInsensitive?: boolean | undefined;
      signal?: AbortSignal | undefined;
    } = {},
  ): Promise<{ matches: GrepMatch[]; count: number }> {
    return this.#transport.json('POST', '/grep', {
      json: {
        path,
        pattern,
        recursive: options.recursive ?? false,
        case_insensitive: options.caseInsensitive ?? false,
        stream: false,
      },
      signal: options.signal,
    });
  }

  // Content

  /** All bytes of a file. A stream refuses with USE_STREAM_MODE: use `follow` or `snapshot`. */
  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    const { data } = await this.#transport.bytes('GET', '/files', readRequest(path, options));
    return data;
  }

  /** The bytes of a file, piece by piece, as they arrive. */
  async *download(path: string, options: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const response = await this.#transport.request('GET', '/files', readRequest(path, options));
    yield* this.#piecesOf(response, options.signal);
  }

  async *#piecesOf(response: FetchResponse, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, void> {
    const reader = bodyReader(response.body);
    let received = 0;
    try {
      while (true) {
        const piece = await reader.next().catch((cause: unknown) => {
          if (this.#transport.aborted(signal)) throw cause;
          const message = `the response broke off after ${received} bytes: ${describeFailure(cause)}`;
          throw new StreamFSClientError('cut', message, { details: { received }, cause });
        });
        if (piece === undefined) return;
        received += piece.length;
        yield piece;
      }
    } finally {
      reader.cancel();
    }
  }

  /** The retained bytes of a stream, as one array. */
  async snapshot(path: string, options: SnapshotOptions = {}): Promise<SnapshotResult> {
    const { data, headers } = await this.#transport.bytes('GET', '/files', snapshotRequest(path, options));
    return { data, ...snapshotFacts({ headers }) };
  }

  /**
   * Like {@link snapshot}, but piece by piece, as the bytes arrive: a snapshot may be as large as the stream's ring.
   */
  async openSnapshot(path: string, options: SnapshotOptions = {}): Promise<SnapshotSource> {
    const response = await this.#transport.request('GET', '/files', snapshotRequest(path, options));
    return { pieces: this.#piecesOf(response, options.signal), ...snapshotFacts(response) };
  }

  /**
   * Writes a body of any length. To a stream it is appended, and reaches readers as it is sent.
   *
   * A refusal (STREAM_CLOSED, …) is an error of kind `http`, thrown as soon as it arrives, even in the middle of the
   * source. A broken connection is an error of kind `cut`: how many bytes were accepted is then unknown. In a browser,
   * a source that is a stream cannot be written over HTTP/1.1.
   */
  async write(path: string, source: WriteSource, options: WriteOptions = {}): Promise<WriteResult> {
    requireOptions('write', options, WRITE_OPTIONS);
    return write(this.#transport, path, source, options);
  }

  /**
   * Follows a stream live: yields its records, reconnecting after cuts, until it ends. Leaving the loop closes the
   * connection.
   *
   * Throws `unreachable` if there is no server at first, and `http` for refusals. These include READER_TOO_SLOW and, if
   * an administrator disconnected the reader, READER_KICKED; it does not reconnect after these. Throws `cut` only if it
   * must not or cannot reconnect, and the signal's reason when aborted.
   */
  follow(path: string, options: FollowOptions = {}): AsyncIterableIterator<FollowRecord> {
    requireOptions('follow', options, FOLLOW_OPTIONS);
    const patient = (options.reconnect ?? true) === true && this.#retry !== undefined;
    return follow(this.#transport, path, patient ? { ...options, reconnect: this.#retry } : options);
  }

  // Handles

  openHandle(path: string, options: OpenHandleOptions = {}): Promise<StreamFSHandle> {
    return openHandle(this.#transport, path, options);
  }

  async handles(): Promise<HandleInfo[]> {
    const response = await this.#transport.json<{ handles: HandleInfo[] | null }>('GET', '/handles');
    return response.handles ?? [];
  }

  // Readers

  /**
   * Lists readers by id: of one stream, or of all streams below a directory or mount. `next` is set if there are more.
   */
  readers(options: ReadersOptions = {}): Promise<ReaderList> {
    requireType('options of readers', options, 'object');
    const { path, limit, after, signal } = options;
    checkInteger('limit', limit, 1);
    checkInteger('after', after);
    return this.#transport.json('GET', '/readers', { query: { path, limit, after }, signal });
  }

  /**
   * Disconnects a reader: its program gets the error READER_KICKED, or a response with the end reason `kicked`.
   *
   * @param options `node`: the node of the list with this id, if several servers share a log: another one refuses
   */
  async kick(id: number, { node }: { node?: string | undefined } = {}): Promise<void> {
    checkInteger('id', id);
    await this.#transport.json('DELETE', `/readers/${id}`, { query: { node } });
  }

  // Links

  /** Creates an address with which anyone can read, or write, this one path for a limited time without a token. */
  async createLink(path: string, options: LinkOptions = {}): Promise<Link> {
    const { right = 'read', expiresIn, signal } = options;
    checkInteger('expiresIn', expiresIn, 1000);
    const lifetime = expiresIn === undefined ? {} : { expires_in: `${expiresIn}ms` };
    const link = await this.#transport.json<Link>('POST', '/links', { json: { path, right, ...lifetime }, signal });
    return { ...link, url: this.#transport.addressOf(link.url) };
  }

  // Mounts and plugins

  async mounts(): Promise<Mount[]> {
    const response = await this.#transport.json<{ mounts: Mount[] | null }>('GET', '/mounts');
    return response.mounts ?? [];
  }

  async mount(fstype: string, path: string, config: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.#transport.json('POST', '/mount', { json: { fstype, path, config } });
  }

  async unmount(path: string): Promise<void> {
    await this.#transport.json('POST', '/unmount', { json: { path } });
  }

  async plugins(): Promise<PluginInfo[]> {
    const response = await this.#transport.json<{ plugins: PluginInfo[] | null }>('GET', '/plugins');
    return response.plugins ?? [];
  }
}

function snapshotRequest(path: string, options: SnapshotOptions) {
  const { generation, last, lastLines, offset, onExpired, signal } = options;
  checkOnlyOne({ offset, last, lastLines });
  checkInteger('offset', offset);
  checkInteger('last', last, 1);
  checkInteger('lastLines', lastLines, 1);
  const query = { path, snapshot: true, offset, last, last_lines: lastLines, on_expired: onExpired, generation };
  return { query, signal };
}

function snapshotFacts(response: Pick<FetchResponse, 'headers'>) {
  return {
    offset: offsetHeader(response),
    generation: response.headers.get(HEADERS.streamGeneration) ?? undefined,
  };
}

function readRequest(path: string, options: ReadOptions) {
  checkInteger('offset', options.offset);
  checkInteger('size', options.size);
  return { query: { path, offset: options.offset, size: options.size }, signal: options.signal };
}
