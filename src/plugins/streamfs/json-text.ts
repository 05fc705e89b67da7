/**
 * JSON in streams: each message is a line. Text is cut but never re-encoded, so that numbers and strings stay as they
 * were written; a line break between the values of a message becomes a space.
 *
 * Values are only delimited, not built: the memory used does not depend on the content.
 */
import { isUtf8 } from 'node:buffer';
import { createError, type StreamFSError } from '../../errors/index.ts';
import { JSON_MEDIA_TYPE } from '../../protocol/index.ts';

/** A content type without its parameters. */
export function essenceOf(type: string): string {
  return type.split(';')[0]!.trim().toLowerCase();
}

export function isJsonType(type: string): boolean {
  return essenceOf(type) === JSON_MEDIA_TYPE;
}

/** Maximum nesting of arrays and objects. */
const MAX_DEPTH = 1000;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** U+FEFF, in UTF-8. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word));
/** Valid characters after a backslash, except `u`. */
const ESCAPES = new Set(Buffer.from('"\\/bfnrt'));

/**
 * Converts a body to lines, one per message. If the outermost value is an array, each of its elements is a message. A
 * leading byte order mark is ignored, as RFC 8259 allows.
 *
 * @throws INVALID_BODY for invalid JSON
 */
export function jsonLines(body: Uint8Array): Uint8Array {
  requireUtf8(body);
  // A message and its comma are as long as its line; only a single message gets longer, by its newline.
  const lines = Buffer.allocUnsafe(body.length + 1);
  let length = 0;
  const put = (from: number, to: number) => {
    lines.set(body.subarray(from, to), length);
    for (let at = length; at < length + to - from; at++) {
      if (lines[at] === NEWLINE || lines[at] === RETURN) lines[at] = SPACE;
    }
    length += to - from;
    lines[length++] = NEWLINE;
  };
  let at = skipSpace(body, BYTE_ORDER_MARK.every((byte, n) => body[n] === byte) ? BYTE_ORDER_MARK.length : 0);
  if (body[at] !== OPEN_ARRAY) {
    const end = valueEnd(body, at);
    put(at, end);
    at = end;
  } else {
    at = skipSpace(body, at + 1);
    if (body[at] === CLOSE_ARRAY) at++;
    else {
      for (;;) {
        const end = valueEnd(body, at);
        put(at, end);
        at = skipSpace(body, end);
        if (body[at] === CLOSE_ARRAY) break;
        if (body[at] !== COMMA) throw unexpected(body, at, 'a comma or the end of the array');
        at = skipSpace(body, at + 1);
      }
      at++;
    }
  }
  at = skipSpace(body, at);
  if (at < body.length) throw unexpected(body, at, 'nothing more');
  return lines.subarray(0, length);
}

/**
 * Requires that each line is a message; the last needs no newline.
 *
 * @throws JSON_LINES_ONLY
 */
export function requireJsonLines(lines: Uint8Array): void {
  let number = 1;
  for (let from = 0; from < lines.length; number++) {
    const newline = lines.indexOf(NEWLINE, from);
    const to = newline < 0 ? lines.length : newline;
    const line = lines.subarray(from, to);
    try {
      requireUtf8(line);
      const end = skipSpace(line, valueEnd(line, skipSpace(line, 0)));
      if (end < line.length) throw unexpected(line, end, 'nothing more');
    } catch (error) {
      throw createError('JSON_LINES_ONLY', { line: number, reason: (error as Error).message });
    }
    from = to + 1;
  }
}

function requireUtf8(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) throw invalid('it is not UTF-8');
}

function skipSpace(text: Uint8Array, from: number): number {
  let at = from;
  while (text[at] === SPACE || text[at] === NEWLINE || text[at] === RETURN || text[at] === 0x09) at++;
  return at;
}

/** The end of the value that begins at `from`. */
function valueEnd(text: Uint8Array, from: number): number {
  /** The closing characters of the arrays and objects that enclose the value. */
  const around: number[] = [];
  let at = from;
  for (;;) {
    const first = text[at];
    if (first === OPEN_ARRAY || first === OPEN_OBJECT) {
      const close = first + 2;
      if (around.push(close) > MAX_DEPTH) {
        throw invalid(`it has more than ${MAX_DEPTH} arrays and objects within each other`);
      }
      at = skipSpace(text, at + 1);
      if (text[at] !== close) {
        if (close === CLOSE_OBJECT) at = nameEnd(text, at);
        continue;
      }
    } else at = scalarEnd(text, at);
    at = closed(text, at, around);
    if (around.length === 0) return at;
    // Another value follows in the innermost open array or object.
    if (text[at] !== COMMA) throw unexpected(text, at, `a comma or ${String.fromCharCode(around.at(-1)!)}`);
    at = skipSpace(text, at + 1);
    if (around.at(-1) === CLOSE_OBJECT) at = nameEnd(text, at);
  }
}

/** Closes all arrays and objects that end here, and returns the offset after them. */
function closed(text: Uint8Array, from: number, around: number[]): number {
  let at = from;
  while (around.length > 0) {
    at = skipSpace(text, at);
    if (text[at] !== around.at(-1)) break;
    around.pop();
    at++;
  }
  return at;
}

/** The start of the value whose name begins at `from`. */
function nameEnd(text: Uint8Array, from: number): number {
  if (text[from] !== QUOTE) throw unexpected(text, from, 'a name in quotes');
  const at = skipSpace(text, stringEnd(text, from));
  if (text[at] !== COLON) throw unexpected(text, at, 'a colon');
  return skipSpace(text, at + 1);
}

function scalarEnd(text: Uint8Array, from: number): number {
  const first = text[from];
  if (first === QUOTE) return stringEnd(text, from);
  if (first === MINUS || isDigit(first)) return numberEnd(text, from);
  for (const word of LITERALS) {
    if (first === word[0] && word.equals(text.subarray(from, from + word.length))) return from + word.length;
  }
  throw unexpected(text, from, 'a value');
}

function stringEnd(text: Uint8Array, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const byte = text[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte < SPACE) throw unexpected(text, at, 'no control character in a string');
    if (byte !== BACKSLASH) continue;
    at++;
    if (text[at] === 0x75) {
      if (!/^[\da-f]{4}$/i.test(String.fromCharCode(...text.subarray(at + 1, at + 5)))) {
        throw unexpected(text, at + 1, 'four hexadecimal digits');
      }
      at += 4;
    } else if (!ESCAPES.has(text[at] ?? 0)) throw unexpected(text, at, 'an escape sequence');
  }
  throw unexpected(text, text.length, 'the end of a string');
}

function numberEnd(text: Uint8Array, from: number): number {
  let at = text[from] === MINUS ? from + 1 : from;
  at = text[at] === ZERO ? at + 1 : digitsEnd(text, at);
  if (text[at] === DOT) at = digitsEnd(text, at + 1);
  // Case-insensitive.
  if ((text[at]! | 0x20) === 0x65) {
    at++;
    if (text[at] === 0x2b || text[at] === MINUS) at++;
    at = digitsEnd(text, at);
  }
  return at;
}

/** The end of the digits at `from`; at least one is required. */
function digitsEnd(text: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(text[at])) at++;
  if (at === from) throw unexpected(text, at, 'a digit');
  return at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

function unexpected(text: Uint8Array, at: number, wanted: string): StreamFSError {
  return invalid(`it is not JSON: expected ${wanted} at ${at < text.length ? `byte ${at}` : 'its end'}`);
}

function invalid(reason: string): StreamFSError {
  return createError('INVALID_BODY', { reason });
}
