/**
 * Offsets, sizes and modes, checked before memory is taken for them (contract 59). They come from requests,
 * unchecked.
 */

import { createError } from '../errors/index.ts';
import { isIntegerFrom } from '../units/index.ts';

/** `value`, if it is a whole number from 0 to 2^53 - 1. NEGATIVE_OFFSET, INVALID_PARAMETER. */
export function checkedOffset(value: number): number {
  if (value < 0) throw createError('NEGATIVE_OFFSET');
  return checkedWhole('offset', value, 0);
}

/** `value`, if it is a whole number from `least` to 2^53 - 1. INVALID_PARAMETER names it `name`. */
export function checkedWhole(name: string, value: number, least: number): number {
  if (isIntegerFrom(least, value)) return value;
  throw createError('INVALID_PARAMETER', { name, reason: `it must be a whole number, ${least} or more: ${value}` });
}

/** `value`, if it is permission bits: 0 to 0o7777. INVALID_PARAMETER. */
export function checkedMode(value: number): number {
  if (isIntegerFrom(0, value, 0o7777)) return value;
  throw createError('INVALID_PARAMETER', { name: 'mode', reason: `it must be from 0 to 7777 octal: ${value}` });
}

/**
 * The part of `length` bytes that a read asks for: `offset` below 0 counts as 0, `size` below 0 as everything, and
 * past the end there is nothing (contract 42).
 */
export function readRange(length: number, offset: number, size: number): [start: number, end: number] {
  if (Number.isNaN(offset)) throw createError('INVALID_PARAMETER', { name: 'offset', reason: 'it must be a number' });
  if (Number.isNaN(size)) throw createError('INVALID_PARAMETER', { name: 'size', reason: 'it must be a number' });
  const start = Math.min(Math.max(0, Math.trunc(offset)), length);
  const end = size < 0 ? length : Math.min(length, start + Math.trunc(size));
  return [start, end];
}

/** Where a seek leads: `whence` 0 counts from the start, 1 from `position`, 2 from `end` (contract 58). */
export function seekTarget(offset: number, whence: number, position: number, end: number): number {
  const bases = [0, position, end];
  const base = bases[whence];
  if (base === undefined) throw createError('INVALID_WHENCE');
  if (!Number.isSafeInteger(offset)) {
    throw createError('INVALID_PARAMETER', { name: 'offset', reason: `it must be a whole number: ${offset}` });
  }
  return checkedOffset(base + offset);
}
