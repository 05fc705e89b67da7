/** The address to listen on: parsing it, and refusing one that would expose the server (contract 79). */
import { isIP, isIPv4 } from 'node:net';
import { createError } from '../errors/index.ts';

export interface Address {
  host: string;
  /** 0: the system chooses. */
  port: number;
}

const FORMS = "expected '8080', ':8080', '127.0.0.1:8080', '[::1]:8080' or 'localhost:8080'";
const PORT = /^\d{1,5}$/;
const ADDRESS = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

/**
 * Parses `HOST:PORT`, with an IPv6 host in brackets. `PORT` or `:PORT` alone means loopback; listening on all
 * interfaces must be explicit, as `0.0.0.0:PORT` or `[::]:PORT`. Anything else is CONFIG_INVALID.
 */
export function parseAddress(text: string): Address {
  const given = text.trim();
  const match = ADDRESS.exec(PORT.test(given) ? `:${given}` : given);
  if (!match)
    throw invalid(text, isIP(text.trim()) === 6 ? "an IPv6 address needs brackets, as in '[::1]:8080'" : FORMS);
  const [, ipv6, name, digits] = match;
  const port = Number(digits);
  if (port > 65_535) throw invalid(text, 'expected a port from 0 to 65535');
  if (ipv6 !== undefined) {
    if (isIP(ipv6) !== 6) throw invalid(text, `'${ipv6}' is not an IPv6 address`);
    return { host: ipv6, port };
  }
  if (name === '') return { host: '127.0.0.1', port };
  // A name of digits and dots that is not an IPv4 address is a typo; resolvers would still make some address of it.
  const numeric = /^[\d.]+$/.test(name!);
  if (numeric ? !isIPv4(name!) : !HOST_NAME.test(name!)) throw invalid(text, FORMS);
  return { host: name!, port };
}

/** Formats an address: `127.0.0.1:8080`, `[::1]:8080`. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only programs on this machine can connect. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name === '::1') return true;
  const ipv4 = name.startsWith('::ffff:') ? name.slice('::ffff:'.length) : name;
  return isIPv4(ipv4) && ipv4.startsWith('127.');
}

/** Throws CONFIG_INVALID for an address that others can reach, unless tokens are required or exposure was allowed. */
export function refuseExposure(address: Address, isMeant: boolean): void {
  if (isMeant || isLoopback(address.host)) return;
  throw createError('CONFIG_INVALID', {
    reason:
      `refusing to listen on ${formatAddress(address)}: others could reach it, and it requires no token ` +
      `(configure server.tokens, listen on 127.0.0.1:${address.port}, or allow it with server.no_auth: true or --no-auth)`,
  });
}

function invalid(text: string, expected: string) {
  return createError('CONFIG_INVALID', {
    reason: `invalid address: ${JSON.stringify(text.slice(0, 100))} (${expected})`,
  });
}
