/** Writes bytes as the data lines of an event (WHATWG HTML, "Server-sent events"). */

const LF = 10;
const CR = 13;
const SPACE = 32;
const ZERO = 48;
const FIELD = Buffer.from('data:', 'latin1');
/** Digits are computed from integers below this one, which V8 represents as machine integers. */
const LOW_DIGITS = 1e9;

/** How often a byte occurs in the first `length` bytes of a run. */
export function countByte(byte: number, parts: readonly Uint8Array[], length: number): number {
  let count = 0;
  let left = length;
  for (const part of parts) {
    const bytes = left < part.length ? part.subarray(0, left) : part;
    left -= bytes.length;
    for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) count++;
  }
  return count;
}

/** Maximum length of text with this many line ends as data lines, each with its own line end. */
export function dataLinesLength(length: number, lineEnds: number): number {
  return length + (lineEnds + 1) * (FIELD.length + 2);
}

/** Maximum length of the first `length` bytes of a run of text as data lines. */
export function maxDataLinesLength(parts: readonly Uint8Array[], length: number): number {
  return dataLinesLength(length, countByte(LF, parts, length) + countByte(CR, parts, length));
}

/**
 * Writes a range of text as data lines. Lines end with CR, LF or both; the receiver reads each as LF. Text that ends
 * with a line end gets an empty last line.
 *
 * @returns where the next byte goes
 */
export function writeDataLines(target: Buffer, at: number, bytes: Uint8Array, from: number, end: number): number {
  // So that neither search runs past the end.
  const text = bytes.subarray(from, end);
  let to = at;
  let carriageReturn = 0;
  for (let begin = 0; ; ) {
    if (carriageReturn <= begin) carriageReturn = indexOrEnd(text, CR, begin);
    const lineEnd = Math.min(indexOrEnd(text, LF, begin), carriageReturn);
    to = writeDataLine(target, to, text, begin, lineEnd);
    if (lineEnd === text.length) return to;
    begin = lineEnd + (text[lineEnd] === CR && text[lineEnd + 1] === LF ? 2 : 1);
  }
}

/** Writes one data line, whose text has no line end. Returns where the next byte goes. */
export function writeDataLine(target: Buffer, at: number, bytes: Uint8Array, from: number, end: number): number {
  let to = writeBytes(target, at, FIELD);
  // The receiver removes one space after the colon.
  if (from < end && bytes[from] === SPACE) target[to++] = SPACE;
  if (from < end) target.set(bytes.subarray(from, end), to);
  to += end - from;
  target[to++] = LF;
  return to;
}

function indexOrEnd(bytes: Uint8Array, byte: number, from: number): number {
  const found = bytes.indexOf(byte, from);
  return found < 0 ? bytes.length : found;
}

/** Copies a few bytes. Returns where the next one goes. */
export function writeBytes(target: Buffer, at: number, bytes: Uint8Array): number {
  for (let n = 0; n < bytes.length; n++) target[at + n] = bytes[n]!;
  return at + bytes.length;
}

/** Writes an integer from 0 to `Number.MAX_SAFE_INTEGER` in decimal digits. Returns where the next byte goes. */
export function writeInteger(target: Buffer, at: number, value: number): number {
  if (value < LOW_DIGITS) return writeDigits(target, at, value, digitsOf(value));
  const high = Math.floor(value / LOW_DIGITS);
  return writeDigits(target, writeDigits(target, at, high, digitsOf(high)), value - high * LOW_DIGITS, 9);
}

function writeDigits(target: Buffer, at: number, value: number, digits: number): number {
  let rest = value;
  for (let n = at + digits - 1; n >= at; n--) {
    const tenth = (rest / 10) | 0;
    target[n] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return at + digits;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; limit <= value; limit *= 10) digits++;
  return digits;
}

/** How many bytes at the end of `text` begin an incomplete UTF-8 character: 0 to 3. The last four bytes suffice. */
export function unfinishedBytes(text: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, text.length); back++) {
    const byte = text[text.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return byte < 0xf5 && wanted > back ? back : 0;
  }
  return 0;
}

/** A copy of a few bytes of a run. */
export function bytesBetween(parts: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const found: number[] = [];
  let base = 0;
  for (const part of parts) {
    for (let at = Math.max(from, base); at < Math.min(to, base + part.length); at++) found.push(part[at - base]!);
    base += part.length;
  }
  return Uint8Array.from(found);
}

/** The longest copy that uses the shared scratch buffer, in bytes. */
const SCRATCH_BYTES = 256 * 1024;
let scratch: Buffer | undefined;

/** The first `length` bytes of a run in one buffer: a view of its only part, or a copy valid until the next call. */
export function inOnePiece(parts: readonly Uint8Array[], length: number): Buffer {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return Buffer.from(first.buffer, first.byteOffset, length);
  if (length > SCRATCH_BYTES) return Buffer.concat(parts, length);
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  copyParts(scratch, 0, parts, length);
  return scratch.subarray(0, length);
}

/** Copies the first `length` bytes of a run. */
export function copyParts(target: Buffer, at: number, parts: readonly Uint8Array[], length: number): void {
  let done = 0;
  for (const part of parts) {
    if (done === length) break;
    const bytes = length - done < part.length ? part.subarray(0, length - done) : part;
    target.set(bytes, at + done);
    done += bytes.length;
  }
}

/** How many bytes of a run are complete lines: up to its last newline; 0 if it has none. */
export function wholeLinesLength(parts: readonly Uint8Array[], length: number): number {
  let end = length;
  for (let n = parts.length - 1; n >= 0; n--) {
    const part = parts[n]!;
    end -= part.length;
    const at = part.lastIndexOf(LF);
    if (at >= 0) return end + at + 1;
  }
  return 0;
}

/** The length of `length` bytes in base64. */
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
