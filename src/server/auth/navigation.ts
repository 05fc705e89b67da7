/**
 * Navigation: a browser requests a document to show or to save, because a user followed a link or typed an address, or
 * because a page navigated. A page of any origin can navigate repeatedly and without a click, though it cannot read the
 * responses. So a navigation may read, since links to streams have to work, but it changes nothing: only routes that
 * declare it accept navigation, and for navigation they create nothing and block no writer.
 */
import type { IncomingMessage } from 'node:http';
import { createError } from '../../errors/index.ts';

/** The values of `Sec-Fetch-Dest` for which a browser shows the response as a document. */
const DOCUMENT_DESTINATIONS: ReadonlySet<string> = new Set([
  'document',
  'iframe',
  'frame',
  'fencedframe',
  'embed',
  'object',
]);

/** Programs send none of these headers, and no page can prevent its browser from sending them. */
export function isNavigation({ headers }: IncomingMessage): boolean {
  const mode = headers['sec-fetch-mode'];
  if (mode === 'navigate' || mode === 'nested-navigate') return true;
  // Without TLS and off loopback, a browser sends no Sec-Fetch headers, but it always sends Upgrade-Insecure-Requests.
  return (
    DOCUMENT_DESTINATIONS.has(String(headers['sec-fetch-dest'])) || headers['upgrade-insecure-requests'] !== undefined
  );
}

/** @throws NAVIGATION_REFUSED for a navigation to a route that does not accept it */
export function refuseNavigation(
  req: IncomingMessage,
  route: { method: string; pattern: string; navigable?: true | undefined },
) {
  if (route.navigable === true || !isNavigation(req)) return;
  throw createError('NAVIGATION_REFUSED', { method: route.method, route: route.pattern });
}
