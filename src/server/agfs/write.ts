/** Writing to files with `PUT /files` and `POST /write`, and ending streams with `POST /end`. */

import { createError } from '../../errors/index.ts';
import { abortWrite } from '../../fs/abort-write.ts';
import type { FileWriter, StreamSettings, WriteOptions } from '../../fs/index.ts';
import { ATOMIC, HEADERS, JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import { RESPONSE_HEADERS } from '../http/headers.ts';
import { bodyLimit, jsonOf } from '../http/json-body.ts';
import { sendMessage } from '../http/respond.ts';
import { APPEND_ERRORS, message, PRODUCER_ERRORS, type RouteResponse } from '../http/responses.ts';
import type { Exchange, Route, RouteParameter } from '../http/route.ts';
import { isJson } from '../http/unused-body.ts';
import { appendIdOf, producerHeaders, refusalHeaders } from '../ingest/producer-headers.ts';
import { RequestBody, receiveBody } from '../ingest/receive.ts';
import { END_STATUS, endStatusOf, field, GENERATION, LINK, optional, PATH } from './parameters.ts';
import { SETTINGS, settingsOfWrite } from './stream-settings.ts';

/** Headers of a response to a write. */
const WRITTEN = [
  HEADERS.streamEndOffset,
  HEADERS.streamGeneration,
  HEADERS.producerEpoch,
  HEADERS.producerSeq,
] as const;

const RESPONSES: readonly RouteResponse[] = [
  message(200, 'Written N bytes', WRITTEN),
  { status: 204, description: 'The append of this producer had already been applied.', headers: WRITTEN },
];
const ERRORS = [...APPEND_ERRORS, ...PRODUCER_ERRORS];

const ATOMIC_OF_WRITER =
  '`lines`: lines of several writers of a stream never mix; an unfinished line is completed with a newline. ' +
  'A new stream gets it as its setting, the default for all writers. `none` requires a stream without it.';

const PARAMETERS: readonly RouteParameter[] = [
  PATH,
  optional('create', 'boolean', 'Create an absent file, or respond with 404. Default: as the mount is configured.'),
  optional(
    'offset',
    'integer',
    'Where to write into an ordinary file, whose other bytes stay. A stream appends in any case.',
    undefined,
    { min: 0 },
  ),
  optional('end', 'boolean', 'End the stream after the last byte. A body that breaks off does not end it.', 'false'),
  END_STATUS,
  optional('atomic', 'string', ATOMIC_OF_WRITER, undefined, { values: ATOMIC }),
  ...SETTINGS,
  GENERATION,
];

export const writeFile: Route = {
  method: 'PUT',
  pattern: '/api/v1/files',
  summary:
    'Writes the raw body, whatever its type: appends it to a stream as it arrives, or replaces an ordinary file.',
  permission: 'write',
  answers: RESPONSES,
  errors: ERRORS,
  link: 'write',
  body: 'content',
  parameters: [...PARAMETERS, ...LINK],
  handle: writeRaw,
};

export const write: Route = {
  method: 'POST',
  pattern: '/api/v1/write',
  summary: `As PUT /files; with the type ${JSON_MEDIA_TYPE} the bytes to write are the text in \`data\`.`,
  permission: 'write',
  answers: RESPONSES,
  errors: ERRORS,
  parameters: [...PARAMETERS, field('data', 'string', false, 'The text to write, as UTF-8. Only with a JSON body.')],
  body: 'content',
  handle: (exchange) => (isJson(exchange.req) ? writeText(exchange) : writeRaw(exchange)),
};

export const end: Route = {
  method: 'POST',
  pattern: '/api/v1/end',
  summary: 'Ends a stream: readers get the remaining bytes, then the end; retained bytes stay readable. Idempotent.',
  permission: 'admin',
  answers: [message(200, 'ended')],
  parameters: [PATH, END_STATUS],
  insteadOfBody: 'write it first, or with end=true in one go: PUT /api/v1/files?path=…&end=true',
  async handle(exchange) {
    const { query, server } = exchange;
    await server.mounts.end(query.path(), { status: endStatusOf(query) });
    sendMessage(exchange, 200, 'ended');
  },
};

interface WriteRequest {
  path: string;
  /** Undefined: as the mount is configured. */
  create: boolean | undefined;
  /** Undefined: the body replaces the whole file. */
  offset: number | undefined;
  end: boolean;
  endStatus: string | undefined;
  lines: boolean;
  settings: StreamSettings | undefined;
  generation: string | undefined;
}

function writeRequest({ query }: Exchange): WriteRequest {
  const generation = query.text('generation');
  const end = query.boolean('end') ?? false;
  const endStatus = endStatusOf(query);
  if (endStatus !== undefined && !end) {
    throw createError('INVALID_PARAMETER', { name: 'end_status', reason: 'needs end=true' });
  }
  return {
    path: query.path(),
    // A stream created by this request would have a new generation, which the client cannot have named.
    create: generation === undefined ? query.boolean('create') : false,
    offset: query.integer('offset', { min: 0 }),
    end,
    endStatus,
    lines: query.oneOf('atomic', ATOMIC) === 'lines',
    settings: settingsOfWrite(query),
    generation,
  };
}

async function writeRaw(exchange: Exchange): Promise<void> {
  const request = writeRequest(exchange);
  const limit = await bodyLimit(exchange, request.path);
  const writer = await openWriter(exchange, request);
  const written = await receiveBody(new RequestBody(exchange.req), writer, {
    end: request.end,
    endStatus: request.endStatus,
    limit,
  });
  sendWritten(exchange, writer, written);
}

async function writeText(exchange: Exchange): Promise<void> {
  const request = writeRequest(exchange);
  // Fails before the client has to send a body that cannot be written.
  await exchange.server.mounts.capabilities(request.path);
  const body = await jsonOf(exchange, true);
  const text = body.text('data');
  if (text === undefined) throw createError('PARAMETER_REQUIRED', { name: 'data' });
  const data = Buffer.from(text, 'utf8');
  const writer = await openWriter(exchange, request);
  try {
    if (data.length > 0) await writer.write(data);
  } catch (error) {
    await abortWrite(writer, error);
  }
  await writer.close({ end: request.end, endStatus: request.endStatus });
  sendWritten(exchange, writer, data.length);
}

async function openWriter({ caller, req, res, server }: Exchange, request: WriteRequest): Promise<FileWriter> {
  const { create, generation, lines, offset, settings } = request;
  const common: Pick<WriteOptions, 'account' | 'atomic' | 'create' | 'settings'> = {
    settings,
    ...caller?.creating,
    ...(lines ? { atomic: 'lines' } : {}),
    create,
  };
  const options = { ...common, offset };
  const append = appendIdOf(req.headers);
  const forProducer = { ...common, generation };
  const writer =
    append === undefined
      ? await server.mounts.openWrite(request.path, options)
      : await server.mounts.openProducerWrite(request.path, append, forProducer).catch((error: unknown) => {
          for (const [name, value] of Object.entries(refusalHeaders(error))) res.setHeader(name, value as number);
          throw error;
        });
  if (generation !== undefined && writer.generation !== generation) {
    await writer.abort();
    throw createError('STREAM_RECREATED', { actual: writer.generation ?? 'none', expected: generation });
  }
  return writer;
}

function sendWritten(exchange: Exchange, writer: FileWriter, written: number): void {
  const { durability, endOffset, generation, producer } = writer;
  const headers = {
    ...(endOffset === undefined ? {} : { [HEADERS.streamEndOffset]: endOffset }),
    ...(generation === undefined ? {} : { [HEADERS.streamGeneration]: generation }),
    ...(durability === undefined ? {} : { [HEADERS.streamDurable]: durability }),
    ...(producer === undefined ? {} : producerHeaders(producer)),
  };
  // The body has been read to its end.
  if (producer?.isRepeated) exchange.res.writeHead(204, { ...RESPONSE_HEADERS, ...headers }).end();
  else sendMessage(exchange, 200, `Written ${written} bytes`, headers);
}
