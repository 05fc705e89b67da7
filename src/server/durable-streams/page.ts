/** The content of one catch-up response: whole appends, or for JSON whole messages as an array. */
import { internalOf, type RingStream } from '../../core/internal.ts';
import { isStreamFSError } from '../../errors/index.ts';
import type { StoredStream } from '../../fs/index.ts';
import { formOf } from './form.ts';
import { MAX_PAGE_BYTES } from './options.ts';

/** A range of stored bytes. */
export interface Span {
  readonly from: number;
  /** The offset after the last byte. */
  readonly to: number;
  readonly parts: readonly Uint8Array[];
}

export const EMPTY_ARRAY = Buffer.from('[]');

const NEWLINE = 0x0a;
const COMMA = 0x2c;

/** The page that begins between two appends or messages. @throws OFFSET_GONE */
export async function pageFrom(stored: StoredStream, from: number): Promise<Span> {
  const span = await spanFrom(stored, from, MAX_PAGE_BYTES);
  if (formOf(stored.settings.type) !== 'json') return span;
  return { ...span, parts: [arrayOf(span.parts, span.to - from)] };
}

/**
 * Whole appends or messages, beginning between two of them: as many as fit into `max` bytes, but at least one.
 *
 * @throws OFFSET_GONE if the first of them is lost
 */
export async function spanFrom(
  { settings, stream: published }: StoredStream,
  from: number,
  max: number,
): Promise<Span> {
  const { endOffset, withHistory } = internalOf(published);
  const isJson = formOf(settings.type) === 'json';
  const limit = from + max;
  let to = endOffset;
  if (limit < endOffset) {
    const last = await lastPlace(withHistory, limit, isJson);
    if (last !== undefined && last > from) to = last;
    else to = isJson ? await withHistory.lineEnd(from) : await withHistory.chunkEnd(from);
  }
  const parts: Uint8Array[] = [];
  let at = from;
  try {
    for await (const piece of withHistory.pieces(from, to)) {
      parts.push(piece);
      at += piece.length;
    }
    return { from, to, parts };
  } catch (error) {
    if (!isStreamFSError(error, 'OFFSET_GONE')) throw error;
    // What comes before a loss is given first.
    const end = isJson ? await withHistory.lineStart(at) : at;
    if (end === undefined || end <= from) throw error;
    return { from, to: end, parts: [Buffer.concat(parts).subarray(0, end - from)] };
  }
}

/** The last place at or before an offset; undefined where that is lost. */
async function lastPlace(
  withHistory: RingStream['withHistory'],
  limit: number,
  isJson: boolean,
): Promise<number | undefined> {
  try {
    return await (isJson ? withHistory.lineStart(limit) : withHistory.chunkStart(limit));
  } catch (error) {
    if (!isStreamFSError(error, 'OFFSET_GONE')) throw error;
    return undefined;
  }
}

/** Lines as an array: a bracket before them, and a comma or the closing bracket for each newline. */
function arrayOf(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (length === 0) return EMPTY_ARRAY;
  const array = Buffer.allocUnsafe(length + 1);
  array[0] = 0x5b;
  let at = 1;
  for (const part of parts) {
    array.set(part, at);
    at += part.length;
  }
  for (let n = array.indexOf(NEWLINE, 1); n >= 0; n = array.indexOf(NEWLINE, n + 1)) array[n] = COMMA;
  array[length] = 0x5d;
  return array;
}
