/** Unmasks the payloads of clients (RFC 6455 section 5.3). */

const WORD_BYTES = 4;

/**
 * Unmasks bytes in place.
 *
 * @param key the four bytes of the mask
 * @param phase how many bytes of the payload came before these
 */
export function unmask(bytes: Uint8Array, key: Uint8Array, phase: number): void {
  const { length } = bytes;
  let at = 0;
  const aligned = Math.min(length, (WORD_BYTES - (bytes.byteOffset % WORD_BYTES)) % WORD_BYTES);
  for (; at < aligned; at++) bytes[at]! ^= key[(phase + at) & 3]!;
  const words = (length - at) >>> 2;
  if (words > 0) {
    // The mask rotated to the current phase, as a word in the byte order of this machine.
    const rotated = Uint8Array.of(0, 1, 2, 3).map((n) => key[(phase + at + n) & 3]!);
    const mask = new Uint32Array(rotated.buffer)[0]!;
    const view = new Uint32Array(bytes.buffer, bytes.byteOffset + at, words);
    for (let n = 0; n < words; n++) view[n]! ^= mask;
    at += words * WORD_BYTES;
  }
  for (; at < length; at++) bytes[at]! ^= key[(phase + at) & 3]!;
}
