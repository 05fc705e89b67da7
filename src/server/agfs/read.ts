/** `GET /files` reads in three ways: live, as a snapshot of the retained bytes, or as an ordinary file. */

import type { ServerResponse } from 'node:http';
import { createError, isStreamFSError } from '../../errors/index.ts';
import { contentOfParts, type OpenStreamOptions, type SizedContent, type StreamSource } from '../../fs/index.ts';
import { EVENT_STREAM_MEDIA_TYPE, HEADERS } from '../../protocol/index.ts';
import { isNavigation } from '../auth/index.ts';
import { type ReadFacts, sendSized, sendSource, sourceHeaders, withChargedParts } from '../egress/index.ts';
import type { Encoding } from '../encoding/index.ts';
import { CONTENT_HEADERS, READ_HEADERS, readHeadersFor, sentContentType } from '../http/headers.ts';
import { LIVE, PLACE, READ_ERRORS } from '../http/responses.ts';
import type { Exchange, Route, RouteParameter } from '../http/route.ts';
import { type LastEventId, lastEventIdOf, restarted, resumed } from './last-event-id.ts';
import { LINK, optional, PATH } from './parameters.ts';
import {
  contentOffsetOf,
  JOIN,
  joinOf,
  navigationOptions,
  STREAM_PARAMETERS,
  sendOptions,
  snapshotOptions,
  streamOptions,
} from './stream-options.ts';

const PARAMETERS: readonly RouteParameter[] = [
  PATH,
  optional('stream', 'boolean', 'Follow a stream live. Reading a stream without it is refused.', 'false'),
  optional('snapshot', 'boolean', 'The retained bytes of a stream, as a response with a length.', 'false'),
  ...STREAM_PARAMETERS,
  JOIN,
  optional('size', 'integer', 'Of an ordinary file: maximum number of bytes; negative for all.', '-1'),
  ...LINK,
];

export const readFile: Route = {
  method: 'GET',
  pattern: '/api/v1/files',
  summary: 'Reads a file, or follows a stream.',
  permission: 'read',
  answers: [
    { status: 200, description: 'The bytes, live, as a snapshot or as a file.', content: LIVE, headers: PLACE },
    { status: 204, description: 'Server-sent events: the stream has ended, and the client has all of it.' },
  ],
  errors: READ_ERRORS,
  link: 'read',
  navigable: true,
  parameters: PARAMETERS,
  insteadOfBody: 'to write it, use PUT /api/v1/files?path=…',
  async handle(exchange) {
    const mode = readMode(exchange);
    if (mode === 'stream') await follow(exchange);
    else if (mode === 'snapshot') await sendSnapshot(exchange);
    else await sendFile(exchange);
  },
  async head(exchange) {
    const mode = readMode(exchange);
    if (mode === 'stream') await describeStream(exchange);
    else if (mode === 'snapshot') await describeSnapshot(exchange);
    else await describeFile(exchange);
  },
};

function readMode({ query }: Exchange): 'stream' | 'snapshot' | 'file' {
  const stream = query.boolean('stream') ?? false;
  const snapshot = query.boolean('snapshot') ?? false;
  if (stream && snapshot) {
    throw createError('INVALID_PARAMETER', {
      name: 'snapshot',
      reason: 'give either stream=true or snapshot=true, not both',
    });
  }
  if (stream) return 'stream';
  return snapshot ? 'snapshot' : 'file';
}

async function follow(exchange: Exchange): Promise<void> {
  const { req, res, query, server, caller } = exchange;
  const sending = sendOptions(req.headers.accept, query, server);
  const { reads } = server.limits;
  const account = caller?.account;
  reads.enter(account);
  let opened: OpenedRead;
  try {
    opened = await openRead(exchange, sending.encoding, {});
  } catch (error) {
    reads.leave(account);
    throw error;
  }
  const { source, facts } = opened;
  if (hasReadToEnd(opened)) {
    reads.leave(account);
    sendNoContent(res, source);
    return;
  }
  exchange.isLive = source.kind === 'live';
  await sendSource(req, res, source, sending, () => reads.leave(account), facts);
}

