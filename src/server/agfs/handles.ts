/**
 * Open files over HTTP (contract 48 to 65). The handle table has the ids and leases, the plugin the file operations.
 */

import { createError } from '../../errors/index.ts';
import type { HandleInfo } from '../../fs/index.ts';
import { handleIdOf } from '../auth/index.ts';
import { sendSource, sourceHeaders } from '../egress/index.ts';
import { fileInfo, sendJson, sendMessage } from '../http/respond.ts';
import { CREATION_ERRORS, json, LIVE, message, PLACE, READ_ERRORS, START_ERRORS } from '../http/responses.ts';
import type { Exchange, Route, RouteParameter } from '../http/route.ts';
import { optional, PATH } from './parameters.ts';
import { addressOf } from './reader-list.ts';
import { FORM_PARAMETERS, sendOptions } from './stream-options.ts';

export const HANDLE_ID: RouteParameter = {
  name: 'id',
  in: 'path',
  type: 'integer',
  required: true,
  description: 'The number returned when the handle was opened.',
};

const MAX_FLAGS = 2 ** 31 - 1;

const LEASE = optional(
  'lease',
  'integer',
  'Seconds that the handle stays open without being used, 1 to 300; larger values count as 300.',
  '60',
  { min: 1 },
);

export const openHandle: Route = {
  method: 'POST',
  pattern: '/api/v1/handles/open',
  summary: 'Opens a file for reads and writes that belong together. An absent stream is created.',
  permission: 'token',
  answers: [json(200, 'Handle', 'The handle.')],
  errors: [...CREATION_ERRORS, 'HANDLE_LIMIT', 'READER_LIMIT', 'STREAM_READER_LIMIT'],
  parameters: [
    PATH,
    optional(
      'flags',
      'integer',
      '0 reads, 1 writes, 2 does both. For ordinary files 8 and 1024 append, 16 creates, 32 with 16 requires a new file. Other bits mean nothing.',
      '0',
      { min: 0, max: MAX_FLAGS },
    ),
    optional('mode', 'mode', 'Permission bits of a file that is created, octal or decimal.', '644'),
    optional(
      'create',
      'boolean',
      'Create an absent file, or respond with 404. Default: a stream as the mount says, another file as the flags say.',
    ),
    optional(
      'atomic',
      'string',
      '`lines`: as for a write, across all writes to the handle until it is closed.',
      undefined,
      {
        values: ['lines'],
      },
    ),
    LEASE,
  ],
  async handle(exchange) {
    const { req, query, server, caller } = exchange;
    const path = query.path();
    const flags = query.integer('flags', { min: 0, max: MAX_FLAGS }) ?? 0;
    if ((flags & 1) === 0) caller?.require(['read'], path);
    if ((flags & 3) !== 0) caller?.require(['write'], path);
    const mode = query.mode('mode') ?? 0o644;
    const create = query.boolean('create');
    const atomic = query.oneOf('atomic', ['lines']);
    const lease = query.integer('lease', { min: 1 });
    const address = addressOf(req.socket);
    const info = await server.handles.open(path, {
      ...{ flags, mode },
      address,
      ...(caller === undefined ? {} : { account: caller.account }),
      create,
      atomic,
      lease,
    });
    sendJson(exchange, 200, handleInfo(info));
  },
};

export const listHandles: Route = {
  method: 'GET',
  pattern: '/api/v1/handles',
  summary: 'Lists the open handles: with tokens, those visible to the token.',
  permission: 'token',
  answers: [json(200, 'HandleList', 'The handles, and their maximum number.')],
  parameters: [],
  async handle(exchange) {
    const { caller, server } = exchange;
    const { handles } = server;
    const seen = handles.list().filter((info) => caller?.canSee(info) ?? true);
    const open = seen.map(handleInfo);
    sendJson(exchange, 200, { handles: open, count: open.length, max: handles.max });
  },
};

export const getHandle: Route = {
  method: 'GET',
  pattern: '/api/v1/handles/:id',
  summary: 'Describes a handle, without renewing its lease.',
  permission: 'any handle',
  answers: [json(200, 'Handle', 'The handle.')],
  parameters: [HANDLE_ID],
  async handle(exchange) {
    sendJson(exchange, 200, handleInfo(exchange.server.handles.get(handleId(exchange))));
  },
};

export const closeHandle: Route = {
  method: 'DELETE',
  pattern: '/api/v1/handles/:id',
  summary: 'Closes a handle; waiting reads end at once.',
  permission: 'any handle',
  answers: [message(200, 'handle closed')],
  parameters: [HANDLE_ID],
  async handle(exchange) {
    await exchange.server.handles.close(handleId(exchange));
    sendMessage(exchange, 200, 'handle closed');
  },
};

export const renewHandle: Route = {
  method: 'POST',
  pattern: '/api/v1/handles/:id/renew',
  summary: 'Renews the lease of a handle.',
  permission: 'any handle',
  answers: [json(200, 'Handle', 'The handle.')],
  parameters: [HANDLE_ID, { ...LEASE, description: `${LEASE.description} Default: unchanged.` }],
  async handle(exchange) {
    const { query, server } = exchange;
    const id = handleId(exchange);
    sendJson(exchange, 200, handleInfo(server.handles.renew(id, query.integer('lease', { min: 1 }))));
  },
};

