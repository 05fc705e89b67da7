/**
 * What lets pages of listed origins read answers (CORS). Without listed origins no answer has any of these headers.
 * Tokens are sent by a page itself, never by its browser on its own, so `Access-Control-Allow-Credentials` is never sent.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DURABLE_ANSWER_HEADERS, DURABLE_REQUEST_HEADERS, headersIn } from '../../protocol/index.ts';
import type { Origins } from '../auth/index.ts';

/** Headers of requests that mean something to us, or that clients of streams send. */
const ALLOWED = [
  'Authorization',
  'Content-Type',
  'Last-Event-ID',
  ...headersIn('request'),
  ...DURABLE_REQUEST_HEADERS,
].join(', ');

/** Headers of answers that a page may read, beside those that it always may. */
const EXPOSED = ['Allow', 'Retry-After', 'WWW-Authenticate', ...headersIn('answer'), ...DURABLE_ANSWER_HEADERS].join(
  ', ',
);

/** How long a browser may cache the answer to a preflight, in seconds: a change of the origins takes effect that late. */
const MAX_AGE = '600';

/** What a cache must compare before it gives an answer to another page: the answer to each has other headers. */
const VARY = 'Origin';

/** The same of an answer that is written as text, to a request of no page or of one that is not known. */
export function varyLine(origins: Origins): string {
  return origins.areListed ? `Vary: ${VARY}\r\n` : '';
}

/** Before anything is answered, so that refusals can be read as well. */
export function allowOrigin(origins: Origins, req: IncomingMessage, res: ServerResponse): void {
  if (!origins.areListed) return;
  res.setHeader('Vary', VARY);
  const origin = origins.listed(req);
  if (origin === undefined) return;
  res.setHeader('Access-Control-Allow-Origin', origin);
  if (!isPreflight(req)) res.setHeader('Access-Control-Expose-Headers', EXPOSED);
}

/** The headers of the answer to a preflight request; `methods` are those of the path. */
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
