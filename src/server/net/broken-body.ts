/**
 * Bodies that can never be complete: the connection was closed in the middle of one, or its chunks make no sense. What has come
 * of such a body is read like any other; that something is missing is known once it ends.
 */
import type { IncomingMessage } from 'node:http';

const broken = new WeakSet<IncomingMessage>();

/** Ends the body of a request behind what has come of it. False where that has been done. */
export function breakBody(req: IncomingMessage): boolean {
  if (broken.has(req)) return false;
  broken.add(req);
  // To node:http there is nothing more to come: else it would close the connection at the end of the body, unanswered.
  req.complete = true;
  req.push(null);
  return true;
}

export function isBroken(req: IncomingMessage): boolean {
  return broken.has(req);
}
