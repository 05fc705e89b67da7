/**
 * Bodies that can never be complete: the connection was closed in the middle, or the chunked coding is malformed. The
 * received bytes are read as usual; that the body is incomplete is known at its end.
 */
import type { IncomingMessage } from 'node:http';

const broken = new WeakSet<IncomingMessage>();

/** Ends the body of a request after the received bytes. Returns false if it has already been ended. */
export function breakBody(req: IncomingMessage): boolean {
  if (broken.has(req)) return false;
  broken.add(req);
  // Otherwise node:http would close the connection at the end of the body, without a response.
  req.complete = true;
  req.push(null);
  return true;
}

export function isBroken(req: IncomingMessage): boolean {
  return broken.has(req);
}
