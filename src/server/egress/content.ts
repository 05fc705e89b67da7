/** Sends a content that has an end (a file, README, /dev/zero) as a stream, in the form that was asked for. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type Encoding, frameEncoding, rawEncoding } from './encoding.ts';
import { type SendOptions, streamHeaders } from './options.ts';

export async function sendContent(
  res: ServerResponse,
  content: AsyncIterable<Uint8Array>,
  options: SendOptions,
): Promise<void> {
  const encoding = options.format === 'frames' ? frameEncoding : rawEncoding;
  const { held } = options.bounds;
  let offset = 0;
  let holding: Uint8Array | undefined;
  try {
    for await (const piece of content) {
      if (res.destroyed) return;
      // All of a file may be kept for one piece of it.
      if (piece.buffer !== holding?.buffer) {
        held.hold(piece);
        if (holding !== undefined) held.release(holding);
        holding = piece;
      }
      if (!res.headersSent) begin(res, options);
      if (piece.length === 0) continue;
      await send(res, dataFrame(encoding, offset, piece));
      offset += piece.length;
    }
  } finally {
    if (holding !== undefined) held.release(holding);
  }
  if (!res.headersSent) begin(res, options);
  for (const control of [encoding.caughtUp(offset), encoding.end('ended', offset)]) {
    if (control !== undefined) await send(res, control);
  }
  res.end();
}

function begin(res: ServerResponse, options: SendOptions): void {
  res.writeHead(200, { ...streamHeaders(options.format), 'X-Stream-Offset': '0' });
  res.flushHeaders();
}

function dataFrame(encoding: Encoding, offset: number, piece: Uint8Array): Uint8Array {
  if (encoding.headSize === 0) return piece;
  const framed = Buffer.allocUnsafe(encoding.headSize + piece.length);
  encoding.writeHead(framed, 0, offset, piece.length);
  framed.set(piece, encoding.headSize);
  return framed;
}

/** Writes, and waits until there is room again or nobody is there any more. */
async function send(res: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (res.write(bytes) || res.destroyed) return;
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race([once(res, 'drain', { signal }), once(res, 'close', { signal })]);
  waiting.abort();
}
