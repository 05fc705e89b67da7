/** Reads and changes the metadata of files. */

import { createError } from '../../errors/index.ts';
import { modeOfNumber, parseMode } from '../../units/index.ts';
import type { Fields } from '../http/json-body.ts';
import { jsonOf } from '../http/json-body.ts';
import { fileInfo, sendJson, sendMessage } from '../http/respond.ts';
import { CREATION_ERRORS, json, message } from '../http/responses.ts';
import type { Exchange, Route, RouteParameter } from '../http/route.ts';
import { field, PATH } from './parameters.ts';

export const stat: Route = {
  method: 'GET',
  pattern: '/api/v1/stat',
  summary: 'The metadata of a file, stream or directory.',
  permission: 'any',
  answers: [json(200, 'FileInfo', 'The metadata.')],
  navigable: true,
  parameters: [PATH],
  async handle(exchange) {
    sendJson(exchange, 200, fileInfo(await exchange.server.mounts.stat(exchange.query.path())));
  },
};

export const rename: Route = {
  method: 'POST',
  pattern: '/api/v1/rename',
  summary:
    'Gives a file or directory another path within its mount; for a directory, the right is needed for everything below it too.',
  permission: 'admin',
  answers: [message(200, 'renamed')],
  errors: [
    'STREAM_NO_RENAME',
    'RENAME_ACROSS_MOUNTS',
    'FILE_EXISTS',
    'DIRECTORY_EXISTS',
    'DIRECTORY_NOT_EMPTY',
    'ROOT_IS_FIXED',
    'MOUNT_IS_FIXED',
  ],
  parameters: [PATH, field('newPath', 'string', true, 'The new absolute path.')],
  async handle(exchange) {
    const { query, server } = exchange;
    const path = query.path();
    const body = await jsonOf(exchange);
    const newPath = body.requiredText('newPath');
    await requireMove(exchange, path, newPath);
    await server.mounts.rename(path, newPath);
    sendMessage(exchange, 200, 'renamed');
  },
};

/** A directory moves with everything below it, so the caller needs the right for the whole old and new subtree. */
async function requireMove({ caller, server }: Exchange, from: string, to: string): Promise<void> {
  if (caller === undefined) return;
  caller.require(['admin'], to);
  const { isDir } = await server.mounts.stat(from);
  if (!isDir) return;
  caller.requireBelow('admin', from);
  caller.requireBelow('admin', to);
}

export const chmod: Route = {
  method: 'POST',
  pattern: '/api/v1/chmod',
  summary: 'Changes the permission bits of a file.',
  permission: 'write',
  answers: [message(200, 'permissions changed')],
  errors: ['STREAM_NO_CHMOD'],
  parameters: [PATH, field('mode', 'mode', true, 'Permission bits: a number, or a text in octal or decimal.')],
  async handle(exchange) {
    const { query, server } = exchange;
    const path = query.path();
    const body = await jsonOf(exchange);
    await server.mounts.chmod(path, modeOf(body));
    sendMessage(exchange, 200, 'permissions changed');
  },
};

function modeOf(body: Fields): number {
  const value = body.value('mode');
  if (value === undefined) throw createError('PARAMETER_REQUIRED', { name: 'mode' });
  if (typeof value === 'string') return parseMode(value);
  if (typeof value === 'number') return modeOfNumber(value);
  throw createError('INVALID_BODY', { reason: '"mode" must be a number or a text' });
}

const SIZE_PARAMETER: RouteParameter = {
  name: 'size',
  in: 'query',
  type: 'integer',
  required: true,
  min: 0,
  description: 'The new length in bytes. Accepted for a stream, without effect.',
};

export const truncate: Route = {
  method: 'POST',
  pattern: '/api/v1/truncate',
  summary: 'Truncates or extends a file. On a stream it does nothing, since streams are append-only.',
  permission: 'write',
  answers: [message(200, 'truncated')],
  errors: ['FILE_TOO_LARGE', 'STORAGE_FULL'],
  parameters: [PATH, SIZE_PARAMETER],
  async handle(exchange) {
    const { query, server } = exchange;
    const path = query.path();
    const size = query.integer('size', { min: 0 });
    if (size === undefined) throw createError('PARAMETER_REQUIRED', { name: 'size parameter' });
    await server.mounts.truncate(path, size);
    sendMessage(exchange, 200, 'truncated');
  },
};

export const touch: Route = {
  method: 'POST',
  pattern: '/api/v1/touch',
  summary: 'Creates a file, or sets its modification time to now.',
  permission: 'write',
  answers: [message(200, 'touched')],
  errors: CREATION_ERRORS,
  parameters: [PATH],
  insteadOfBody: 'to write it, use PUT /api/v1/files?path=…',
  async handle(exchange) {
    await exchange.server.mounts.touch(exchange.query.path(), exchange.caller?.creating);
    sendMessage(exchange, 200, 'touched');
  },
};

export const symlink: Route = {
  method: 'POST',
  pattern: '/api/v1/symlink',
  summary: 'Makes a symbolic link, if the file system supports them; else 501.',
  permission: 'write',
  answers: [message(201, 'symlink created')],
  errors: ['FILE_EXISTS', 'STORAGE_FULL'],
  parameters: [PATH, field('target', 'string', true, 'The path that the link points to.')],
  async handle(exchange) {
    const { query, server } = exchange;
    const path = query.path();
    const body = await jsonOf(exchange);
    await server.mounts.symlink(body.requiredText('target'), path);
    sendMessage(exchange, 201, 'symlink created');
  },
};

export const readlink: Route = {
  method: 'GET',
  pattern: '/api/v1/readlink',
  summary: 'The target of a symbolic link, if the file system supports them; else 501.',
  permission: 'any',
  answers: [json(200, 'Target', 'The target.')],
  navigable: true,
  parameters: [PATH],
  async handle(exchange) {
    sendJson(exchange, 200, { target: await exchange.server.mounts.readlink(exchange.query.path()) });
  },
};