/** The headers of a live read. Its reader is closed at once, and an absent stream is not created. */
async function describeStream(exchange: Exchange): Promise<void> {
  const { req, res, query, server, caller } = exchange;
  const { encoding } = sendOptions(req.headers.accept, query, server);
  const { reads } = server.limits;
  const account = caller?.account;
  reads.enter(account);
  try {
    const opened = await openRead(exchange, encoding, { create: false });
    const { source, facts } = opened;
    if (hasReadToEnd(opened)) sendNoContent(res, source);
    else {
      res.writeHead(200, sourceHeaders(source, encoding, req.httpVersionMinor >= 1, facts)).end();
      if (source.kind === 'live') source.reader.close();
    }
  } finally {
    reads.leave(account);
  }
}

interface OpenedRead {
  readonly source: StreamSource;
  /** The position up to which the client has read. */
  readonly lastEventId: LastEventId | undefined;
  readonly facts: ReadFacts;
}

async function openRead(exchange: Exchange, encoding: Encoding, more: OpenStreamOptions): Promise<OpenedRead> {
  const { req, query, server, caller } = exchange;
  const { mounts } = server;
  const path = query.path();
  const optionsOf = isNavigation(req) ? navigationOptions : streamOptions;
  const asked: OpenStreamOptions = { ...optionsOf(query, encoding, caller), join: joinOf(query, encoding), ...more };
  // The signal is created only for a start that may take long to find.
  if (query.has('last_lines')) asked.signal = exchange.signal;
  const lastEventId = encoding.mediaType === EVENT_STREAM_MEDIA_TYPE ? lastEventIdOf(req) : undefined;
  const options = lastEventId === undefined ? asked : resumed(asked, lastEventId);
  try {
    return {
      source: await mounts.openStream(path, options),
      lastEventId,
      facts: { contentOffset: contentOffsetOf(options) },
    };
  } catch (error) {
    const recreatedFrom = lastEventId?.generation;
    if (recreatedFrom === undefined || !isStreamFSError(error, 'STREAM_RECREATED')) throw error;
    const source = await mounts.openStream(path, restarted(options));
    return { source, lastEventId: undefined, facts: { recreatedFrom } };
  }
}

/** Whether a reconnecting client has already read to the end; the response then tells it to stop. */
function hasReadToEnd({ source, lastEventId }: OpenedRead): boolean {
  if (lastEventId === undefined) return false;
  const { offset } = lastEventId;
  if (source.kind === 'content') return source.size === 0 && offset > 0;
  const { endOffset, endReason } = source.reader.stream;
  return endReason !== undefined && offset >= endOffset;
}

/** An `EventSource` that gets 204 does not reconnect. */
function sendNoContent(res: ServerResponse, source: StreamSource): void {
  if (source.kind === 'live') source.reader.close();
  res.writeHead(204, READ_HEADERS).end();
}

async function openSnapshot({ query, server, signal }: Exchange) {
  const options: OpenStreamOptions = { ...snapshotOptions(query), signal };
  const { parts, content, offset, generation, type } = await server.mounts.snapshot(query.path(), options);
  const sent = type === undefined ? undefined : sentContentType(type);
  const headers = {
    ...(sent === undefined ? CONTENT_HEADERS : { ...readHeadersFor(sent), 'Content-Type': sent }),
    [HEADERS.streamOffset]: offset,
    ...(generation === undefined ? {} : { [HEADERS.streamGeneration]: generation }),
  };
  return { parts, content: content ?? contentOfParts(parts), headers };
}

async function sendSnapshot(exchange: Exchange): Promise<void> {
  const { parts, content, headers } = await openSnapshot(exchange);
  const { limits } = exchange.server;
  await withChargedParts(parts, limits.sharedBuffers, () => sendSized(exchange.res, content, limits, headers));
}

async function describeSnapshot(exchange: Exchange): Promise<void> {
  const { content, headers } = await openSnapshot(exchange);
  exchange.res.writeHead(200, { ...headers, 'Content-Length': content.size }).end();
}

/** Offset and size with the rules of AGFS: a negative offset is 0, a negative size means everything (contract 42). */
function openFile({ query, server }: Exchange): Promise<SizedContent> {
  return server.mounts.open(query.path(), {
    offset: query.integer('offset') ?? 0,
    size: query.integer('size') ?? -1,
  });
}

async function sendFile(exchange: Exchange): Promise<void> {
  await sendSized(exchange.res, await openFile(exchange), exchange.server.limits, CONTENT_HEADERS);
}

async function describeFile(exchange: Exchange): Promise<void> {
  const { size } = await openFile(exchange);
  exchange.res.writeHead(200, { ...CONTENT_HEADERS, 'Content-Length': size }).end();
}
