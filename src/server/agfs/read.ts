/** `GET /files`: three ways to read. Live, as a snapshot of what is retained, or as an ordinary file. */

import type { ServerResponse } from 'node:http';
import { createError, isStreamFSError } from '../../errors/index.ts';
import { contentOfParts, type OpenStreamOptions, type SizedContent, type StreamSource } from '../../fs/index.ts';
import { EVENT_STREAM_MEDIA_TYPE, HEADERS } from '../../protocol/index.ts';
import { isNavigation } from '../auth/index.ts';
import { type ReadFacts, sendSized, sendSource, sourceHeaders, withParts } from '../egress/index.ts';
import type { Encoding } from '../encoding/index.ts';
import { LIVE, PLACE, READ_ERRORS } from '../http/answers.ts';
import { CONTENT_HEADERS, READ_HEADERS, readHeadersFor, sentContentType } from '../http/headers.ts';
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
  optional('stream', 'boolean', 'Follow a stream live. Without it a stream is refused.', 'false'),
  optional('snapshot', 'boolean', 'The bytes that are kept of a stream now, as an answer with a length.', 'false'),
  ...STREAM_PARAMETERS,
  JOIN,
  optional('size', 'integer', 'Of an ordinary file: at most so many bytes; negative for all.', '-1'),
  ...LINK,
];

export const readFile: Route = {
  method: 'GET',
  pattern: '/api/v1/files',
  summary: 'Reads a file, or follows a stream.',
  permission: 'read',
  answers: [
    { status: 200, description: 'The bytes, live, as a snapshot or as a file.', content: LIVE, headers: PLACE },
    { status: 204, description: 'Server-sent events: all of a stream that has ended was received before.' },
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
  if (hasAll(opened)) {
    reads.leave(account);
    sendNothingMore(res, source);
    return;
  }
  exchange.isLive = source.kind === 'live';
  await sendSource(req, res, source, sending, () => reads.leave(account), facts);
}

/** What a live read would begin with. Its reader is closed at once, and a stream that is absent is not made for it. */
async function describeStream(exchange: Exchange): Promise<void> {
  const { req, res, query, server, caller } = exchange;
  const { encoding } = sendOptions(req.headers.accept, query, server);
  const { reads } = server.limits;
  const account = caller?.account;
  reads.enter(account);
  try {
    const opened = await openRead(exchange, encoding, { create: false });
    const { source, facts } = opened;
    if (hasAll(opened)) sendNothingMore(res, source);
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
  /** Where the client says that it has read up to. */
  readonly lastEventId: LastEventId | undefined;
  readonly facts: ReadFacts;
}

async function openRead(exchange: Exchange, encoding: Encoding, more: OpenStreamOptions): Promise<OpenedRead> {
  const { req, query, server, caller } = exchange;
  const { mounts } = server;
  const path = query.path();
  const optionsOf = isNavigation(req) ? navigationOptions : streamOptions;
  const asked: OpenStreamOptions = { ...optionsOf(query, encoding, caller), join: joinOf(query, encoding), ...more };
  // Made only for what may take long to find.
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

/** Whether a client that reconnects has read to the end already: then the answer tells it to stop. */
function hasAll({ source, lastEventId }: OpenedRead): boolean {
  if (lastEventId === undefined) return false;
  const { offset } = lastEventId;
  if (source.kind === 'content') return source.size === 0 && offset > 0;
  const { endOffset, endReason } = source.reader.stream;
  return endReason !== undefined && offset >= endOffset;
}

/** An `EventSource` that gets 204 does not come back. */
function sendNothingMore(res: ServerResponse, source: StreamSource): void {
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
  await withParts(parts, limits.held, () => sendSized(exchange.res, content, limits, headers));
}

async function describeSnapshot(exchange: Exchange): Promise<void> {
  const { content, headers } = await openSnapshot(exchange);
  exchange.res.writeHead(200, { ...headers, 'Content-Length': content.size }).end();
}

/** Offset and size as the original reads them: negative offsets are 0, negative sizes everything (contract 42). */
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
