/** An open file on the server, with its own position, whose lease is extended by each use (contract 48 to 65). */

import { FRAMES_MEDIA_TYPE, HEADERS, OCTET_STREAM } from '../protocol/index.ts';
import { endReason } from './end-reason.ts';
import { StreamFSClientError } from './errors.ts';
import { bodyReader } from './fetch.ts';
import { FrameDecoder } from './frames.ts';
import { isFramed } from './headers.ts';
import type { Transport } from './transport.ts';
import type { FileInfo, HandleInfo } from './types.ts';
import { checkInteger } from './validate.ts';

export interface OpenHandleOptions {
  /** 0 reads (default), 1 writes, 2 does both. */
  flags?: 0 | 1 | 2 | undefined;
  /** Whether a missing file is created. Default: a stream is, if its mount allows it; other files are not. */
  create?: boolean | undefined;
  /** Permission bits of a file that is created. Default 0o644. */
  mode?: number | undefined;
  /**
   * `lines`: lines of several writers of a stream never mix, even if a line is written in several calls. A line that is
   * unfinished when the handle is closed is completed with a newline.
   */
  atomic?: 'lines' | undefined;
  /**
   * Seconds for which the server keeps an unused handle open: 1 to 300, default 60. Then it may close the handle to
   * make room.
   */
  lease?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface HandleReadOptions {
  /** Bytes at most. Default 65 536. */
  size?: number | undefined;
  /** Milliseconds to wait if there is no data yet. Default: the server's 30 s. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface HandleReadResult {
  /** May be shorter than requested. Empty with `eof: false` means a timeout. */
  data: Uint8Array;
  /** Whether the end has been reached (contract 53). */
  eof: boolean;
}

const WHENCE = { start: 0, current: 1, end: 2 } as const;
const DEFAULT_READ = 65_536;

export async function openHandle(
  transport: Transport,
  path: string,
  options: OpenHandleOptions = {},
): Promise<StreamFSHandle> {
  checkInteger('mode', options.mode);
  checkInteger('lease', options.lease, 1);
  const opened = await transport.json<HandleInfo>('POST', '/handles/open', {
    query: {
      path,
      flags: options.flags ?? 0,
      create: options.create,
      // In octal, as every server of this protocol expects it.
      mode: options.mode === undefined ? undefined : options.mode.toString(8).padStart(4, '0'),
      lease: options.lease,
      atomic: options.atomic,
    },
    signal: options.signal,
  });
  return new StreamFSHandle(transport, opened);
}

export class StreamFSHandle {
  readonly id: number;
  readonly path: string;
  /** Seconds. */
  readonly lease: number;
  readonly #transport: Transport;
  readonly #route: string;

  constructor(transport: Transport, opened: HandleInfo) {
    this.#transport = transport;
    this.id = opened.handle_id;
    this.path = opened.path;
    this.lease = opened.lease;
    this.#route = `/handles/${this.id}`;
  }

  /** Reads the next bytes and moves the position past them. Waits until there are some. */
  read(options: HandleReadOptions = {}): Promise<HandleReadResult> {
    return this.#read(undefined, options);
  }

  /** Reads the bytes at `offset`; the position does not change. */
  readAt(offset: number, options: HandleReadOptions = {}): Promise<HandleReadResult> {
    checkInteger('offset', offset);
    return this.#read(offset, options);
  }

  async #read(offset: number | undefined, options: HandleReadOptions): Promise<HandleReadResult> {
    checkInteger('size', options.size, 1);
    checkInteger('timeout', options.timeout);
    const timeout = options.timeout === undefined ? undefined : `${options.timeout}ms`;
    const { data, headers } = await this.#transport.bytes('GET', `${this.#route}/read`, {
      query: { offset, size: options.size ?? DEFAULT_READ, timeout },
      signal: options.signal,
    });
    return { data, eof: headers.get(HEADERS.eof) === 'true' };
  }

  /** Writes at `offset`, or at the position; a stream always appends. */
  async write(
    data: Uint8Array | string,
    options: { offset?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<{ written: number; position: number }> {
    checkInteger('offset', options.offset);
    const response = await this.#transport.json<{ bytes_written: number; position: number }>(
      'PUT',
      `${this.#route}/write`,
      { query: { offset: options.offset }, body: data, signal: options.signal },
    );
    return { written: response.bytes_written, position: response.position };
  }

  /** Moves the position, and returns the new one. */
  async seek(offset: number, whence: keyof typeof WHENCE = 'start'): Promise<number> {
    if (!Number.isSafeInteger(offset)) throw new TypeError(`invalid offset: ${offset} is not a whole number`);
    const query = { offset, whence: WHENCE[whence] };
    const response = await this.#transport.json<{ position: number }>('POST', `${this.#route}/seek`, { query });
    return response.position;
  }

  async sync(): Promise<void> {
    await this.#transport.json('POST', `${this.#route}/sync`);
  }

  stat(): Promise<FileInfo> {
    return this.#transport.json('GET', `${this.#route}/stat`);
  }

  info(): Promise<HandleInfo> {
    return this.#transport.json('GET', this.#route);
  }

  /** Renews the lease, with another length if `lease` (seconds) is given. */
  renew(lease?: number): Promise<HandleInfo> {
    checkInteger('lease', lease, 1);
    return this.#transport.json('POST', `${this.#route}/renew`, { query: { lease } });
  }

  async truncate(size: number): Promise<void> {
    checkInteger('size', size);
    await this.#transport.json('POST', `${this.#route}/truncate`, { query: { size } });
  }

  /**
   * A live read from the position, one at a time for each handle (contract 65). It ends when the file ends or the
   * handle is closed. Throws READER_TOO_SLOW and READER_KICKED if the server ends it early, and `cut` if the connection
   * breaks.
   */
  async *stream(options: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<Uint8Array, void, void> {
    const response = await this.#transport.request('GET', `${this.#route}/stream`, {
      // Only a framed read reports how it ended.
      headers: { accept: `${FRAMES_MEDIA_TYPE}, ${OCTET_STREAM};q=0.5` },
      signal: options.signal,
    });
    const decoder = isFramed(response) ? new FrameDecoder() : undefined;
    const reader = bodyReader(response.body);
    try {
      for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) {
        if (decoder === undefined) yield piece;
        for (const frame of decoder?.push(piece) ?? []) {
          if (frame.type === 'data') yield frame.data;
          if (frame.type !== 'end') continue;
          if (frame.reason !== 'closed') endReason(frame.reason, frame.offset);
          return;
        }
      }
    } finally {
      reader.cancel();
    }
    if (decoder !== undefined)
      throw new StreamFSClientError('cut', 'the connection was cut before the end of the stream');
  }

  async close(): Promise<void> {
    await this.#transport.json('DELETE', this.#route);
  }
}
