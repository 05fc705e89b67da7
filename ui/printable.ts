/**
 * Names as they can be shown: characters that are not seen, or that change the order of others, stand as their codes, so
 * that no name looks like another.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

export function printable(text: string): string {
  return text.replace(UNSEEN, (each) => `\\u{${each.codePointAt(0)!.toString(16)}}`);
}
