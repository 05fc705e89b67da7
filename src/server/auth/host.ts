/**
 * A page of a stranger can make a browser ask a server on this machine by a name that the browser does not take for this
 * machine: one of the stranger's own that suddenly means 127.0.0.1 (DNS rebinding), the machine's own name, or an address
 * such as 0.0.0.0 that the system connects to loopback. For those a browser leaves out `Sec-Fetch-Site`, by which pages
 * of strangers are told (see origins.ts). What gives it away is the Host header: it holds that name.
 *
 * So where nobody is asked for a token, a server on loopback answers only to the names that every browser knows to be
 * loopback, and to those that were configured. Where tokens are asked for, it answers to every address and to names
 * without a dot too: a request needs more than a name there.
 */
import { isIP, isIPv4 } from 'node:net';
import { createError } from '../../errors/index.ts';

const MAX_REMEMBERED = 100;

/** A name or an address, one of IPv6 in brackets; then perhaps a port. */
const HOST = /^(\[[^[\]]*\]|[^:[\]]*)(?::\d*)?$/;

export class HostCheck {
  readonly #allowed: ReadonlySet<string>;
  /** Hosts that were let in, by whether tokens were asked for. */
  readonly #known = { true: new Set<string>(), false: new Set<string>() };

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed.map((name) => name.toLowerCase()));
  }

  /**
   * @param host a Host header; undefined where there is none, as no browser leaves it out
   * @param areTokensAsked whether the request will be asked for a token
   * @throws HOST_REFUSED
   */
  check(host: string | undefined, areTokensAsked: boolean): void {
    const known = this.#known[`${areTokensAsked}`];
    if (host === undefined || known.has(host)) return;
    const name = HOST.exec(host)?.[1]?.toLowerCase();
    const isOurs =
      name !== undefined &&
      (isLoopbackName(name) || this.#allowed.has(name) || (areTokensAsked && isAddressOrPlain(name)));
    if (!isOurs) throw createError('HOST_REFUSED', { host: JSON.stringify(host.slice(0, 100)) });
    if (known.size < MAX_REMEMBERED) known.add(host);
  }
}

const LOCALHOST = /^([a-z0-9_-]+\.)*localhost$/;

/** A name that means this machine in every browser, in the one spelling that browsers send. */
function isLoopbackName(name: string): boolean {
  return name === '[::1]' || LOCALHOST.test(name) || (isIPv4(name) && name.startsWith('127.'));
}

/** No stranger can own these. */
function isAddressOrPlain(name: string): boolean {
  if (name.startsWith('[')) return isIP(name.slice(1, -1)) === 6;
  return name !== '' && (!name.includes('.') || isIPv4(name));
}
