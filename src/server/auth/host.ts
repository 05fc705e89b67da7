/**
 * A page of a stranger can make a browser ask a server on this machine, by a name of the stranger's that suddenly means
 * 127.0.0.1 (DNS rebinding). What gives it away is the Host header: it holds that name. So a server on loopback answers
 * to addresses, to `localhost`, to names without a dot, which no stranger can own, and to those that were configured.
 */
import { isIP } from 'node:net';
import { fail } from '../../errors/index.ts';

const MOST_REMEMBERED = 100;

export class HostCheck {
  readonly #allowed: ReadonlySet<string>;
  readonly #known = new Set<string>();

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed.map((name) => name.toLowerCase()));
  }

  /** @throws HOST_REFUSED */
  check(host: string | undefined): void {
    if (host === undefined || this.#known.has(host)) return;
    const name = host.toLowerCase().replace(/:\d*$/, '');
    const isOurs =
      !name.includes('.') ||
      name.endsWith('.localhost') ||
      isIP(name.replace(/^\[|\]$/g, '')) > 0 ||
      this.#allowed.has(name);
    if (!isOurs) throw fail('HOST_REFUSED', { host: name.slice(0, 100) });
    if (this.#known.size < MOST_REMEMBERED) this.#known.add(host);
  }
}
