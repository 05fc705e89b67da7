/**
 * Parses permission bits as clients write them (contract 61). Most write octal (`755`), pyagfs writes decimal (`420`
 * for 0o644), and agfs-fuse writes octal including the file type bits (`100644`, `40755`). The text does not say which
 * notation it uses. The rules:
 *
 * 1. A text with `0o`, or with a leading zero and no 8 or 9, is octal: `0o644`, `0644`, `0100644`.
 * 2. Otherwise both notations are tried. A result is valid only if it is a mode: permission bits, alone or with the
 *    bits of an existing file type. So `493`, `33188` and `33261` are decimal (0o755, 0o100644, 0o100755), and `100644`
 *    and `40755` are octal.
 * 3. If both are valid, the text is octal, unless only the decimal value is a usual mode of a file or directory: a mode
 *    where others may do no more than the group, and the group no more than the owner. So `755` is octal (rwxr-xr-x),
 *    and `420` is decimal (rw-r--r--), since octal 420 would let the group write what its owner cannot.
 *
 * With these rules every usual mode is parsed correctly in both notations, with one exception: `511` is 0o511 and not
 * decimal 0o777. A JSON number is used as its value; its digits are read as octal only if the value is not a mode.
 *
 * File type bits are dropped, because the type cannot be changed.
 */

import { createError } from '../errors/index.ts';
import { isIntegerFrom } from './integer.ts';

/** Error messages truncate longer values. */
const SHOWN = 64;

const PERMISSION_BITS = 0o7777;
const TYPE_BITS = 0o170000;

/**
 * File types that a mode can contain, as in `st_mode`: none, fifo, character device, directory, block device, file,
 * link, socket.
 */
const TYPES: ReadonlySet<number> = new Set([0, 0o10000, 0o20000, 0o40000, 0o60000, 0o100000, 0o120000, 0o140000]);

/**
 * Decimal modes come from programs that have read the mode of a file or directory. Other types are mistakes, such as
 * `8888`.
 */
const COMMON_TYPES: ReadonlySet<number> = new Set([0, 0o40000, 0o100000]);

/** The permission bits of a mode in a string, 0 to 0o7777. Anything else is INVALID_PARAMETER. */
export function parseMode(text: string): number {
  const digits = /^(?:0o)?([0-9]{1,12})$/i.exec(text)?.[1];
  if (digits === undefined) throw invalid(text);
  const octal = octalOf(digits, TYPES);
  const isOctal = digits !== text || (text.startsWith('0') && /^[0-7]+$/.test(text));
  const decimal = isOctal ? undefined : modeOf(Number(text), COMMON_TYPES);
  const mode = octal !== undefined && (isUsual(octal) || !isUsual(decimal)) ? octal : decimal;
  if (mode === undefined) throw invalid(text);
  return mode & PERMISSION_BITS;
}

/** The permission bits of a mode in a JSON number. Anything else is INVALID_PARAMETER. */
export function modeOfNumber(value: number): number {
  const mode = modeOf(value, TYPES) ?? octalOf(String(value), COMMON_TYPES);
  if (mode === undefined) throw invalid(String(value));
  return mode & PERMISSION_BITS;
}

function octalOf(digits: string, types: ReadonlySet<number>): number | undefined {
  return /^[0-7]{1,12}$/.test(digits) ? modeOf(Number.parseInt(digits, 8), types) : undefined;
}

/** The value, if it is a mode with one of these file types. */
function modeOf(value: number, types: ReadonlySet<number>): number | undefined {
  const isMode = isIntegerFrom(0, value, TYPE_BITS | PERMISSION_BITS);
  return isMode && types.has(value & TYPE_BITS) ? value : undefined;
}

/**
 * Whether a mode belongs to a file or directory, with others allowed no more than the group, and the group no more than
 * the owner.
 */
function isUsual(mode: number | undefined): boolean {
  if (mode === undefined || !COMMON_TYPES.has(mode & TYPE_BITS)) return false;
  const owner = (mode >> 6) & 7;
  const group = (mode >> 3) & 7;
  const others = mode & 7;
  return (group & ~owner) === 0 && (others & ~group) === 0;
}

function invalid(text: string) {
  return createError('INVALID_PARAMETER', {
    name: 'mode',
    reason:
      'must be permission bits in octal, such as 644, 0755 or 100644 with the kind of file, ' +
      `or in decimal, such as 420 or 33188; got ${text.slice(0, SHOWN)}`,
  });
}
