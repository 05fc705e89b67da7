/**
 * Makes names displayable: invisible characters, and those that change the text direction, are shown as codes, so that
 * no name looks like another.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

export function printable(text: string): string {
  return text.replace(UNSEEN, (each) => `\\u{${each.codePointAt(0)!.toString(16)}}`);
}
