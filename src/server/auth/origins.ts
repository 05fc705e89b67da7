/**
 * Which pages may use the server from a browser. A browser sends the requests of any page, even to a server on its own
 * machine that needs no token: a form or an image on a page of another origin could write to a stream, or consume bytes
 * meant for another client's handle. But a browser marks such requests with `Sec-Fetch-Site` or at least `Origin`, and
 * no page can prevent that. Programs other than browsers send neither.
 */
import type { IncomingMessage } from 'node:http';
import { createError } from '../../errors/index.ts';
import { requireArray, requireType } from '../../units/index.ts';
import { isOriginOfHost } from './browser.ts';

export class Origins {
  #listed: ReadonlySet<string> = new Set();
  /** Changes whenever the list does. */
  version = 0;

  /** @param listed origins as browsers send them, such as `https://app.example` */
  constructor(listed: readonly string[] = []) {
    this.replace(listed);
  }

  /** Replaces the list. */
  replace(listed: readonly string[]): void {
    requireArray('origins', listed);
    for (const origin of listed) requireType('an origin', origin, 'string');
    this.#listed = new Set(listed);
    this.version++;
  }

  /** Whether other origins than the server's own are listed. */
  get areListed(): boolean {
    return this.#listed.size > 0;
  }

  /** The origin of the requesting page, if it is listed. */
  listed({ headers: { origin } }: IncomingMessage): string | undefined {
    return origin !== undefined && this.#listed.has(origin) ? origin : undefined;
  }

  /** @throws ORIGIN_REFUSED for a request from a page that is neither the server's own nor listed */
  check(req: IncomingMessage): void {
    const { origin, host, 'sec-fetch-site': site } = req.headers;
    if (origin === undefined && site === undefined) return;
    if (this.listed(req) !== undefined || isDocumentNavigation(req)) return;
    // `none`: the user typed the address. A proxy may have changed Host, so Sec-Fetch-Site takes precedence.
    const isOwn = site === undefined ? isOriginOfHost(origin!, host) : site === 'same-origin' || site === 'none';
    if (!isOwn) throw createError('ORIGIN_REFUSED', { origin: (origin ?? 'another site').slice(0, 100) });
  }
}

/** Whether the request is a navigation: the response replaces the page, which cannot read it. */
function isDocumentNavigation({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}
