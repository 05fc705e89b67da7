/**
 * The written bytes: determined by the stream and the offset alone, so that any reader can check any part of any
 * stream, after any gap.
 *
 * The content repeats after a prime number of bytes, so that no size in use divides the period. Any sixteen consecutive
 * bytes occur at only one position of it.
 */

/** Bytes after which the content repeats. */
export const PERIOD = 1_048_573;

/** The number of bytes that identify a position in the period. */
export const MARK = 16;

/** The content of each stream is shifted by this many bytes from that of the previous one. */
const SHIFT = 7919;

const table = Buffer.allocUnsafe(2 * PERIOD);
let state = 0x2545f491;
for (let at = 0; at < PERIOD; at++) {
  // xorshift: the same bytes in every run.
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  table[at] = table[at + PERIOD] = state & 255;
}

const placeOf = (stream: number, offset: number) => (offset + stream * SHIFT) % PERIOD;

/** The bytes of a stream from an offset: at most a period, as a view. */
export function content(stream: number, offset: number, length: number): Buffer {
  const place = placeOf(stream, offset);
  return table.subarray(place, place + length);
}

/** Whether bytes are those of a stream from an offset. */
export function isContent(stream: number, offset: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += PERIOD) {
    const part = bytes.subarray(at, at + PERIOD);
    if (content(stream, offset + at, part.length).compare(part) !== 0) return false;
  }
  return true;
}

/**
 * How far after `offset` these bytes of a stream are, in bytes modulo the period; undefined if they do not belong to
 * it.
 */
export function distance(stream: number, offset: number, mark: Uint8Array): number | undefined {
  const found = table.indexOf(mark.subarray(0, MARK));
  if (found < 0) return undefined;
  return (((found - placeOf(stream, offset)) % PERIOD) + PERIOD) % PERIOD;
}
