/**
 * A connection on which no request will be answered any more, though it is still open. Input is discarded: the rest of a
 * body, or requests, which must not be carried out (RFC 9112 section 9.6). If it were left in the buffer, reading would
 * stop when the buffer is full, and with it the only way to learn that the peer has gone (contract 26).
 */
import type { Socket } from 'node:net';
import { SharedReadSocket } from './shared-read-socket.ts';

export function discardInput(socket: Socket): void {
  // A listener for `data` makes node:http stop reading by its own parser; the shared reads then need no copies.
  socket.removeAllListeners('data').on('data', drop);
  if (socket instanceof SharedReadSocket) socket.taker = drop;
  socket.resume();
}

function drop(): void {}
