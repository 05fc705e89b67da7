/** Reading and writing through a handle, also for clients that disconnect half way (contract 52, 54). */

import { isStreamFSError } from '../../errors/index.ts';
import type { FileHandle, FileWriter, HandleRead } from '../../fs/index.ts';
import { HEADERS } from '../../protocol/index.ts';
import { CONTENT_HEADERS } from '../http/headers.ts';
import { bodyLimit } from '../http/json-body.ts';
import { sendBytes, sendJson } from '../http/respond.ts';
import { APPEND_ERRORS, BYTES, json, START_ERRORS } from '../http/responses.ts';
import type { Exchange, Route } from '../http/route.ts';
import { RequestBody, receiveBody } from '../ingest/receive.ts';
import { HANDLE_ID, handleId } from './handles.ts';
import { optional } from './parameters.ts';

const DEFAULT_READ = 4096;

/** The length that `size=-1` (everything) stands for, in bytes. */
const READ_ALL = 1024 * 1024;

/** The maximum length of one read, in bytes. */
const MAX_READ = 64 * 1024 * 1024;

/** How long a read waits for bytes, in milliseconds (contract 52). */
const DEFAULT_WAIT = 30_000;

export const readHandle: Route = {
  method: 'GET',
  pattern: '/api/v1/handles/:id/read',
  summary: 'Reads from the position, or at `offset`; waits if there are no bytes yet.',
  permission: 'read handle',
  answers: [
    {
      status: 200,
      description: 'The bytes; none after a timeout or at the end.',
      content: BYTES,
      headers: [HEADERS.bytesRead, HEADERS.eof, HEADERS.streamOffset, HEADERS.streamSkipped],
    },
  ],
  errors: ['READER_BUSY', 'READER_TOO_SLOW', 'READER_CLOSED', 'HANDLE_BUSY', ...START_ERRORS],
  parameters: [
    HANDLE_ID,
    optional(
      'size',
      'integer',
      'Maximum number of bytes, up to 64 MiB; -1 for up to 1 MiB. A device gives up to 1 MiB.',
      '4096',
      { min: -1, max: MAX_READ },
    ),
    optional(
      'offset',
      'integer',
      'Read at this offset without moving the position. Default: at the position.',
      undefined,
      {
        min: 0,
      },
    ),
    optional('timeout', 'duration', 'How long to wait for bytes; 0 does not wait.', '30s'),
  ],
  async handle(exchange) {
    const { res, query, server, waitSignal } = exchange;
    const id = handleId(exchange);
    const size = readSize(exchange);
    const offset = query.integer('offset', { min: 0 });
    const timeout = query.duration('timeout') ?? DEFAULT_WAIT;
    const place = offset === undefined ? { size } : { size, offset };
    const read = await server.handles.use(id, async (handle) => {
      if (size === 0) return nothing(offset);
      try {
        return await handle.read({ ...place, timeout, signal: waitSignal });
      } catch (error) {
        if (!waitSignal.aborted || res.destroyed) throw error;
        // A client that has closed its side does not wait for new bytes: it gets those that have arrived, as after a
        // timeout.
        return handle.read({ ...place, timeout: 0 });
      }
    });
    // The position moves when the bytes have been sent, not when they were read: a client that disconnects in between
    // can read them again (contract 54).
    try {
      sendBytes(exchange, read.data, readHeaders(read));
    } catch (error) {
      read.commit(false);
      throw error;
    }
    res.once('finish', () => read.commit());
    res.once('close', () => read.commit(false));
    if (res.destroyed) read.commit(false);
  },
  /** Describes a read that does not wait. The position does not move. */
  async head(exchange) {
    const { res, query, server } = exchange;
    const size = readSize(exchange);
    const offset = query.integer('offset', { min: 0 });
    query.duration('timeout');
    const place = offset === undefined ? { size } : { size, offset };
    const read = await server.handles.use(handleId(exchange), async (handle) =>
      size === 0 ? nothing(offset) : handle.read({ ...place, timeout: 0 }),
    );
    read.commit(false);
    res.writeHead(200, { ...CONTENT_HEADERS, ...readHeaders(read), 'Content-Length': read.data.length }).end();
  },
};

function readHeaders(read: HandleRead) {
  return {
    [HEADERS.bytesRead]: read.data.length,
    [HEADERS.eof]: String(read.eof),
    [HEADERS.streamOffset]: read.offset,
    [HEADERS.streamSkipped]: read.skipped,
  };
}

/** The result of a read of 0 bytes: it never waits, so the handle is not asked. */
function nothing(offset: number | undefined): HandleRead {
  return { data: new Uint8Array(0), eof: false, offset: offset ?? 0, skipped: 0, commit() {} };
}

function readSize({ query }: Exchange): number {
  const size = query.integer('size', { min: -1, max: MAX_READ }) ?? DEFAULT_READ;
  return size === -1 ? READ_ALL : size;
}

export const writeHandle: Route = {
  method: 'PUT',
  pattern: '/api/v1/handles/:id/write',
  summary: 'Writes the body at the position, or at `offset`. A stream appends, whatever the offset.',
  permission: 'write handle',
  answers: [json(200, 'HandleWrite', 'The number of bytes written, and the position.')],
  errors: ['HANDLE_READ_ONLY', 'STREAM_NOT_INITIALIZED', ...APPEND_ERRORS],
  body: 'content',
  parameters: [
    HANDLE_ID,
    optional('offset', 'integer', 'Where to write. Default: at the position.', undefined, { min: 0 }),
  ],
  async handle(exchange) {
    const { req, query, server } = exchange;
    const id = handleId(exchange);
    const offset = query.integer('offset', { min: 0 });
    const limit = await bodyLimit(exchange, server.handles.get(id).path);
    const result = await server.handles.use(id, async (handle) => {
      const writer = new HandleWriter(handle, offset);
      const written = await receiveBody(new RequestBody(req), writer, { limit, live: true });
      return { bytes_written: written, position: await writer.position() };
    });
    sendJson(exchange, 200, result);
  },
};

/** Writes pieces to a handle: the first at the requested offset, each further one after the previous. */
class HandleWriter implements FileWriter {
  readonly #handle: FileHandle;
  readonly #offset: number | undefined;
  #written = 0;
  #position: number | undefined;
  /** Whether nothing was written, and the same body may be written later. */
  #isRefused = false;

  constructor(handle: FileHandle, offset: number | undefined) {
    this.#handle = handle;
    this.#offset = offset;
  }

  get written(): number {
    return this.#written;
  }

  async write(piece: Uint8Array): Promise<void> {
    const at = this.#offset === undefined ? undefined : this.#offset + this.#written;
    try {
      const { written, position } = await this.#handle.write(piece, at);
      this.#written += written;
      this.#position = position;
    } catch (error) {
      this.#isRefused = this.#position === undefined && isStreamFSError(error) && error.status >= 500;
      throw error;
    }
  }

  /**
   * The position after the body. For an empty body, a write of no bytes finds it, and checks that writes are allowed.
   */
  async position(): Promise<number> {
    if (this.#position === undefined) await this.write(new Uint8Array(0));
    return this.#position!;
  }

  /** The handle stays open. */
  async close(): Promise<void> {}

  /** Written bytes stay. The next write begins a new line, unless it may repeat this body. */
  async abort(): Promise<void> {
    if (this.#isRefused) return;
    await this.#handle.completeLine?.();
  }
}
