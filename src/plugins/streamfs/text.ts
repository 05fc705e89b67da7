/** Where text may be cut: between the characters of UTF-8. */

/** The last end of a character from behind `from` to `to`; `to` where the bytes before it are none. */
export function characterEnd(text: Uint8Array, from: number, to: number): number {
  if (to >= text.length) return to;
  let at = to;
  while (at > to - 4 && at > from && (text[at]! & 0xc0) === 0x80) at--;
  return at > from && at > to - 4 ? at : to;
}
