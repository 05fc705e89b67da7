/**
 * Navigation: a browser requests a document to show or to save, because a user followed a link or typed an address, or
 * because a page sent it there. A page of any origin can do that repeatedly and without a click, though it sees nothing of
 * the answers. So navigation may read, since links to streams have to work, but it changes nothing: only routes that say so
 * accept it, and for it they create nothing and block no writer.
 */
import type { IncomingMessage } from 'node:http';
import { createError } from '../../errors/index.ts';

/** What a browser makes of the answer to a navigation, by `Sec-Fetch-Dest`. */
const SHOWN_AS: ReadonlySet<string> = new Set(['document', 'iframe', 'frame', 'fencedframe', 'embed', 'object']);

/** Programs send none of these headers, and no page can keep its browser from sending them. */
export function isNavigation({ headers }: IncomingMessage): boolean {
  const mode = headers['sec-fetch-mode'];
  if (mode === 'navigate' || mode === 'nested-navigate') return true;
  // Off loopback, without TLS, a browser sends no Sec-Fetch headers; this one it sends everywhere.
  return SHOWN_AS.has(String(headers['sec-fetch-dest'])) || headers['upgrade-insecure-requests'] !== undefined;
}

/** @throws NAVIGATION_REFUSED for a navigation to a route that is not for it */
export function refuseNavigation(
  req: IncomingMessage,
  route: { method: string; pattern: string; navigable?: true | undefined },
) {
  if (route.navigable === true || !isNavigation(req)) return;
  throw createError('NAVIGATION_REFUSED', { method: route.method, route: route.pattern });
}
