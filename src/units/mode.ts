/**
 * Permission bits as clients write them (contract 61). Most write octal (`755`), pyagfs writes the decimal number it has
 * in hand (`420` for 0o644), agfs-fuse writes octal with the bits that say what kind of file it is (`100644`, `40755`).
 * Nothing in the text tells which is meant. The rule:
 *
 * 1. With `0o`, or a leading zero and no 8 or 9, it is octal: `0o644`, `0644`, `0100644`.
 * 2. Otherwise both readings are tried. A reading counts only if it is a mode: permission bits, alone or with the bits
 *    of a kind of file that exists. So `493`, `33188` and `33261` are decimal (0o755, 0o100644, 0o100755), and `100644`
 *    and `40755` are octal.
 * 3. What can be both is octal, unless only the decimal reading is a usual mode, of a file or directory: what others may do
 *    the group may do, and what the group may do the owner may. So `755` is octal (rwxr-xr-x), and `420` is decimal
 *    (rw-r--r--), since octal 420 would let the group write what its owner cannot.
 *
 * By this rule every usual mode is read right both ways but one: `511`, which is 0o511 and not decimal 0o777.
 * A number in JSON is no text: it is taken as the number it is, and its digits as octal only where it is no mode.
 *
 * Bits that say what kind of file it is are dropped: they cannot be changed.
 */

import { createError } from '../errors/index.ts';
import { isIntegerFrom } from './integer.ts';

/** Longer texts are cut where an error shows them. */
const SHOWN = 64;

const PERMISSION_BITS = 0o7777;
const TYPE_BITS = 0o170000;

/** Kinds of file that a mode can name, as `st_mode` has them: none, fifo, character device, directory, block device, file, link, socket. */
const TYPES: ReadonlySet<number> = new Set([0, 0o10000, 0o20000, 0o40000, 0o60000, 0o100000, 0o120000, 0o140000]);

/** What is not written in plain octal comes from programs that have looked at a file or a directory; other kinds are slips: `8888`. */
const COMMON_TYPES: ReadonlySet<number> = new Set([0, 0o40000, 0o100000]);

/** The permission bits of a mode written as text, 0 to 0o7777. Anything else is INVALID_PARAMETER. */
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

/** The permission bits of a mode that JSON holds as a number. Anything else is INVALID_PARAMETER. */
export function modeOfNumber(value: number): number {
  const mode = modeOf(value, TYPES) ?? octalOf(String(value), COMMON_TYPES);
  if (mode === undefined) throw invalid(String(value));
  return mode & PERMISSION_BITS;
}

function octalOf(digits: string, types: ReadonlySet<number>): number | undefined {
  return /^[0-7]{1,12}$/.test(digits) ? modeOf(Number.parseInt(digits, 8), types) : undefined;
}

/** The value, if it is a mode with one of these kinds of file. */
function modeOf(value: number, types: ReadonlySet<number>): number | undefined {
  const isMode = isIntegerFrom(0, value, TYPE_BITS | PERMISSION_BITS);
  return isMode && types.has(value & TYPE_BITS) ? value : undefined;
}

/** Whether it is of a file or directory where others may do no more than the group, and the group no more than the owner. */
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
