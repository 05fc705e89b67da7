/**
 * Bytes that identify their position: every eight bytes are their own offset. So the received bytes show which part of the
 * stream they are.
 */
import { createHash } from 'node:crypto';
import { endianness } from 'node:os';

const WORD = 8;
const PIECE = 1024 * 1024;

/** The bytes of the pattern from `offset` on; both are multiples of 8. */
export function pattern(offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  // In native byte order first, then swapped all at once: tests make gigabytes of this.
  const halves = new Uint32Array(bytes.buffer, bytes.byteOffset, length / 4);
  for (let at = 0, place = offset; at < halves.length; at += 2, place += WORD) {
    halves[at] = place / 2 ** 32;
    halves[at + 1] = place;
  }
  return endianness() === 'LE' ? bytes.swap32() : bytes;
}

/** The hash of parts of the pattern, one after the other. Bounds are any offsets. */
export function patternHash(parts: readonly { from: number; to: number }[]): string {
  const hash = createHash('sha256');
  for (const { from, to } of parts) {
    for (let at = from; at < to; ) {
      const start = at - (at % WORD);
      const end = Math.min(to, start + PIECE);
      hash.update(pattern(start, PIECE).subarray(at - start, end - start));
      at = end;
    }
  }
  return hash.digest('hex');
}

/** Whether bytes equal the pattern from `offset` on. Bounds are any offsets. */
export function isPattern(bytes: Buffer, offset: number): boolean {
  const start = offset - (offset % WORD);
  const before = offset - start;
  const length = Math.ceil((before + bytes.length) / WORD) * WORD;
  return bytes.equals(pattern(start, length).subarray(before, before + bytes.length));
}
