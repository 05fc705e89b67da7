/** Reads a content into a single buffer. */
import type { SizedContent } from '../../fs/index.ts';

export async function bytesOf(content: SizedContent): Promise<Uint8Array> {
  const bytes = new Uint8Array(content.size);
  let length = 0;
  for await (const piece of content) {
    bytes.set(piece, length);
    length += piece.length;
  }
  return bytes.subarray(0, length);
}
