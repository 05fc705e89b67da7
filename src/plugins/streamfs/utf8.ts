/** Character boundaries of UTF-8 text, at which it may be cut. */

/** The last character boundary after `from` and up to `to`; `to` if the bytes before it are not valid UTF-8. */
export function characterEnd(text: Uint8Array, from: number, to: number): number {
  if (to >= text.length) return to;
  let at = to;
  while (at > to - 4 && at > from && (text[at]! & 0xc0) === 0x80) at--;
  return at > from && at > to - 4 ? at : to;
}
