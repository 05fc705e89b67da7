/** Content of known length, produced in pieces, so that it need not be in memory as a whole. */
import type { SizedContent } from './types.ts';

/** The maximum size of a piece, in bytes: small enough not to delay other work. */
export const BLOCK_BYTES = 64 * 1024;

export function sizedContent(size: number, pieces: AsyncIterable<Uint8Array>): SizedContent {
  return { size, [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator]() };
}

/** Splits bytes in memory into pieces of at most {@link BLOCK_BYTES}. */
export function contentOfParts(parts: readonly Uint8Array[]): SizedContent {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return sizedContent(size, piecesOf(parts));
}

async function* piecesOf(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += BLOCK_BYTES) yield part.subarray(at, at + BLOCK_BYTES);
  }
}
