/**
 * Answers whose turn has not come: a client may send requests without waiting, and node:http gives the connection to one
 * answer at a time. It does not say which answer that is, other than by the answer's `socket`.
 */
import type { ServerResponse } from 'node:http';

/** Whether other answers of the connection come before this one. */
export function isQueued(res: ServerResponse): boolean {
  return res.socket === null;
}

/** Settles when it is the answer's turn, or the answer was closed. */
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
 * Closes an answer whose connection is gone before its turn. node:http closes only the answer whose turn it is: the others
 * would wait for ever, with all they hold.
 */
export function closeQueued(res: ServerResponse): void {
  if (!isQueued(res)) return;
  res.destroy();
  res.emit('close');
}