export const seekHandle: Route = {
  method: 'POST',
  pattern: '/api/v1/handles/:id/seek',
  summary: "Moves the position of a handle. Positions are the stream's absolute offsets.",
  permission: 'any handle',
  answers: [json(200, 'Position', 'The new position.')],
  errors: ['NEGATIVE_OFFSET', 'INVALID_WHENCE', ...START_ERRORS],
  parameters: [
    HANDLE_ID,
    {
      name: 'offset',
      in: 'query',
      type: 'integer',
      required: true,
      description: 'The new position, relative to `whence`.',
    },
    optional('whence', 'integer', '0 the start, 1 the position, 2 the end.', '0', { min: 0, max: 2 }),
  ],
  async handle(exchange) {
    const { query, server } = exchange;
    const id = handleId(exchange);
    const offset = query.integer('offset');
    if (offset === undefined) throw createError('PARAMETER_REQUIRED', { name: 'offset parameter' });
    const whence = query.text('whence') ?? '0';
    if (!/^[012]$/.test(whence)) throw createError('INVALID_WHENCE');
    const position = await server.handles.use(id, (handle) => handle.seek(offset, Number(whence)));
    sendJson(exchange, 200, { position, offset: position });
  },
};

export const syncHandle: Route = {
  method: 'POST',
  pattern: '/api/v1/handles/:id/sync',
  summary: 'Makes sure that readers can see the written bytes.',
  permission: 'any handle',
  answers: [message(200, 'synced')],
  parameters: [HANDLE_ID],
  async handle(exchange) {
    await exchange.server.handles.use(handleId(exchange), (handle) => handle.sync());
    sendMessage(exchange, 200, 'synced');
  },
};

export const statHandle: Route = {
  method: 'GET',
  pattern: '/api/v1/handles/:id/stat',
  summary: 'The metadata of the open file.',
  permission: 'any handle',
  answers: [json(200, 'FileInfo', 'The metadata.')],
  parameters: [HANDLE_ID],
  async handle(exchange) {
    const info = await exchange.server.handles.use(handleId(exchange), (handle) => handle.stat());
    sendJson(exchange, 200, fileInfo(info));
  },
};

export const truncateHandle: Route = {
  method: 'POST',
  pattern: '/api/v1/handles/:id/truncate',
  summary: 'Truncates or extends the open file. On a stream it does nothing.',
  permission: 'write handle',
  answers: [message(200, 'truncated')],
  errors: ['HANDLE_READ_ONLY', 'FILE_TOO_LARGE', 'STORAGE_FULL'],
  parameters: [
    HANDLE_ID,
    { name: 'size', in: 'query', type: 'integer', required: true, min: 0, description: 'The new length in bytes.' },
  ],
  async handle(exchange) {
    const { query, server } = exchange;
    const id = handleId(exchange);
    const size = query.integer('size', { min: 0 });
    if (size === undefined) throw createError('PARAMETER_REQUIRED', { name: 'size parameter' });
    await server.handles.use(id, (handle) => handle.truncate(size));
    sendMessage(exchange, 200, 'truncated');
  },
};

export const streamHandle: Route = {
  method: 'GET',
  pattern: '/api/v1/handles/:id/stream',
  summary: 'Follows the open file live from its position. Only one read at a time: a second gets 409 HANDLE_BUSY.',
  permission: 'read handle',
  answers: [{ status: 200, description: 'The bytes from the position on.', content: LIVE, headers: PLACE }],
  errors: ['HANDLE_BUSY', ...READ_ERRORS],
  parameters: [HANDLE_ID, ...FORM_PARAMETERS],
  async handle(exchange) {
    const { req, res, query, server, caller } = exchange;
    const id = handleId(exchange);
    const sending = sendOptions(req.headers.accept, query, server);
    const { reads } = server.limits;
    reads.enter(caller?.account);
    const reading = server.handles.use(id, async (handle) => {
      const source = await handle.stream();
      exchange.isLive = source.kind === 'live';
      // The handle stays in use, so its lease cannot expire, until the response ends.
      await new Promise<void>((resolve, reject) => {
        sendSource(req, res, source, sending, resolve).catch(reject);
      });
    });
    await reading.finally(() => reads.leave(caller?.account));
  },
  async head(exchange) {
    const { req, res, query, server } = exchange;
    const { encoding } = sendOptions(req.headers.accept, query, server);
    const source = await server.handles.use(handleId(exchange), (handle) => handle.describeStream());
    res.writeHead(200, sourceHeaders(source, encoding, req.httpVersionMinor >= 1)).end();
  },
};

/** The id in the path. */
export function handleId({ params }: Exchange): number {
  return handleIdOf(params);
}

/** `handle_id` and `id`: the SDKs use different names (contract 63). */
function handleInfo(info: HandleInfo): Record<string, unknown> {
  return {
    handle_id: info.id,
    id: info.id,
    path: info.path,
    flags: info.flags,
    lease: info.lease,
    expires_at: info.expiresAt.toISOString(),
    created_at: info.createdAt.toISOString(),
    last_access: info.lastAccess.toISOString(),
  };
}
