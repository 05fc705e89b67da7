/** Validates offsets, sizes and modes from requests, before memory is allocated for them (contract 59). */

import { createError } from '../errors/index.ts';
import { isIntegerFrom } from '../units/index.ts';

/** Returns `value` if it is an integer from 0 to 2^53 - 1. Throws NEGATIVE_OFFSET, INVALID_PARAMETER. */
export function checkedOffset(value: number): number {
  if (value < 0) throw createError('NEGATIVE_OFFSET');
  return checkedInteger('offset', value, 0);
}

/** Returns `value` if it is an integer from `least` to 2^53 - 1. Throws INVALID_PARAMETER with `name`. */
export function checkedInteger(name: string, value: number, least: number): number {
  if (isIntegerFrom(least, value)) return value;
  throw createError('INVALID_PARAMETER', { name, reason: `it must be a whole number, ${least} or more: ${value}` });
}

/** Returns `value` if it consists of permission bits: 0 to 0o7777. Throws INVALID_PARAMETER. */
export function checkedMode(value: number): number {
  if (isIntegerFrom(0, value, 0o7777)) return value;
  throw createError('INVALID_PARAMETER', { name: 'mode', reason: `it must be from 0 to 7777 octal: ${value}` });
}

/**
 * The range of `length` bytes that a read covers. A negative `offset` counts as 0, a negative `size` as everything;
 * past the end the range is empty (contract 42).
 */
export function readRange(length: number, offset: number, size: number): [start: number, end: number] {
  if (Number.isNaN(offset)) throw createError('INVALID_PARAMETER', { name: 'offset', reason: 'it must be a number' });
  if (Number.isNaN(size)) throw createError('INVALID_PARAMETER', { name: 'size', reason: 'it must be a number' });
  const start = Math.min(Math.max(0, Math.trunc(offset)), length);
  const end = size < 0 ? length : Math.min(length, start + Math.trunc(size));
  return [start, end];
}

/** The target of a seek: `whence` 0 counts from the start, 1 from `position`, 2 from `end` (contract 58). */
export function seekTarget(offset: number, whence: number, position: number, end: number): number {
  const bases = [0, position, end];
  const base = bases[whence];
  if (base === undefined) throw createError('INVALID_WHENCE');
  if (!Number.isSafeInteger(offset)) {
    throw createError('INVALID_PARAMETER', { name: 'offset', reason: `it must be a whole number: ${offset}` });
  }
  return checkedOffset(base + offset);
}
