/** Sends content that has an end (a file, README, /dev/zero) over WebSocket, in the format of a live read. */
import { createError, isStreamFSError } from '../../errors/index.ts';
import { CLOSE_CODES, OCTET_STREAM } from '../../protocol/index.ts';
import { encodedContent, writePiece } from '../egress/index.ts';
import { type ConnectionUser, WebSocketConnection } from './connection.ts';
import { messageFrame } from './frame-writer.ts';
import { open, READS_ONLY, type WebSocketRead } from './opening.ts';

/** The loop below needs no events: it checks the connection before each piece. */
const NO_USER: ConnectionUser = {
  message: () => undefined,
  closed: () => undefined,
  halfClosed: () => undefined,
  check: () => undefined,
};

/** @param from the offset at which the content begins in its file */
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
