/**
 * What is written: bytes that follow from the stream and the offset alone, so that any part of any stream can be told
 * right from wrong by any reader, after any gap.
 *
 * They repeat after a prime number of bytes, so that no size in use anywhere divides the period; sixteen of them in a row
 * are found at one place of it only.
 */

/** Bytes after which the content repeats. */
export const PERIOD = 1_048_573;

/** Bytes that tell where in the period they are. */
export const MARK = 16;

/** From one stream to the next the content is moved by so many bytes. */
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

/** The bytes of a stream from an offset on: at most a period of them, as a view. */
export function content(stream: number, offset: number, length: number): Buffer {
  const place = placeOf(stream, offset);
  return table.subarray(place, place + length);
}

/** Whether bytes are those of a stream from an offset on. */
export function isContent(stream: number, offset: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += PERIOD) {
    const part = bytes.subarray(at, at + PERIOD);
    if (content(stream, offset + at, part.length).compare(part) !== 0) return false;
  }
  return true;
}

/** How far beyond `offset` bytes of a stream lie, in bytes modulo the period; undefined where they are none of its. */
export function distance(stream: number, offset: number, mark: Uint8Array): number | undefined {
  const found = table.indexOf(mark.subarray(0, MARK));
  if (found < 0) return undefined;
  return (((found - placeOf(stream, offset)) % PERIOD) + PERIOD) % PERIOD;
}
