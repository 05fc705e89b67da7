/** Bytes as the lines of an event (WHATWG HTML, "Server-sent events"): what a line of it is, and how it is written. */

const LF = 10;
const CR = 13;
const SPACE = 32;
const FIELD = Buffer.from('data:');
/** Of a line that begins with a space: whoever reads it takes one away. */
const FIELD_BEFORE_SPACE = Buffer.from('data: ');

/** The most bytes that text becomes as lines of data, each with a line end behind it. */
export function maxDataLinesLength(parts: readonly Uint8Array[], length: number): number {
  let lines = 1;
  let left = length;
  for (const part of parts) {
    const bytes = part.subarray(0, left);
    left -= bytes.length;
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) lines++;
    for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 1)) lines++;
  }
  return length + lines * (FIELD_BEFORE_SPACE.length + 1);
}

/**
 * Writes the first `length` bytes of text as lines of data: a line ends with CR, LF or both, and is read with LF.
 *
 * @returns how many bytes were written to `target` from `at` on
 */
export function writeDataLines(target: Buffer, at: number, parts: readonly Uint8Array[], length: number): number {
  let to = at;
  let left = length;
  let isBegun = false;
  /** The last byte was a CR: a LF behind it ends no other line. */
  let isBehindCr = false;
  const begin = (first: number | undefined) => {
    const field = first === SPACE ? FIELD_BEFORE_SPACE : FIELD;
    target.set(field, to);
    to += field.length;
    isBegun = true;
  };
  for (const part of parts) {
    const bytes = part.subarray(0, left);
    left -= bytes.length;
    let carriageReturn = bytes.indexOf(CR);
    for (let from = isBehindCr && bytes[0] === LF ? 1 : 0; from < bytes.length; ) {
      const newline = bytes.indexOf(LF, from);
      if (carriageReturn >= 0 && carriageReturn < from) carriageReturn = bytes.indexOf(CR, from);
      const end = firstOf(newline, carriageReturn, bytes.length);
      if (!isBegun) begin(bytes[from]);
      target.set(bytes.subarray(from, end), to);
      to += end - from;
      if (end === bytes.length) break;
      target[to++] = LF;
      isBegun = false;
      from = end + (bytes[end] === CR && bytes[end + 1] === LF ? 2 : 1);
    }
    if (bytes.length > 0) isBehindCr = bytes.at(-1) === CR;
  }
  // What ends with a line end has an empty line behind it.
  if (!isBegun) begin(undefined);
  target[to++] = LF;
  return to - at;
}

function firstOf(one: number, other: number, none: number): number {
  if (one < 0) return other < 0 ? none : other;
  return other < 0 ? one : Math.min(one, other);
}

/** How many bytes at the end of text are the beginning of a character of UTF-8: 0 to 3. `text` has its last four. */
export function unfinishedBytes(text: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, text.length); back++) {
    const byte = text[text.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return byte < 0xf5 && wanted > back ? back : 0;
  }
  return 0;
}

/** A few bytes of a run, copied. */
export function bytesBetween(parts: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const found: number[] = [];
  let base = 0;
  for (const part of parts) {
    for (let at = Math.max(from, base); at < Math.min(to, base + part.length); at++) found.push(part[at - base]!);
    base += part.length;
  }
  return Uint8Array.from(found);
}

/** The first `length` bytes of a run in one piece: a view of its only part, or a copy. */
export function inOnePiece(parts: readonly Uint8Array[], length: number): Buffer {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return Buffer.from(first.buffer, first.byteOffset, length);
  return Buffer.concat(parts, length);
}

/** How many bytes `length` bytes are in base64. */
export function base64Length(length: number): number {
  return Math.ceil(length / 3) * 4;
}

/**
 * Writes the first `length` bytes of a run in base64.
 *
 * @returns how many bytes were written to `target` from `at` on
 */
export function writeBase64(target: Buffer, at: number, parts: readonly Uint8Array[], length: number): number {
  return target.write(inOnePiece(parts, length).toString('base64'), at, 'latin1');
}
