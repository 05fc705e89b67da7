/** Sends content of a known length as an ordinary response. Each piece is produced only when it can be sent. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SizedContent } from '../../fs/index.ts';
import type { Limits } from '../limits/index.ts';
import { ChargedPiece, writePiece } from './piece-writer.ts';

/** Bytes sent before other requests get a turn: a peer that reads fast would otherwise block them. */
const BYTES_PER_TURN = 1024 * 1024;

/**
 * @param headers all except the length
 * @throws MEMORY_LIMIT, and the errors of the content. Once the response has begun, an error cuts the connection
 */
export async function sendSized(
  res: ServerResponse,
  content: SizedContent,
  { sharedBuffers }: Limits,
  headers: OutgoingHttpHeaders,
): Promise<void> {
  const holding = new ChargedPiece(sharedBuffers);
  let sent = 0;
  let turn = 0;
  try {
    for await (const piece of content) {
      if (res.destroyed) return;
      holding.take(piece);
      if (!res.headersSent) begin(res, content.size, headers);
      await writePiece(res, piece);
      sent += piece.length;
      turn += piece.length;
      if (turn < BYTES_PER_TURN) continue;
      turn = 0;
      await nextTurn();
    }
  } finally {
    holding.release();
  }
  // A response that is shorter than announced is cut, so that the client sees the failure.
  if (sent !== content.size) throw new Error(`content of ${content.size} bytes ended after ${sent}`);
  if (!res.headersSent) begin(res, content.size, headers);
  res.end();
}

function begin(res: ServerResponse, size: number, headers: OutgoingHttpHeaders): void {
  res.writeHead(200, { ...headers, 'Content-Length': size });
}
