/** Splits a content into pieces, each small enough to be sent without delaying other work. */
import { BLOCK_BYTES } from '../../fs/index.ts';

/** Yields pieces of up to 64 KiB. `onTaken` gets each piece's length once the next piece is requested. */
export async function* pieces(bytes: Uint8Array, onTaken?: (length: number) => void): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const piece = bytes.subarray(start, start + BLOCK_BYTES);
    yield piece;
    onTaken?.(piece.length);
  }
}
