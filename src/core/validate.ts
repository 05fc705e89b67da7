/** Validates counts and offsets passed to the core: other values would leave a reader without a valid position. */

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

/** Requires a size of at least one byte. */
export function assertPositive(name: string, value: number): number {
  if (!isIntegerFrom(1, value)) {
    throw new RangeError(`${name} must be a whole number of bytes from 1, not ${value}`);
  }
  return value;
}
