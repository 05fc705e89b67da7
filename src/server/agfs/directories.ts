/** Directories, under the names the original has for them: two for listing, two for making. */
import { type FileInfo, joinPath } from '../../fs/index.ts';
import { type Principal, RIGHTS } from '../auth/index.ts';
import { fileInfo, sendJson, sendMessage } from '../http/respond.ts';
import type { Exchange, Route } from '../http/route.ts';
import { optional, PATH } from './parameters.ts';

const LIST_PARAMETERS = [optional('path', 'string', 'Absolute path of the directory.', '/')];
const MAKE_PARAMETERS = [PATH, optional('mode', 'mode', 'Permission bits, octal or decimal.', '755')];

export const listDirectory: Route = {
  method: 'GET',
  pattern: '/api/v1/directories',
  summary: 'Lists a directory.',
  permission: 'token',
  navigable: true,
  parameters: LIST_PARAMETERS,
  handle: list,
};

export const listAlias: Route = {
  method: 'GET',
  pattern: '/api/v1/list',
  summary: 'The same as GET /directories.',
  permission: 'token',
  navigable: true,
  parameters: LIST_PARAMETERS,
  handle: list,
};

export const makeDirectory: Route = {
  method: 'POST',
  pattern: '/api/v1/directories',
  summary: 'Makes a directory.',
  permission: 'write',
  parameters: MAKE_PARAMETERS,
  handle: make,
};

export const makeAlias: Route = {
  method: 'POST',
  pattern: '/api/v1/mkdir',
  summary: 'The same as POST /directories.',
  permission: 'write',
  parameters: MAKE_PARAMETERS,
  handle: make,
};

async function list(exchange: Exchange): Promise<void> {
  const { query, server, caller } = exchange;
  const path = query.has('path') ? query.path() : '/';
  caller?.requireReach(path);
  const directory = server.mounts.normal(path);
  const entries = await server.mounts.readDir(directory);
  // Names are news too: of what is not theirs they see only the directories that lead to what is.
  const seen = caller === undefined ? entries : entries.filter((entry) => isSeen(caller, directory, entry));
  sendJson(exchange, 200, { files: seen.map(fileInfo) });
}

function isSeen(caller: Principal, directory: string, { name, isDir }: FileInfo): boolean {
  const path = joinPath(directory, `/${name}`);
  return isDir ? caller.reaches(path) : caller.may(RIGHTS, path);
}

async function make(exchange: Exchange): Promise<void> {
  const { query, server } = exchange;
  await server.mounts.mkdir(query.path(), query.mode('mode') ?? 0o755);
  sendMessage(exchange, 201, 'directory created');
}
