/** Routes that list readers, and end one of them. */

import { createError } from '../../errors/index.ts';
import { sendJson, sendMessage } from '../http/respond.ts';
import { json, message } from '../http/responses.ts';
import type { Route, ServerContext } from '../http/route.ts';
import { shorten } from '../http/shorten.ts';
import { optional } from './parameters.ts';
import { kickReader, listReaders, nodeOf } from './reader-list.ts';

/** Readers in one response: the default and the maximum. */
const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;

export const readers: Route = {
  method: 'GET',
  pattern: '/api/v1/readers',
  summary: 'Lists the readers: the position, the lag, and the bytes received and lost by each.',
  permission: 'admin server',
  answers: [json(200, 'ReaderList', 'The readers, by id.')],
  navigable: true,
  parameters: [
    optional(
      'path',
      'string',
      'Only readers of this stream, or of those below this directory or mount; it must exist. Default: all.',
    ),
    optional('limit', 'integer', `Maximum number of readers, 1 to ${MAX_LIMIT}.`, String(DEFAULT_LIMIT), {
      min: 1,
      max: MAX_LIMIT,
    }),
    optional('after', 'integer', 'Only readers with a larger id: the `next` of the previous response.', '0', {
      min: 0,
    }),
  ],
  async handle(exchange) {
    const { query, server } = exchange;
    const path = query.has('path') ? server.mounts.normal(query.path()) : undefined;
    const limit = query.integer('limit', { min: 1, max: MAX_LIMIT }) ?? DEFAULT_LIMIT;
    const after = query.integer('after', { min: 0 }) ?? 0;
    const list = listReaders(server, { path, limit, after });
    // The readers of a removed stream are listed until they have received its last bytes.
    if (path !== undefined && list.count === 0) await server.mounts.stat(path);
    sendJson(exchange, 200, list);
  },
};

export const kick: Route = {
  method: 'DELETE',
  pattern: '/api/v1/readers/:id',
  summary: 'Ends a read with the reason `kicked`; a handle with a reader is closed.',
  permission: 'admin server',
  answers: [message(200, 'reader kicked')],
  errors: ['READER_NOT_FOUND', 'NODE_DIFFERS'],
  parameters: [
    {
      name: 'id',
      in: 'path',
      type: 'integer',
      required: true,
      min: 0,
      description: 'The id from the list of readers.',
    },
    optional('node', 'string', 'The `node` of that list: a server with another name refuses, because its ids differ.'),
  ],
  async handle(exchange) {
    const { params, query, server } = exchange;
    const text = params.id ?? '';
    if (!/^\d{1,16}$/.test(text)) {
      throw createError('INVALID_PARAMETER', {
        name: 'id',
        reason: `must be the number of a reader, got ${shorten(text)}`,
      });
    }
    requireNode(server, query.text('node'));
    const { id, path, address } = await kickReader(server, Number(text));
    server.logger.info('reader kicked', { reader: id, stream: path, address });
    sendMessage(exchange, 200, 'reader kicked');
  },
};

/** @throws NODE_DIFFERS */
function requireNode(server: ServerContext, expected: string | undefined): void {
  const actual = nodeOf(server);
  if (expected !== undefined && expected !== actual) {
    throw createError('NODE_DIFFERS', { expected: shorten(expected), actual: actual ?? 'without a name' });
  }
}
