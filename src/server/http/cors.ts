/**
 * The CORS headers that let pages of listed origins read responses. Without listed origins no response has any of them.
 * A page itself sends the token, never its browser automatically, so `Access-Control-Allow-Credentials` is never sent.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DURABLE_REQUEST_HEADERS, DURABLE_RESPONSE_HEADERS, headersIn } from '../../protocol/index.ts';
import type { Origins } from '../auth/index.ts';

/** Request headers that the server reads, or that clients of streams send. */
const ALLOWED = [
  'Authorization',
  'Content-Type',
  'Last-Event-ID',
  ...headersIn('request'),
  ...DURABLE_REQUEST_HEADERS,
].join(', ');

/** Response headers that a page may read, in addition to the CORS-safelisted ones. */
const EXPOSED = [
  'Allow',
  'Retry-After',
  'WWW-Authenticate',
  ...headersIn('response'),
  ...DURABLE_RESPONSE_HEADERS,
].join(', ');

/** How long a browser may cache the response to a preflight, in seconds. It delays changes of the origins. */
const MAX_AGE = '600';

/** Responses differ by origin, so caches must not reuse one for another page. */
const VARY = 'Origin';

/** The same as text, for a response to a request without a listed origin. */
export function varyLine(origins: Origins): string {
  return origins.areListed ? `Vary: ${VARY}\r\n` : '';
}

/** Called before any response is sent, so that pages can read refusals as well. */
export function allowOrigin(origins: Origins, req: IncomingMessage, res: ServerResponse): void {
  if (!origins.areListed) return;
  res.setHeader('Vary', VARY);
  const origin = origins.listed(req);
  if (origin === undefined) return;
  res.setHeader('Access-Control-Allow-Origin', origin);
  if (!isPreflight(req)) res.setHeader('Access-Control-Expose-Headers', EXPOSED);
}

/** The headers of the response to a preflight request. @param methods the methods of the path */
export function preflightHeaders(origins: Origins, req: IncomingMessage, methods: string): Record<string, string> {
  if (!isPreflight(req) || origins.listed(req) === undefined) return {};
  return {
    'Access-Control-Allow-Methods': methods,
    'Access-Control-Allow-Headers': ALLOWED,
    'Access-Control-Max-Age': MAX_AGE,
  };
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}
