/**
 * Permission bits as text (contract 61). Most clients write octal (`755`), pyagfs writes the decimal number it has in
 * hand (`420` for 0o644), and nothing in the text tells which is meant. The rule:
 *
 * 1. `0o644`, and anything with a leading zero (`0644`), is octal.
 * 2. Digits that cannot be octal (an 8 or a 9, or a value above 7777) are decimal: `493` is 0o755.
 * 3. What can be both is octal, unless only the decimal reading makes sense as permissions: what others may do the
 *    group may do, and what the group may do the owner may. So `755` is octal (rwxr-xr-x), and `420` is decimal
 *    (rw-r--r--), since octal 420 would let the group write what its owner cannot.
 *
 * By this rule every usual mode is read right both ways but one: `511`, which is 0o511 and not decimal 0o777.
 */
import { fail } from '../../errors/index.ts';
import { shorten } from './shorten.ts';

const MAX_MODE = 0o7777;

/** The bits of a mode written as text, 0 to 0o7777; anything else is INVALID_PARAMETER. */
export function parseMode(text: string): number {
  const prefixed = /^0o([0-7]+)$/.exec(text);
  if (prefixed) return checked(Number.parseInt(prefixed[1]!, 8), text);
  if (!/^[0-9]{1,6}$/.test(text)) throw invalid(text);
  const decimal = Number(text);
  if (!/^[0-7]+$/.test(text)) return checked(decimal, text);
  const octal = Number.parseInt(text, 8);
  if (text.startsWith('0')) return checked(octal, text);
  if (octal > MAX_MODE) return checked(decimal, text);
  return decimal <= MAX_MODE && !isNested(octal) && isNested(decimal) ? decimal : octal;
}

/** Whether others may do no more than the group, and the group no more than the owner. */
function isNested(mode: number): boolean {
  const owner = (mode >> 6) & 7;
  const group = (mode >> 3) & 7;
  const others = mode & 7;
  return (group & ~owner) === 0 && (others & ~group) === 0;
}

function checked(mode: number, text: string): number {
  if (mode > MAX_MODE) throw invalid(text);
  return mode;
}

function invalid(text: string) {
  return fail('INVALID_PARAMETER', {
    name: 'mode',
    reason: `must be permission bits in octal, such as 644 or 0755, or in decimal, such as 420; got ${shorten(text)}`,
  });
}
