/**
 * The rules of HTTP for every request (RFC 9110 and RFC 9112) that node:http does not enforce. A message that two
 * servers might parse differently is refused, because a proxy in front of this server has checked only its own
 * interpretation.
 */
import type { IncomingMessage } from 'node:http';
import { createError, type StreamFSError } from '../../errors/index.ts';
import { shorten } from './shorten.ts';

/** A name or an address, and a port. No comma: it would show that two Host headers were joined. */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+;=%-]*)(?::\d*)?$/i;

/** A target in absolute form: its authority, and the rest. */
const ABSOLUTE = /^(https?):\/\/([^/?#]*)/i;

/** Whether this is a valid Host header. */
export function isHost(text: string): boolean {
  return HOST.test(text);
}

/** The part of a target that begins at its path. */
export function relativeTarget(target: string): string {
  return target.replace(ABSOLUTE, '');
}

/** The scheme and the host of an absolute URL; undefined if it is only a path. */
export function hostOfAddress(address: string): { scheme: string; host: string } | undefined {
  const [, scheme, authority] = ABSOLUTE.exec(address) ?? [];
  // User name and password before the host are ignored.
  return scheme === undefined ? undefined : { scheme, host: authority!.slice(authority!.lastIndexOf('@') + 1) };
}

/** The authority of a request in its Host header and in its target, each as received, if present. */
export interface Authorities {
  header: string | undefined;
  target: string | undefined;
}

/** @throws BAD_REQUEST if the header is repeated, or missing in HTTP/1.1 */
export function authoritiesOf({ rawHeaders, headers, httpVersion, url = '' }: IncomingMessage): Authorities {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.length === 4 && rawHeaders[at]!.toLowerCase() === 'host') count++;
  }
  if (count > 1) throw bad('there is more than one Host header: send one');
  if (count === 0 && httpVersion === '1.1') throw bad('the Host header is missing');
  return { header: headers.host, target: ABSOLUTE.exec(url)?.[2] };
}

/** @throws BAD_REQUEST if one is not a valid host, or the two differ */
function checkAuthorities({ header, target }: Authorities, scheme: string): void {
  if (header !== undefined && !isHost(header)) throw bad(`the Host header is no name or address: ${shorten(header)}`);
  if (target === undefined) return;
  if (target === '' || !isHost(target)) throw bad(`the target names no host: ${shorten(target)}`);
  if (header !== undefined && withoutDefaultPort(header, scheme) !== withoutDefaultPort(target, scheme)) {
    throw bad(`the target is for ${shorten(target)}, the Host header for ${shorten(header)}: they must be the same`);
  }
}

/** A host without the default port of the scheme. */
export function withoutDefaultPort(host: string, scheme: string): string {
  const [, name, port] = /^(.*?)(?::(\d*))?$/.exec(host.toLowerCase())!;
  const usual = scheme.toLowerCase() === 'https' ? '443' : '80';
  return port === undefined || port === '' || port === usual ? name! : `${name}:${Number(port)}`;
}

/** @throws BAD_REQUEST, TRANSFER_CODING, EXPECTATION_FAILED */
export function checkMessage(req: IncomingMessage, authorities: Authorities): void {
  const { headers, httpVersion, httpVersionMajor, url = '' } = req;
  checkAuthorities(authorities, ABSOLUTE.exec(url)?.[1] ?? 'http');
  if (httpVersionMajor !== 1) throw bad(`this server speaks HTTP/1.1, not HTTP/${httpVersion}`);
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (httpVersion === '1.0') throw bad('HTTP/1.0 has no Transfer-Encoding: use HTTP/1.1, or send Content-Length');
    if (coding.toLowerCase() !== 'chunked') throw createError('TRANSFER_CODING', { coding: shorten(coding) });
  }
  const { expect } = headers;
  // HTTP/1.0 has no Expect, so one that an old proxy has forwarded is ignored.
  if (expect !== undefined && httpVersion !== '1.0' && expect.toLowerCase() !== '100-continue') {
    throw createError('EXPECTATION_FAILED', { expectation: shorten(expect) });
  }
}

/** Whether a request has a body: node:http has checked that the Content-Length is a number. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
}

function bad(reason: string): StreamFSError {
  return createError('BAD_REQUEST', { reason });
}
