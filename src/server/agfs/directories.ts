/** Directories, under both names that AGFS has for each route: two for listing, two for creating. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createError } from '../../errors/index.ts';
import { type FileInfo, joinPath } from '../../fs/index.ts';
import { JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import { type Principal, RIGHTS } from '../auth/index.ts';
import { ChargedText, sendSized, withChargedParts, writePiece } from '../egress/index.ts';
import { headersFor } from '../http/headers.ts';
import { fileInfo, sendJson, sendMessage } from '../http/respond.ts';
import { json, message } from '../http/responses.ts';
import type { Exchange, Route } from '../http/route.ts';
import { optional, PATH } from './parameters.ts';

/** Entries in one page of a paged listing: the default and the maximum. */
const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;
/** Entries looked up and serialised in one turn of the event loop. */
const TURN_ENTRIES = 1000;
/** Entries serialised into one string: a longer string would need a separate allocation, which costs more. */
const PIECE_ENTRIES = 50;

export const listDirectory: Route = {
  method: 'GET',
  pattern: '/api/v1/directories',
  summary: 'Lists a directory.',
  permission: 'token',
  answers: [json(200, 'FileList', 'The entries, sorted by name.')],
  navigable: true,
  parameters: [
    optional('path', 'string', 'Absolute path of the directory.', '/'),
    optional(
      'limit',
      'integer',
      `Maximum number of entries, 1 to ${MAX_LIMIT}; the response has \`next\` if there are more. Default: all, or ${DEFAULT_LIMIT} with \`after\`.`,
      undefined,
      { min: 1, max: MAX_LIMIT },
    ),
    optional('after', 'string', 'Only entries after this name: the `next` of the previous response.'),
  ],
  handle: list,
};

export const listAlias: Route = {
  ...listDirectory,
  pattern: '/api/v1/list',
  summary: 'The same as GET /directories.',
};

export const makeDirectory: Route = {
  method: 'POST',
  pattern: '/api/v1/directories',
  summary: 'Creates a directory.',
  permission: 'write',
  answers: [message(201, 'directory created')],
  errors: ['STREAM_NO_DIRECTORIES', 'DIRECTORY_EXISTS', 'FILE_EXISTS', 'STORAGE_FULL'],
  parameters: [PATH, optional('mode', 'mode', 'Permission bits, octal or decimal.', '755')],
  handle: make,
};

export const makeAlias: Route = {
  ...makeDirectory,
  pattern: '/api/v1/mkdir',
  summary: 'The same as POST /directories.',
};

async function list(exchange: Exchange): Promise<void> {
  const { query, server, caller } = exchange;
  const path = query.has('path') ? query.path() : '/';
  caller?.requireReach(path);
  const directory = server.mounts.normal(path);
  if (query.has('limit') || query.has('after')) await sendPage(exchange, directory);
  else await sendAll(exchange, directory);
}

async function sendPage(exchange: Exchange, directory: string): Promise<void> {
  const { query, server } = exchange;
  const limit = query.integer('limit', { min: 1, max: MAX_LIMIT }) ?? DEFAULT_LIMIT;
  let after = query.text('after');
  if (after === '') throw createError('INVALID_PARAMETER', { name: 'after', reason: 'must be the name of an entry' });
  const files: FileInfo[] = [];
  for (;;) {
    // One extra entry shows whether there are more; it is looked up with the others.
    const wanted = Math.min(TURN_ENTRIES + 1, limit + 1 - files.length);
    const page = await server.mounts.readDirPage(directory, { after, limit: wanted });
    files.push(...visibleEntries(exchange, directory, page));
    if (files.length > limit || page.length < wanted) break;
    after = page.at(-1)?.name;
    await nextTurn();
  }
  const shown = files.slice(0, limit);
  const next = files.length > limit ? shown.at(-1)?.name : undefined;
  await sendFiles(exchange, shown, next);
}

/** Writes a long listing while it is looked up: no turn is long, and the listing is never in memory as a whole. */
async function sendAll(exchange: Exchange, directory: string): Promise<void> {
  const { res, server } = exchange;
  const parts = server.mounts.readDirInParts(directory, TURN_ENTRIES);
  const read = async () => {
    const { value } = await parts.next();
    return value === undefined ? undefined : visibleEntries(exchange, directory, value);
  };
  let files = (await read()) ?? [];
  let next = await read();
  if (next === undefined) {
    await sendFiles(exchange, files, undefined);
    return;
  }
  res.writeHead(200, { ...headersFor(exchange.req.method), 'Content-Type': JSON_MEDIA_TYPE });
  let before = '{"files":[';
  for (; ; files = next, next = await read()) {
    for (const text of piecesOf(files, before)) {
      await sendPart(exchange, text);
      before = ',';
    }
    if (res.destroyed) return;
    if (next === undefined) break;
    await nextTurn();
  }
  res.end(`${before === ',' ? '' : before}]}\n`);
}

/** Sends one part; its memory is charged until the socket has taken it. @throws MEMORY_LIMIT */
async function sendPart({ res, server }: Exchange, text: string): Promise<void> {
  const part = Buffer.from(text);
  await withChargedParts([part], server.limits.sharedBuffers, () => writePiece(res, part));
}

/** The memory is charged until it has been sent, because a slow client keeps it alive. @throws MEMORY_LIMIT */
async function sendFiles(exchange: Exchange, files: readonly FileInfo[], next: string | undefined): Promise<void> {
  if (files.length <= PIECE_ENTRIES) {
    sendJson(exchange, 200, { files: files.map(fileInfo), next });
    return;
  }
  const { req, res, server } = exchange;
  const text = new ChargedText(server.limits.sharedBuffers);
  try {
    for (const piece of piecesOf(files, '{"files":[')) text.add(piece);
    text.add(next === undefined ? ']}\n' : `],"next":${JSON.stringify(next)}}\n`);
    const headers = { ...headersFor(req.method), 'Content-Type': JSON_MEDIA_TYPE };
    await sendSized(res, text.content(), server.limits, headers);
  } finally {
    text.release();
  }
}

/** The entries as JSON, separated by commas, after `before`. */
function* piecesOf(files: readonly FileInfo[], before: string): Generator<string> {
  for (let at = 0; at < files.length; at += PIECE_ENTRIES) {
    const text = JSON.stringify(files.slice(at, at + PIECE_ENTRIES).map(fileInfo)).slice(1, -1);
    yield (at === 0 ? before : ',') + text;
  }
}

/** Entry names are confidential too: a caller sees its own entries, and the directories that lead to them. */
function visibleEntries({ caller }: Exchange, directory: string, entries: readonly FileInfo[]): FileInfo[] {
  return caller === undefined ? [...entries] : entries.filter((entry) => isVisible(caller, directory, entry));
}

function isVisible(caller: Principal, directory: string, { name, isDir }: FileInfo): boolean {
  const path = joinPath(directory, `/${name}`);
  return isDir ? caller.reaches(path) : caller.may(RIGHTS, path);
}

async function make(exchange: Exchange): Promise<void> {
  const { query, server } = exchange;
  await server.mounts.mkdir(query.path(), query.mode('mode') ?? 0o755);
  sendMessage(exchange, 201, 'directory created');
}
