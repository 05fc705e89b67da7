/** A content in pieces, for those who send it on: small enough not to hold up anything else. */
import { BLOCK_BYTES } from '../../fs/index.ts';

/** The bytes in pieces of up to 64 KiB. `onTaken` is told of each piece's length once the next is asked for. */
export async function* pieces(bytes: Uint8Array, onTaken?: (length: number) => void): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const piece = bytes.subarray(start, start + BLOCK_BYTES);
    yield piece;
    onTaken?.(piece.length);
  }
}
