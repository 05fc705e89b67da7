/** Responses as text, for sockets on which node:http writes nothing, because it has not parsed the request. */

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { StreamFSError } from '../../errors/index.ts';
import { type Durability, HEADERS, JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import { KEEP_ALIVE_TIMEOUT_MS, SecureSocket } from '../net/index.ts';
import { RESPONSE_HEADERS } from './headers.ts';
import { errorBody, retryAfter } from './respond.ts';

/** The first lines of a response. */
export function headLines(status: number, headers: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}`;
}

const KEEP_ALIVE = { Connection: 'keep-alive', 'Keep-Alive': `timeout=${KEEP_ALIVE_TIMEOUT_MS / 1000}` };

/** The head of a response, with the empty line that ends it. */
function headText(status: number, headers: Readonly<Record<string, string | number>>, vary: string): string {
  return `${headLines(status, headers)}${vary}Date: ${httpDate()}\r\n\r\n`;
}

/**
 * An error response.
 *
 * @param vary the result of `varyLine`
 * @param isLast whether the connection is closed after it
 */
export function errorText(error: StreamFSError, vary: string, isLast = true): string {
  const body = `${JSON.stringify(errorBody(error))}\n`;
  const head = headText(
    error.status,
    {
      ...RESPONSE_HEADERS,
      'Content-Type': JSON_MEDIA_TYPE,
      ...retryAfter(error),
      'Content-Length': Buffer.byteLength(body),
      ...(isLast ? { Connection: 'close' } : KEEP_ALIVE),
    },
    vary,
  );
  return head + body;
}

/** Whether a response would reach the peer: during a TLS handshake it would not. */
export function canRespond(socket: Duplex): boolean {
  return socket.writable && !(socket instanceof SecureSocket && !socket.isSecure);
}

/** The response to a write, split before and after the end offset, so that it can be reused for many writes. */
export function writtenParts(
  written: number,
  generation: string,
  durability: Durability | undefined,
  vary: string,
): [before: string, after: string] {
  const body = `${JSON.stringify({ message: `Written ${written} bytes` })}\n`;
  const [before, after] = splitAtValue(
    200,
    HEADERS.streamEndOffset,
    {
      'Content-Type': JSON_MEDIA_TYPE,
      [HEADERS.streamGeneration]: generation,
      ...(durability === undefined ? {} : { [HEADERS.streamDurable]: durability }),
      'Content-Length': body.length,
    },
    vary,
  );
  return [before, after + body];
}

/** The head of a response that keeps the connection open, split before and after the value of one of its headers. */
export function splitAtValue(
  status: number,
  name: string,
  headers: Readonly<Record<string, string | number>>,
  vary: string,
): [before: string, after: string] {
  const text = headText(
    status,
    {
      ...headers,
      ...KEEP_ALIVE,
      // Last, or each such object would have its own hidden class (docs/adr/0019-put-small-slabs-in-blocks.md).
      ...RESPONSE_HEADERS,
    },
    vary,
  );
  const end = text.indexOf('\r\n') + 2;
  return [`${text.slice(0, end)}${name}: `, `\r\n${text.slice(end)}`];
}

let dateSecond = 0;
let dateText = '';

/** The time in the format of HTTP (RFC 9110 section 5.6.7), formatted once a second. */
export function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
