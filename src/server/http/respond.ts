/**
 * Writes every response that is not a stream: JSON, messages, errors, bytes.
 *
 * A response may be due while the client still sends (a body that is too large, a stream that has ended). Closing the
 * connection then could make the client's kernel discard the response it has received. So the whole response is sent,
 * further input is read and discarded for a moment, and only then the exchange ends.
 */

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { MIN_COUNTED_BYTES } from '../../core/internal.ts';
import { createError, isStreamFSError, type StreamFSError } from '../../errors/index.ts';
import type { FileInfo } from '../../fs/index.ts';
import { stackOf, writes } from '../../logging/index.ts';
import { HEADERS, JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import { awaitsContinue } from '../ingest/expectation.ts';
import { isBroken } from '../net/index.ts';
import type { RequestExchange } from './exchange.ts';
import { CONTENT_HEADERS, headersFor } from './headers.ts';
import { hasBody } from './message-rules.ts';
import type { ServerContext } from './route.ts';

/** How long the rest of an unwanted body is read and discarded, in milliseconds. */
const MAX_LINGER_MS = 2000;

/** A body this small is read to its end, so that the connection can be reused. */
const SMALL_BODY_BYTES = 64 * 1024;

/** A request and its response. */
export interface Pair {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Where the memory of long responses is charged. */
  readonly server?: Pick<ServerContext, 'limits'> | undefined;
}

export function sendJson(pair: Pair, status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
  // A string, not bytes: node:http then sends it in one piece with the head.
  const body = `${JSON.stringify(value)}\n`;
  send(
    pair,
    status,
    { 'Content-Type': JSON_MEDIA_TYPE, ...headers },
    body.length >= MIN_COUNTED_BYTES ? charged(pair, body) : body,
  );
}

/** `{"message": text}` (contract 66). */
export function sendMessage(pair: Pair, status: number, message: string, headers: OutgoingHttpHeaders = {}): void {
  sendJson(pair, status, { message }, headers);
}

/** Raw bytes of known length, charged until they are sent. @throws MEMORY_LIMIT */
export function sendBytes(pair: Pair, data: Uint8Array, headers: OutgoingHttpHeaders = {}): void {
  send(pair, 200, { ...CONTENT_HEADERS, ...headers }, data.length >= MIN_COUNTED_BYTES ? charged(pair, data) : data);
}

/** The bytes of a long response, charged until a client, however slow, has taken them. @throws MEMORY_LIMIT */
function charged({ res, server }: Pair, body: Uint8Array | string): Uint8Array {
  const data = typeof body === 'string' ? Buffer.from(body) : body;
  if (server === undefined || res.destroyed) return data;
  const { sharedBuffers } = server.limits;
  sharedBuffers.hold(data);
  res.once('close', () => sharedBuffers.release(data));
  return data;
}

/**
 * Responds with an error (contract 66, 73): status and code from the table, details next to the text. An error that is
 * not in the table is a bug of the server: it is logged in full, and the client gets INTERNAL. Once the response has
 * begun, an error can only be shown by closing the connection.
 */
export function sendError(exchange: RequestExchange, error: unknown, headers: OutgoingHttpHeaders = {}): void {
  const { res } = exchange;
  const { logger } = exchange.server;
  const known = isStreamFSError(error) ? error : undefined;
  if (!known) logger.error('request failed', { ...exchange.facts(), error: stackOf(error) });
  if (res.destroyed || res.writableEnded) return;
  if (res.headersSent) {
    if (writes(logger, 'debug')) {
      logger.debug('response cut off by an error', { ...exchange.facts(), error: stackOf(error) });
    }
    res.destroy();
    return;
  }
  const answered = known ?? createError('INTERNAL');
  sendJson(exchange, answered.status, errorBody(answered), { ...headers, [HEADERS.requestId]: exchange.id });
}

/** The JSON of an error: its details cannot overwrite its text and code. */
export function errorBody(error: StreamFSError): Record<string, unknown> {
  return { ...error.details, error: error.message, code: error.code };
}

/**
 * The metadata of a file as clients read it (contract 67): the time as RFC 3339 with a fraction, the mode as a number.
 */
export function fileInfo(info: FileInfo): Record<string, unknown> {
  return {
    name: info.name,
    size: info.size,
    mode: info.mode,
    modTime: info.modTime.toISOString(),
    isDir: info.isDir,
    meta: info.meta,
  };
}

function send(pair: Pair, status: number, headers: OutgoingHttpHeaders, body: Uint8Array | string): void {
  const { req, res } = pair;
  const pending = hasBody(req) && !req.complete;
  const reusable = pending
    ? Number(req.headers['content-length']) <= SMALL_BODY_BYTES && !awaitsContinue(req)
    : !isBroken(req);
  res.writeHead(status, {
    ...headersFor(req.method),
    ...headers,
    'Content-Length': Buffer.byteLength(body),
    ...(reusable ? {} : { Connection: 'close' }),
  });
  if (!pending) res.end(body);
  else {
    res.write(body);
    endWithRequest(req, res);
  }
}

function endWithRequest(req: IncomingMessage, res: ServerResponse): void {
  const timer = setTimeout(() => {
    finish();
    res.destroy();
  }, MAX_LINGER_MS);
  const finish = () => {
    clearTimeout(timer);
    req.off('end', finish).off('close', finish).off('error', finish);
    res.end();
  };
  req.on('end', finish).on('close', finish).on('error', finish).resume();
}

/** The headers of a request did not arrive in time. */
export function requestTimeout(milliseconds: number): StreamFSError {
  const seconds = milliseconds / 1000;
  return createError('REQUEST_TIMEOUT', { seconds }, { limit: 'header_timeout', max: seconds });
}

/** The `Retry-After` header of a refusal because of load, which may succeed a moment later. */
export function retryAfter(error: StreamFSError): Record<string, string> {
  // A mount that has failed does not recover by itself.
  if (error.code === 'MOUNT_FAILED') return {};
  return error.status === 503 || error.status === 429 ? { 'Retry-After': '1' } : {};
}
