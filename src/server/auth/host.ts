/**
 * A page of another origin can make a browser send requests to this machine under a name that the browser does not treat
 * as loopback: a name of the attacker's that resolves to 127.0.0.1 (DNS rebinding), the machine's own name, or an address
 * such as 0.0.0.0 that the system connects to loopback. For those a browser omits `Sec-Fetch-Site`, by which pages of other
 * origins are recognised (see origins.ts). The Host header still holds that name.
 *
 * So without tokens a server on loopback answers only to the names that every browser treats as loopback, and to
 * configured names. With tokens it also answers to every address and to names without a dot: a request then needs a token
 * as well.
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
