/** What one answer that catches up holds: whole appends, of JSON whole messages as an array. */
import { internalOf } from '../../core/internal.ts';
import type { StoredStream } from '../../fs/index.ts';
import { formOf } from './form.ts';
import { MAX_PAGE_BYTES } from './options.ts';

export interface Page {
  readonly from: number;
  /** The offset behind it. */
  readonly to: number;
  readonly parts: readonly Uint8Array[];
}

export const EMPTY_ARRAY = Buffer.from('[]');

const NEWLINE = 0x0a;
const COMMA = 0x2c;

/** The page that begins at a place between appends or messages. */
export function pageFrom({ settings, stream: published }: StoredStream, from: number): Page {
  const stream = internalOf(published);
  const { endOffset } = stream;
  const isJson = formOf(settings.type) === 'json';
  const limit = from + MAX_PAGE_BYTES;
  let to = endOffset;
  if (limit < endOffset) {
    const last = isJson ? stream.lineStart(limit) : stream.chunkStart(limit);
    if (last !== undefined && last > from) to = last;
    else to = isJson ? stream.lineEnd(from) : stream.chunkEnd(from);
  }
  const parts = stream.retainParts(from, to);
  return { from, to, parts: isJson ? [arrayOf(parts, to - from)] : parts };
}

/** Lines as an array: a bracket before them, and a comma or the other bracket for each newline. */
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
