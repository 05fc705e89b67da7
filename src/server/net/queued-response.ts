/**
 * Responses that wait for their turn: a client may pipeline requests, and node:http gives the connection to one
 * response at a time. The only sign of whose turn it is is the response's `socket`.
 */
import type { ServerResponse } from 'node:http';

/** Whether other responses of the connection come before this one. */
export function isQueued(res: ServerResponse): boolean {
  return res.socket === null;
}

/** Settles when it is the response's turn, or the response was closed. */
export async function untilTurn(res: ServerResponse): Promise<void> {
  if (!isQueued(res) || res.destroyed) return;
  await new Promise<void>((resolve) => {
    const settle = () => {
      res.off('socket', settle).off('close', settle);
      resolve();
    };
    res.on('socket', settle).on('close', settle);
  });
}

/**
 * Closes a response whose connection has closed before its turn. node:http closes only the response whose turn it is:
 * the others would wait for ever, with all memory that they hold.
 */
export function closeQueued(res: ServerResponse): void {
  if (!isQueued(res)) return;
  res.destroy();
  res.emit('close');
}
