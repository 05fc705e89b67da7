/** Sends a content of a known length as an ordinary answer, piece by piece: no more of it is made than can be sent. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SizedContent } from '../../fs/index.ts';
import type { Limits } from '../limits/index.ts';
import { HeldPiece, writePiece } from './pieces.ts';

/** Bytes sent before others get a turn: a peer that takes them as fast as they come would otherwise be the only one. */
const BYTES_PER_TURN = 1024 * 1024;

/**
 * @param headers all but the length
 * @throws MEMORY_LIMIT, and what the content throws. Once the answer has begun, that cuts it
 */
export async function sendSized(
  res: ServerResponse,
  content: SizedContent,
  { held }: Limits,
  headers: OutgoingHttpHeaders,
): Promise<void> {
  const holding = new HeldPiece(held);
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
  // Less than was said is shown by a cut.
  if (sent !== content.size) throw new Error(`a content of ${content.size} bytes has ended after ${sent}`);
  if (!res.headersSent) begin(res, content.size, headers);
  res.end();
}

function begin(res: ServerResponse, size: number, headers: OutgoingHttpHeaders): void {
  res.writeHead(200, { ...headers, 'Content-Length': size });
}
