/**
 * Where the server listens: reading an address, and refusing one that would let strangers in (contract 79).
 */
import { isIP, isIPv4 } from 'node:net';
import { createError } from '../errors/index.ts';

export interface Address {
  host: string;
  /** 0 lets the system choose. */
  port: number;
}

const FORMS = "expected '8080', ':8080', '127.0.0.1:8080', '[::1]:8080' or 'localhost:8080'";
const PORT = /^\d{1,5}$/;
const ADDRESS = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

/**
 * Reads `HOST:PORT`, with an IPv6 host in brackets. `PORT` or `:PORT` alone is loopback: to listen everywhere is said in full, as
 * `0.0.0.0:PORT` or `[::]:PORT`. Anything else is CONFIG_INVALID.
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
  // A name of digits and dots that is not an IPv4 address is a slip; resolvers would make some address of it.
  const numeric = /^[\d.]+$/.test(name!);
  if (numeric ? !isIPv4(name!) : !HOST_NAME.test(name!)) throw invalid(text, FORMS);
  return { host: name!, port };
}

/** The address as text again: `127.0.0.1:8080`, `[::1]:8080`. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only programs of this machine can connect. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name === '::1') return true;
  const ipv4 = name.startsWith('::ffff:') ? name.slice('::ffff:'.length) : name;
  return isIPv4(ipv4) && ipv4.startsWith('127.');
}

/** Throws CONFIG_INVALID for an address that others can reach, unless tokens are asked for or none are meant to be. */
export function refuseExposure(address: Address, isMeant: boolean): void {
  if (isMeant || isLoopback(address.host)) return;
  throw createError('CONFIG_INVALID', {
    reason:
      `refusing to listen on ${formatAddress(address)}: others could reach it, and it asks for no token ` +
      `(configure server.tokens, listen on 127.0.0.1:${address.port}, or allow it with server.no_auth: true or --no-auth)`,
  });
}

function invalid(text: string, expected: string) {
  return createError('CONFIG_INVALID', {
    reason: `invalid address: ${JSON.stringify(text.slice(0, 100))} (${expected})`,
  });
}
