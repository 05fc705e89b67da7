/** WebSocket: one URL, at which a connection reads or writes one path (contract 101). */
import { createError } from '../../errors/index.ts';
import type { QueryParameter } from '../../protocol/index.ts';
import { LINK, optional, PATH } from '../agfs/parameters.ts';
import { JOIN, STREAM_PARAMETERS } from '../agfs/stream-options.ts';
import { SETTINGS } from '../agfs/stream-settings.ts';
import { APPEND_ERRORS, PRODUCER_ERRORS, READ_ERRORS } from '../http/responses.ts';
import type { Route, RouteParameter } from '../http/route.ts';
import { readHandshake } from './handshake.ts';
import { read } from './read.ts';
import { write } from './write.ts';

const MODES = ['read', 'write'] as const;

/** Parameters that do not apply, because the subprotocol determines the encoding. */
const ENCODING_PARAMETERS: ReadonlySet<string> = new Set<QueryParameter>(['format', 'encoding', 'lines']);

/** The settings that have the same name as a parameter of a read. */
const SHARED_NAMES: ReadonlySet<string> = new Set(STREAM_PARAMETERS.map(({ name }) => name));

const PARAMETERS: readonly RouteParameter[] = [
  PATH,
  optional('mode', 'string', '`read`: follow the path. `write`: each message is appended.', 'read', { values: MODES }),
  ...STREAM_PARAMETERS.filter(({ name }) => !ENCODING_PARAMETERS.has(name)),
  JOIN,
  optional(
    'text',
    'boolean',
    'With `mode=write`: text messages are data too. Otherwise they are control records.',
    'false',
  ),
  optional(
    'producer',
    'string',
    'With `mode=write`: the id of an idempotent producer. Its messages are numbered consecutively.',
  ),
  optional('epoch', 'integer', 'With `producer`: the epoch of the producer, from 0.'),
  optional('seq', 'integer', 'With `producer`: the sequence number of the first message.', '0'),
  optional('end', 'boolean', 'With `mode=write`: end the stream when the client closes with 1000.', 'false'),
  optional('end_status', 'string', 'With `end`: the result of the writer, such as `exit 3`.'),
  optional('atomic', 'string', 'With `mode=write`: as for a write. Each message is completed with a newline.'),
  ...SETTINGS.filter(({ name }) => !SHARED_NAMES.has(name)),
  ...LINK,
];

export const webSocket: Route = {
  method: 'GET',
  pattern: '/api/v1/ws',
  summary: 'Upgrades to WebSocket: follows a stream, or appends each message to it.',
  permission: 'read or write',
  link: 'read or write',
  answers: [{ status: 101, description: 'The connection continues as WebSocket.' }],
  errors: ['UPGRADE_REQUIRED', ...READ_ERRORS, ...APPEND_ERRORS, ...PRODUCER_ERRORS],
  takesOffer: true,
  parameters: PARAMETERS,
  async handle(exchange) {
    const { offer, query, req } = exchange;
    query.path();
    if (offer === undefined) {
      throw createError('UPGRADE_REQUIRED', {
        reason:
          'this URL speaks WebSocket: use a WebSocket client, with ws:// or wss:// in place of http:// or https://',
      });
    }
    const handshake = readHandshake(req.headers);
    const mode = query.oneOf('mode', MODES) ?? 'read';
    if (mode === 'read') await read(exchange, offer, handshake);
    else await write(exchange, offer, handshake);
  },
};

export { offersWebSocket, UPGRADE_HEADERS } from './handshake.ts';
