/**
 * Discards the input of a connection on which no further request will be answered, though it is still open: the rest of
 * a body, or requests, which must not be executed (RFC 9112 section 9.6). If the input stayed in the buffer, reading
 * would stop when the buffer is full, and the peer's disconnect could not be noticed (contract 26).
 */
import type { Socket } from 'node:net';
import { SharedReadSocket } from './shared-read-socket.ts';

export function discardInput(socket: Socket): void {
  // A listener for `data` makes node:http stop reading with its own parser; shared reads then need no copies.
  socket.removeAllListeners('data').on('data', drop);
  if (socket instanceof SharedReadSocket) socket.consumer = drop;
  socket.resume();
}

function drop(): void {}
