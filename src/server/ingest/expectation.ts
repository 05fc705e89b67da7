/**
 * Clients that send `Expect: 100-continue` wait for 100 Continue before they send a body. It is sent when reading begins:
 * a request that is refused before that never sends its body.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** A request whose client waits. */
export function expectContinue(req: IncomingMessage, res: ServerResponse): void {
  waiting.set(req, res);
}

/** The body is about to be read. A client that has begun to send it is not waiting. */
export function askForBody(req: IncomingMessage): void {
  const res = waiting.get(req);
  if (res === undefined) return;
  waiting.delete(req);
  if (req.readableLength === 0 && !req.complete && !res.headersSent && !res.destroyed) res.writeContinue();
}

/** Whether the client still waits: after an answer without 100 Continue it may or may not send the body. */
export function waitsToBeAsked(req: IncomingMessage): boolean {
  return waiting.has(req);
}
