/**
 * Clients that send `Expect: 100-continue` wait for 100 Continue before they send a body. It is sent when reading
 * begins: the body of a request that is refused before is never sent.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** Registers a request whose client waits. */
export function expectContinue(req: IncomingMessage, res: ServerResponse): void {
  waiting.set(req, res);
}

/** Called before the body is read. A client that has begun to send it is not waiting. */
export function askForBody(req: IncomingMessage): void {
  const res = waiting.get(req);
  if (res === undefined) return;
  waiting.delete(req);
  if (req.readableLength === 0 && !req.complete && !res.headersSent && !res.destroyed) res.writeContinue();
}

/** Whether the client still waits: after a response without 100 Continue it may or may not send the body. */
export function awaitsContinue(req: IncomingMessage): boolean {
  return waiting.has(req);
}
