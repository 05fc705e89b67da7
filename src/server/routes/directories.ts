/** Directories, under the names the original has for them: two for listing, two for making. */
import { fileInfo, sendJson, sendMessage } from '../respond.ts';
import type { Exchange, Route } from '../route.ts';
import { optional, PATH } from './parameters.ts';

const LIST_PARAMETERS = [optional('path', 'string', 'Absolute path of the directory.', '/')];
const MAKE_PARAMETERS = [PATH, optional('mode', 'mode', 'Permission bits, octal or decimal.', '755')];

export const listDirectory: Route = {
  method: 'GET',
  pattern: '/api/v1/directories',
  summary: 'Lists a directory.',
  parameters: LIST_PARAMETERS,
  handle: list,
};

export const listAlias: Route = {
  method: 'GET',
  pattern: '/api/v1/list',
  summary: 'The same as GET /directories.',
  parameters: LIST_PARAMETERS,
  handle: list,
};

export const makeDirectory: Route = {
  method: 'POST',
  pattern: '/api/v1/directories',
  summary: 'Makes a directory.',
  parameters: MAKE_PARAMETERS,
  handle: make,
};

export const makeAlias: Route = {
  method: 'POST',
  pattern: '/api/v1/mkdir',
  summary: 'The same as POST /directories.',
  parameters: MAKE_PARAMETERS,
  handle: make,
};

async function list(exchange: Exchange): Promise<void> {
  const { query, server } = exchange;
  const entries = await server.mounts.readDir(query.has('path') ? query.path() : '/');
  sendJson(exchange, 200, { files: entries.map(fileInfo) });
}

async function make(exchange: Exchange): Promise<void> {
  const { query, server } = exchange;
  await server.mounts.mkdir(query.path(), query.mode('mode') ?? 0o755);
  sendMessage(exchange, 201, 'directory created');
}
