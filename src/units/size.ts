/**
 * Parses and formats sizes in bytes. Configuration, queries, the command line and the README share these functions, so
 * that `512KB` means the same everywhere (contract 82). 1 KB is 1024 bytes.
 *
 * A unit is B, KB, MB, GB or TB, in upper or lower case. `512K` is refused as ambiguous: many tools read K as 1000, and
 * JavaScript's own parsers would read it as 512 bytes.
 */
import { createError } from '../errors/index.ts';

/** The maximum size: 1 TB. */
export const MAX_SIZE = 1024 ** 4;

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;
const SIZE_PATTERN = /^(-?\d+(?:\.\d+)?)[ \t]*(B|KB|MB|GB|TB)?$/;

/** Error messages truncate longer values. */
const SHOWN = 64;

/**
 * Converts a size to bytes: a number of bytes, or a string such as `512KB`, `1.5 mb`, `4096` (contract 81, 82).
 *
 * The result is a whole number from 1 to {@link MAX_SIZE}; a fraction of a byte is dropped. Zero, negative sizes, NaN,
 * Infinity, hexadecimal, exponents, digit separators and other units are CONFIG_INVALID.
 *
 * @example
 * ```ts
 * import { parseSize } from 'streamfsd';
 *
 * console.log(parseSize('1.5 KB')); // 1536
 * ```
 */
export function parseSize(value: string | number): number {
  const shown = String(value).trim().toUpperCase();
  const bytes = typeof value === 'number' ? value : bytesOf(shown);
  if (Number.isNaN(bytes) || value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) {
    throw invalid(shown, 'expected format: number with optional unit B/KB/MB/GB/TB');
  }
  // If the product is whole, the decimal is a sum of powers of two and therefore exact, so flooring never loses a whole
  // byte.
  const whole = Math.floor(bytes);
  if (whole < 1 || bytes > MAX_SIZE) throw invalid(shown, 'expected a size from 1B to 1TB');
  return whole;
}

function bytesOf(text: string): number {
  const match = SIZE_PATTERN.exec(text);
  if (!match) return Number.NaN;
  const power = UNITS.indexOf((match[2] ?? 'B') as (typeof UNITS)[number]);
  return Number(match[1]) * 1024 ** power;
}

function invalid(shown: string, expected: string) {
  const cut = shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown;
  return createError('CONFIG_INVALID', { reason: `invalid size format: ${cut} (${expected})` });
}

/**
 * Formats a size for people: `512B`, `6.0MB`, up to PB (contract 83). `bytes` is 0 or more; a fraction of a byte is
 * rounded. The result has one decimal, so it does not always parse back to the same size.
 */
export function formatSize(bytes: number): string {
  if (bytes < 1023.5) return `${Math.round(bytes)}B`;
  let amount = bytes / 1024;
  let power = 1;
  // 1023.95 would print as 1024.0 of the smaller unit.
  while (amount >= 1023.95 && power < UNITS.length - 1) {
    amount /= 1024;
    power += 1;
  }
  return `${amount.toFixed(1)}${UNITS[power]}`;
}
