/** A content that has an end (a file, README, /dev/zero) over WebSocket, in the form of a live read. */
import { createError, isStreamFSError } from '../../errors/index.ts';
import { CLOSE_CODES, OCTET_STREAM } from '../../protocol/index.ts';
import { encodedContent, writePiece } from '../egress/index.ts';
import { type ConnectionUser, WebSocketConnection } from './connection.ts';
import { open, READS_ONLY, type WebSocketRead } from './opening.ts';
import { messageFrame } from './outgoing.ts';

/** It goes on by itself, and looks at its connection for each piece. */
const NO_USER: ConnectionUser = {
  message: () => undefined,
  left: () => undefined,
  sideClosed: () => undefined,
  check: () => undefined,
};

/** @param from the offset that the content begins at in its file */
export async function sendContent(content: AsyncIterable<Uint8Array>, from: number, one: WebSocketRead): Promise<void> {
  const { exchange, offer, sending, leave } = one;
  const { limits, logger } = exchange.server;
  const { socket } = offer;
  open(one, from, undefined, OCTET_STREAM);
  const connection = new WebSocketConnection(socket, NO_USER, { limits, maxMessageBytes: 0, refusal: READS_ONLY });
  connection.begin(offer.rest);
  try {
    for await (const { bytes, payload } of encodedContent(content, sending.encoding, sending, from)) {
      if (!connection.isOpen || socket.destroyed) return;
      await writePiece(socket, messageFrame(bytes, payload));
    }
    connection.close(CLOSE_CODES.normal, 'ended');
  } catch (error) {
    if (!isStreamFSError(error)) logger.error('reading failed', { error: String(error) });
    connection.refuse(isStreamFSError(error) ? error : createError('INTERNAL'));
  } finally {
    leave();
  }
}
