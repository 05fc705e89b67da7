/** A content in pieces to be sent, each small enough not to delay other work. */
import { BLOCK_BYTES } from '../../fs/index.ts';

/** The bytes in pieces of up to 64 KiB. `onTaken` gets each piece's length once the next piece is asked for. */
export async function* pieces(bytes: Uint8Array, onTaken?: (length: number) => void): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const piece = bytes.subarray(start, start + BLOCK_BYTES);
    yield piece;
    onTaken?.(piece.length);
  }
}
