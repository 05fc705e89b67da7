/**
 * The rules of HTTP for every request (RFC 9110 and RFC 9112) that node:http leaves to its users. A message that two
 * servers might read differently is refused: a proxy in front of this server has checked its own reading of it.
 */
import type { IncomingMessage } from 'node:http';
import { createError, type StreamFSError } from '../../errors/index.ts';
import { shorten } from './shorten.ts';

/** A name or an address, and a port. No comma, though a name could have one: it is how two headers become one. */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+;=%-]*)(?::\d*)?$/i;

/** A target in absolute form: its authority, and the rest. */
const ABSOLUTE = /^(https?):\/\/([^/?#]*)/i;

/** Whether a Host header may hold this. */
export function isHost(text: string): boolean {
  return HOST.test(text);
}

/** The part of a target that begins at its path. */
export function relativeTarget(target: string): string {
  return target.replace(ABSOLUTE, '');
}

/** The scheme and the host of an absolute address; undefined where it is none, but a path. */
export function hostOfAddress(address: string): { scheme: string; host: string } | undefined {
  const [, scheme, authority] = ABSOLUTE.exec(address) ?? [];
  // A name and a password before it are the client's own business.
  return scheme === undefined ? undefined : { scheme, host: authority!.slice(authority!.lastIndexOf('@') + 1) };
}

/** The authority of a request by its Host header and by its target, each as it arrived, where it has one. */
export interface Addressed {
  header: string | undefined;
  target: string | undefined;
}

/** @throws BAD_REQUEST where the header is missing, which only HTTP/1.0 allows, or is there twice */
export function addressedTo({ rawHeaders, headers, httpVersion, url = '' }: IncomingMessage): Addressed {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.length === 4 && rawHeaders[at]!.toLowerCase() === 'host') count++;
  }
  if (count > 1) throw bad('there is more than one Host header: send one');
  if (count === 0 && httpVersion === '1.1') throw bad('the Host header is missing');
  return { header: headers.host, target: ABSOLUTE.exec(url)?.[2] };
}

/** @throws BAD_REQUEST where one says what is no host, or the two are not the same */
function checkAddressed({ header, target }: Addressed, scheme: string): void {
  if (header !== undefined && !isHost(header)) throw bad(`the Host header is no name or address: ${shorten(header)}`);
  if (target === undefined) return;
  if (target === '' || !isHost(target)) throw bad(`the target names no host: ${shorten(target)}`);
  if (header !== undefined && plainHost(header, scheme) !== plainHost(target, scheme)) {
    throw bad(`the target is for ${shorten(target)}, the Host header for ${shorten(header)}: they must be the same`);
  }
}

/** A host without the port that goes without saying. */
export function plainHost(host: string, scheme: string): string {
  const [, name, port] = /^(.*?)(?::(\d*))?$/.exec(host.toLowerCase())!;
  const usual = scheme.toLowerCase() === 'https' ? '443' : '80';
  return port === undefined || port === '' || port === usual ? name! : `${name}:${Number(port)}`;
}

/** @throws BAD_REQUEST, TRANSFER_CODING, EXPECTATION_FAILED */
export function checkMessage(req: IncomingMessage, addressed: Addressed): void {
  const { headers, httpVersion, httpVersionMajor, url = '' } = req;
  checkAddressed(addressed, ABSOLUTE.exec(url)?.[1] ?? 'http');
  if (httpVersionMajor !== 1) throw bad(`HTTP/1.1 is spoken here, not HTTP/${httpVersion}`);
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (httpVersion === '1.0') throw bad('HTTP/1.0 has no Transfer-Encoding: speak HTTP/1.1, or send Content-Length');
    if (coding.toLowerCase() !== 'chunked') throw createError('TRANSFER_CODING', { coding: shorten(coding) });
  }
  const { expect } = headers;
  // HTTP/1.0 knows of none, so one that an old proxy has passed on means nothing.
  if (expect !== undefined && httpVersion !== '1.0' && expect.toLowerCase() !== '100-continue') {
    throw createError('EXPECTATION_FAILED', { expectation: shorten(expect) });
  }
}

/** Whether a body comes with a request: node:http has made sure that its length is a number. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
}

function bad(reason: string): StreamFSError {
  return createError('BAD_REQUEST', { reason });
}
