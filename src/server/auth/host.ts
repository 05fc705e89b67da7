/**
 * A page of another origin can make a browser send requests to this machine under a name that the browser does not
 * treat as loopback: an attacker's name that resolves to 127.0.0.1 (DNS rebinding), the machine's own name, or an
 * address such as 0.0.0.0 that the system connects to loopback. For these names a browser omits `Sec-Fetch-Site`, by
 * which pages of other origins are recognised (see origins.ts). The Host header still holds the name.
 *
 * So without tokens a server on loopback answers only to the names that every browser treats as loopback, and to
 * configured names. With tokens it also answers to every address and to names without a dot, because a request then
 * needs a token as well.
 */
import { isIP, isIPv4 } from 'node:net';
import { createError } from '../../errors/index.ts';
import { requireArray, requireType } from '../../units/index.ts';

const MAX_REMEMBERED = 100;

/** A name or an address (IPv6 in brackets), then an optional port. */
const HOST = /^(\[[^[\]]*\]|[^:[\]]*)(?::\d*)?$/;

export class HostCheck {
  readonly #allowed: ReadonlySet<string>;
  /** Accepted hosts, by whether tokens are required. */
  readonly #known = { true: new Set<string>(), false: new Set<string>() };

  constructor(allowed: readonly string[]) {
    requireArray('allowed hosts', allowed);
    for (const name of allowed) requireType('a host', name, 'string');
    this.#allowed = new Set(allowed.map((name) => name.toLowerCase()));
  }

  /**
   * @param host the Host header; undefined if there is none, which is never the case for a browser
   * @param areTokensAsked whether the request will need a token
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

/** A name that means this machine in every browser, in the only spelling that browsers send. */
function isLoopbackName(name: string): boolean {
  return name === '[::1]' || LOCALHOST.test(name) || (isIPv4(name) && name.startsWith('127.'));
}

/** Addresses and names without a dot, which an attacker cannot register. */
function isAddressOrPlain(name: string): boolean {
  if (name.startsWith('[')) return isIP(name.slice(1, -1)) === 6;
  return name !== '' && (!name.includes('.') || isIPv4(name));
}
