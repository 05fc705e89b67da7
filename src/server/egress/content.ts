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
  res.writeHead(200, { ...streamHeaders(options.format), 'X-Stream-Offset': '0' });
  res.flushHeaders();
  let offset = 0;
  for await (const piece of content) {
    if (res.destroyed) return;
    if (piece.length === 0) continue;
    await send(res, dataFrame(encoding, offset, piece));
    offset += piece.length;
  }
  for (const control of [encoding.caughtUp(offset), encoding.end('ended', offset)]) {
    if (control !== undefined) await send(res, control);
  }
  res.end();
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
