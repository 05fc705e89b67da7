/**
 * Sizes in bytes, as people write them: one reader and one printer for configuration, queries, command line and
 * README, so that `512KB` means the same everywhere (contract 82). 1 KB is 1024 bytes.
 *
 * A unit is B, KB, MB, GB or TB, in any case. `512K` is refused like any other text that does not say what it means:
 * half the tools of the world read it as 1000s, and JavaScript's own parsers read it as 512 bytes.
 */
import { createError } from '../errors/index.ts';

/** The largest size that can be asked for: 1 TB. */
export const MAX_SIZE = 1024 ** 4;

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;
const SIZE_PATTERN = /^(-?\d+(?:\.\d+)?)[ \t]*(B|KB|MB|GB|TB)?$/;

/** Longer values are cut where an error shows them. */
const SHOWN = 64;

/**
 * Bytes of a size: a number of bytes, or a text such as `512KB`, `1.5 mb`, `4096` (contract 81, 82).
 *
 * The answer is whole and from 1 to {@link MAX_SIZE}: a fraction of a byte is dropped. Zero, negative sizes, NaN,
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
  // A decimal whose product is whole is a sum of powers of two, hence exact: nothing whole is ever floored away.
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
 * A size for people: `512B`, `6.0MB`, up to PB (contract 83). `bytes` is 0 or more; a fraction of a byte is rounded.
 * Printing rounds to one decimal, so a printed size does not always read back to the same bytes.
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
