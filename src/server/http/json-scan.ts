/**
 * Checks a JSON text before it is parsed. The cost of parsing depends on the number of values, not of bytes: a megabyte
 * of `[],[],…` takes twenty in memory, and blocks the event loop accordingly. Requests have a handful of fields, and
 * the configuration of a mount a few dozen; a text with thousands is refused.
 */
import { createError, type StreamFSError } from '../../errors/index.ts';
import { shorten } from './shorten.ts';

/** Maximum nesting depth of arrays and objects, including the outermost. */
export const MAX_DEPTH = 32;
/** Maximum number of values, including nested ones. */
export const MAX_VALUES = 10_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Counts the values of a text. Syntax errors are left to the parser.
 *
 * @throws INVALID_BODY for too many values, too deep nesting, and a duplicate field of the outermost object, because
 * parsers differ in which of the two they take
 */
export function scanJson(bytes: Buffer): number {
  const names = new Set<string>();
  let values = 0;
  let depth = 0;
  /** The last byte that is neither whitespace nor within a string, and the last string of the outermost object. */
  let last = 0;
  let start = 0;
  let end = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    switch (byte) {
      case QUOTE: {
        const close = closingQuote(bytes, at + 1);
        if (depth === 1 && (last === OPEN_OBJECT || last === COMMA)) {
          start = at;
          end = close + 1;
        }
        at = close;
        break;
      }
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        values++;
        if (++depth > MAX_DEPTH) throw invalid(`it has more than ${MAX_DEPTH} arrays and objects within each other`);
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        // An empty array or object was counted as if it had a value.
        if (last === OPEN_ARRAY || last === OPEN_OBJECT) values--;
        break;
      case COLON:
        if (depth === 1 && end > 0) {
          const name = nameOf(bytes, start, end);
          if (names.has(name)) throw invalid(`it has the field "${shorten(name)}" twice`);
          names.add(name);
          end = 0;
        }
        break;
      case COMMA:
        values++;
        break;
      default:
        if (byte <= 0x20) continue;
    }
    if (values > MAX_VALUES) throw invalid(`it has more than ${MAX_VALUES} values`);
    last = byte;
  }
  return values + 1;
}

/** The end of the string that begins at `from`: its quote, or the last byte if there is none. */
function closingQuote(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  return bytes.length - 1;
}

/** A name with its escapes decoded: `"p\u0061th"` is `"path"`. */
function nameOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

function invalid(reason: string): StreamFSError {
  return createError('INVALID_BODY', { reason });
}
