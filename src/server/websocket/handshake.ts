/** The opening handshake (RFC 6455 section 4.2). Its request has passed the checks of every request. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { createError } from '../../errors/index.ts';
import { WEBSOCKET_HEADERS, WEBSOCKET_SUBPROTOCOLS } from '../../protocol/index.ts';
import { offeredSubprotocols } from '../auth/index.ts';
import { hasBody } from '../http/message-rules.ts';
import type { Exchange } from '../http/route.ts';
import { shorten } from '../http/shorten.ts';

type Subprotocol = (typeof WEBSOCKET_SUBPROTOCOLS)[keyof typeof WEBSOCKET_SUBPROTOCOLS];

export interface Handshake {
  readonly key: string;
  readonly subprotocol: Subprotocol;
  /** Whether the client has offered it. Otherwise the response does not name it. */
  readonly isOffered: boolean;
}

/** The constant with which a server proves that it understands the handshake (section 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const VERSION = '13';
/** Sixteen bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** Whether a request offers to upgrade to WebSocket. All others are answered without an upgrade. */
export function offersWebSocket(req: IncomingMessage): boolean {
  const { method, headers, httpVersion } = req;
  if (method !== 'GET' || httpVersion !== '1.1' || hasBody(req)) return false;
  return (headers.upgrade ?? '').split(',').some((protocol) => protocol.trim().toLowerCase() === 'websocket');
}

/** @throws UPGRADE_REQUIRED for another version, BAD_REQUEST for anything else */
export function readHandshake(headers: IncomingHttpHeaders): Handshake {
  const version = headers['sec-websocket-version'];
  if (version !== VERSION) {
    const given = version === undefined ? 'it is missing' : `not ${shorten(version)}`;
    throw createError('UPGRADE_REQUIRED', { reason: `${WEBSOCKET_HEADERS.version} must be ${VERSION}, ${given}` });
  }
  const key = headers['sec-websocket-key'];
  if (key === undefined || !KEY.test(key)) {
    const given = key === undefined ? 'it is missing' : `not ${shorten(key)}`;
    throw createError('BAD_REQUEST', { reason: `Sec-WebSocket-Key must be 16 random bytes in base64, ${given}` });
  }
  const offered = offeredSubprotocols(headers['sec-websocket-protocol']);
  const known: readonly string[] = Object.values(WEBSOCKET_SUBPROTOCOLS);
  const subprotocol = offered.find((name) => known.includes(name)) as Subprotocol | undefined;
  // A browser fails the connection if it offered subprotocols and the server selects none.
  if (subprotocol === undefined && headers['sec-websocket-protocol'] !== undefined) {
    throw createError('BAD_REQUEST', {
      reason: `none of the subprotocols is supported: offer ${known.join(' or ')}, or none at all`,
    });
  }
  return { key, subprotocol: subprotocol ?? WEBSOCKET_SUBPROTOCOLS.records, isOffered: subprotocol !== undefined };
}

/** Responds that the connection continues as WebSocket. */
export function acceptHandshake({ res }: Exchange, handshake: Handshake, headers: OutgoingHttpHeaders): void {
  const { key, subprotocol, isOffered } = handshake;
  res.writeHead(101, {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    [WEBSOCKET_HEADERS.accept]: createHash('sha1')
      .update(key + GUID)
      .digest('base64'),
    ...(isOffered ? { [WEBSOCKET_HEADERS.protocol]: subprotocol } : {}),
    ...headers,
  });
  res.flushHeaders();
}

/** The headers of a refusal, for clients that could upgrade to WebSocket. */
export const UPGRADE_HEADERS: OutgoingHttpHeaders = {
  Upgrade: 'websocket',
  Connection: 'Upgrade, close',
  [WEBSOCKET_HEADERS.version]: VERSION,
};
