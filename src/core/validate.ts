/** What the core accepts as a count of bytes or lines, or as an offset: anything else would make a reader stand nowhere. */

import { createError } from '../errors/index.ts';
import { isIntegerFrom } from '../units/index.ts';

/** @throws INVALID_PARAMETER unless `value` is a whole number from 0 to 2^53 - 1 */
export function assertOffset(name: string, value: number): void {
  if (isIntegerFrom(0, value)) return;
  throw createError('INVALID_PARAMETER', {
    name,
    reason: `it must be a whole number from 0 to 2^53 - 1, not ${value}`,
  });
}

/** @throws INVALID_PARAMETER unless `from` is `earliest` or `live` */
export function assertFrom(from: string): void {
  if (from === 'earliest' || from === 'live') return;
  throw createError('INVALID_PARAMETER', { name: 'from', reason: `it must be earliest or live, not ${from}` });
}

/** A size in bytes of which there must be some. */
export function assertPositive(name: string, value: number): number {
  if (!isIntegerFrom(1, value)) {
    throw new RangeError(`${name} must be a whole number of bytes from 1, not ${value}`);
  }
  return value;
}

/**
 * What a program without types could give in place of bytes would be appended as something else, or as nothing.
 *
 * @throws TypeError unless `bytes` has elements of one byte. Not by `instanceof`: another realm has a Uint8Array of its own
 */
export function assertBytes(bytes: Uint8Array): void {
  if (ArrayBuffer.isView(bytes) && bytes.BYTES_PER_ELEMENT === 1) return;
  throw new TypeError('bytes must be a Uint8Array; for a text use new TextEncoder().encode(text)');
}
