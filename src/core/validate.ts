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

/** A size in bytes of which there must be some. */
export function assertPositive(name: string, value: number): number {
  if (!isIntegerFrom(1, value)) {
    throw new RangeError(`${name} must be a whole number of bytes from 1, not ${value}`);
  }
  return value;
}
