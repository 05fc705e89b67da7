/** Parses and checks the headers and bodies of requests. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AppendId, Stream } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import {
  DURABLE_SINGLE_HEADERS,
  DURABLE_HEADERS as H,
  HEADERS,
  MAX_CONTENT_TYPE_LENGTH,
  normalContentType,
} from '../../protocol/index.ts';
import { givenDurableOffset, isDurableOffset } from '../encoding/durable-offsets.ts';
import { jsonLimit } from '../http/json-body.ts';
import type { Exchange, ServerContext } from '../http/route.ts';
import { shorten } from '../http/shorten.ts';
import { type BodyLimits, bodyTooLarge, bufferBody } from '../http/whole-body.ts';
import { appendIdOf, type ProducerIdRule } from '../ingest/producer-headers.ts';
import { formOf } from './form.ts';

const ANY_PRODUCER_ID: ProducerIdRule = { pattern: /^.{1,256}$/su, text: '1 to 256 characters' };
const WHOLE_NUMBER = /^(?:0|[1-9]\d*)$/;
/** The largest number of seconds that is exact as milliseconds. */
const MAX_WHOLE_NUMBER = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
/** RFC 3339 section 5.6: the month, the day, and a leap second. */
const TIMESTAMP = /^(\d{4}-\d\d)-(\d\d)[Tt](?:[01]\d|2[0-3]):\d\d:(?:[0-5]\d|(60))(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
const SECOND_MS = 1000;

/** Headers that may occur only once: node:http joins repeated ones, or takes the first. */
const SINGLE = new Map(
  [...DURABLE_SINGLE_HEADERS, 'Content-Type', HEADERS.producerId, HEADERS.producerEpoch, HEADERS.producerSeq].map(
    (name) => [name.toLowerCase(), name],
  ),
);

/** A header that is given twice is ambiguous, even if both values are the same. @throws INVALID_PARAMETER */
export function requireSingleHeaders({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): void {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = SINGLE.get(rawHeaders[at]!.toLowerCase());
    if (name === undefined) continue;
    if (seen.has(name)) throw invalid(name, 'given more than once');
    seen.add(name);
  }
}

export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Undefined also for an empty header. */
export function typeOf(headers: IncomingHttpHeaders): string | undefined {
  return headers['content-type'] || undefined;
}

/** The content type of a stream that is created. @throws INVALID_PARAMETER */
export function typeToCreate(headers: IncomingHttpHeaders): string | undefined {
  const type = typeOf(headers);
  if (type === undefined || normalContentType(type) !== undefined) return type;
  throw invalid(
    'Content-Type',
    `must be one such as text/plain, of at most ${MAX_CONTENT_TYPE_LENGTH} characters, got ${shorten(type)}`,
  );
}

/** A value other than `true` is treated as an absent header. */
export function asksToClose(headers: IncomingHttpHeaders): boolean {
  return headerOf(headers, H.closed)?.toLowerCase() === 'true';
}

/** The time to live, in milliseconds, and the time of expiry, in milliseconds since 1970. */
export function lifetimeOf(headers: IncomingHttpHeaders): { ttl: number | undefined; expiresAt: number | undefined } {
  const ttl = headerOf(headers, H.ttl);
  const expiresAt = headerOf(headers, H.expiresAt);
  if (ttl !== undefined && expiresAt !== undefined) throw invalid(H.ttl, `give it or ${H.expiresAt}, not both`);
  return {
    ttl: ttl === undefined ? undefined : wholeNumberOf(H.ttl, ttl) * 1000,
    expiresAt: expiresAt === undefined ? undefined : timeOf(expiresAt),
  };
}

function timeOf(text: string): number {
  const [, month, day, leap] = TIMESTAMP.exec(text) ?? [];
  let time = Number.NaN;
  if (leap !== undefined) time = Date.parse(text.replace(/:60(?=[.Zz+-])/, ':59')) + SECOND_MS;
  else if (day !== undefined) time = Date.parse(text);
  // Date.parse accepts a day that the month does not have as one of the next month.
  const isDay = new Date(`${month}-${day}T00:00:00Z`).getUTCDate() === Number(day);
  if (Number.isNaN(time) || time < 0 || !isDay)
    throw invalid(H.expiresAt, `must be a time such as 2026-11-26T12:00:00Z, got ${shorten(text)}`);
  return time;
}

export function wholeNumberOf(name: string, text: string): number {
  const number = Number(text);
  if (WHOLE_NUMBER.test(text) && number <= MAX_WHOLE_NUMBER) return number;
  throw invalid(name, `must be a whole number from 0 to ${MAX_WHOLE_NUMBER} in plain digits, got ${shorten(text)}`);
}

/** The append id of a producer, whose name may be any text here. @throws PRODUCER_HEADERS */
export function producerOf(headers: IncomingHttpHeaders): AppendId | undefined {
  return appendIdOf(headers, ANY_PRODUCER_ID);
}

/** The end offset that the stream must have for this append, as given in the request. @throws INVALID_OFFSET */
export function expectedEndOf(headers: IncomingHttpHeaders): ((stream: Stream) => number | undefined) | undefined {
  const text = headerOf(headers, H.expectedOffset);
  if (text === undefined) return undefined;
  if (isDurableOffset(text)) return (stream) => givenDurableOffset(text, stream);
  throw createError('INVALID_OFFSET', {
    offset: JSON.stringify(shorten(text)),
    reason: `${H.expectedOffset} must be an offset that this server returned as ${H.nextOffset}`,
  });
}

/** Conditional headers. Those that a route does not support are refused, since ignoring one would treat it as met. */
const CONDITIONS = {
  'If-Match': { instead: `use ${H.expectedOffset} for an append` },
  'If-None-Match': { instead: 'use * to create a stream, and an ETag to read one' },
  'If-Unmodified-Since': { instead: `use ${H.expectedOffset} for an append` },
  [H.expectedOffset]: { instead: 'it is for appends' },
  'Content-Range': { instead: 'a body is appended as a whole' },
} as const;

/**
 * Refuses conditional headers that this write does not support.
 *
 * @param known the conditions that the caller checks
 * @throws INVALID_PARAMETER
 */
export function refuseConditions(headers: IncomingHttpHeaders, known: readonly (keyof typeof CONDITIONS)[]): void {
  for (const [name, { instead }] of Object.entries(CONDITIONS)) {
    const value = headerOf(headers, name);
    if (value === undefined || (known as readonly string[]).includes(name)) continue;
    throw invalid(name, `it is not supported here: ${instead}`);
  }
}

/** The maximum length of a body of this content type. */
export function bodyLimit(type: string, server: ServerContext): Pick<BodyLimits, 'size' | 'limit'> {
  return formOf(type) === 'json' ? jsonLimit(server, true) : { size: server.maxRequestBodyBytes, limit: 'body_size' };
}

/**
 * The whole body, charged until the response is over. @throws BODY_TOO_LARGE, BODY_BROKE_OFF, BODY_TIMEOUT,
 * MEMORY_LIMIT
 */
export async function bodyOf({ req, res, server }: Exchange): Promise<Uint8Array> {
  const { memory, values } = server.limits;
  const type = typeOf(req.headers) ?? '';
  const limits = bodyLimit(type, server);
  if (Number(req.headers['content-length'] ?? 0) > limits.size) {
    throw bodyTooLarge({ ...limits, idle: 0, memory });
  }
  let charged = 0;
  const release = () => {
    memory.give(charged);
    charged = 0;
  };
  const charge = (bytes: number) => {
    if (!memory.tryTake(bytes)) return false;
    charged += bytes;
    return true;
  };
  if (res.destroyed) release();
  else res.once('close', release);
  const gathered = await bufferBody(req, { ...limits, idle: values.bodyTimeout, memory }, charge);
  // A long body is parsed in a separate turn of the event loop.
  if (formOf(type) === 'json' && gathered.length > 64 * 1024) await nextTurn();
  return gathered.bytes;
}

function invalid(name: string, reason: string) {
  return createError('INVALID_PARAMETER', { name, reason });
}
