/**
 * Which pages may use the server from within a browser. A browser sends the requests of any page, also to a server on its
 * own machine that needs no token: a form or an image on a page of another origin could write to a stream, or consume what
 * another client's handle would read. But a browser marks such requests, in `Sec-Fetch-Site` or at least in `Origin`, and
 * no page can prevent that. Programs other than browsers send neither.
 */
import type { IncomingMessage } from 'node:http';
import { createError } from '../../errors/index.ts';
import { isAt } from './browser.ts';

export class Origins {
  #listed: ReadonlySet<string> = new Set();
  /** Another one whenever the list is. */
  version = 0;

  /** @param listed origins as browsers send them, such as `https://app.example` */
  constructor(listed: readonly string[] = []) {
    this.replace(listed);
  }

  /** From now on these, and no others. */
  replace(listed: readonly string[]): void {
    this.#listed = new Set(listed);
    this.version++;
  }

  /** Whether there are any beside the server's own. */
  get areListed(): boolean {
    return this.#listed.size > 0;
  }

  /** The origin of the page that asks, if it is one of those that were listed. */
  listed({ headers: { origin } }: IncomingMessage): string | undefined {
    return origin !== undefined && this.#listed.has(origin) ? origin : undefined;
  }

  /** @throws ORIGIN_REFUSED for what a page asks that is neither the server's own nor listed */
  check(req: IncomingMessage): void {
    const { origin, host, 'sec-fetch-site': site } = req.headers;
    if (origin === undefined && site === undefined) return;
    if (this.listed(req) !== undefined || isShown(req)) return;
    // `none`: the address was typed in. A proxy may have changed Host, so what the browser says counts for more.
    const isOwn = site === undefined ? isAt(origin!, host) : site === 'same-origin' || site === 'none';
    if (!isOwn) throw createError('ORIGIN_REFUSED', { origin: (origin ?? 'another site').slice(0, 100) });
  }
}

/** Whether the request is a navigation: the answer replaces the page with the link, which cannot read it. */
function isShown({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}
