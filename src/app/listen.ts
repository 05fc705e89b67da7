/** Explains why a server cannot listen, and what to do about it. */
import { type Address, formatAddress } from '../config/address.ts';
import { createError } from '../errors/index.ts';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use: stop what listens there, or choose another with --addr or server.address',
  EACCES: 'permission denied: ports below 1024 are reserved, choose a higher one with --addr or server.address',
  EADDRNOTAVAIL: 'this machine has no such address: choose another with --addr or server.address',
  ENOTFOUND: 'this host is unknown: choose another with --addr or server.address',
  EAFNOSUPPORT: 'this machine has no addresses of that kind: choose another with --addr or server.address',
};

export function listenError(address: Address, error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const reason = REASONS[code] ?? (error as Error).message;
  return createError('LISTEN_FAILED', { address: formatAddress(address), reason });
}

/** The URL of an address. A wildcard address is replaced by loopback, which can be connected to. */
export function urlOf({ host, port }: Address, isSecure: boolean): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${isSecure ? 'https' : 'http'}://${formatAddress({ host: reachable, port })}`;
}
