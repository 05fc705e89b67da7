/**
 * Where a read begins. Offsets in responses lie between appends, or for JSON between messages. Offsets in requests are
 * rounded down to such a boundary, since clients do arithmetic on offsets. A read never begins after the requested
 * offset: an offset that is no longer retained is refused.
 */
import { internalOf, type RingStream } from '../../core/internal.ts';
import { createError } from '../../errors/index.ts';
import type { StoredStream } from '../../fs/index.ts';
import { durableOffset, parseDurableOffset } from '../encoding/durable-offsets.ts';
import { shorten } from '../http/shorten.ts';
import { formOf } from './form.ts';

const BEGINNING = '-1';
export const NOW = 'now';

/** The oldest offset at which a read may begin. */
export async function earliestOf({ settings, stream }: StoredStream): Promise<number> {
  const { withHistory } = internalOf(stream);
  const form = formOf(settings.type);
  if (form === 'json') return withHistory.firstLineStart();
  return form === 'text' ? firstCharacter(withHistory) : withHistory.startOffset;
}

/** The offset after the remaining bytes of a character whose first bytes are no longer retained. */
async function firstCharacter(withHistory: RingStream['withHistory']): Promise<number> {
  const { startOffset } = withHistory;
  if (startOffset === 0) return 0;
  let at = startOffset;
  while (at < startOffset + 3 && (((await withHistory.at(at, 1))?.[0] ?? 0) & 0xc0) === 0x80) at++;
  return at;
}

/** @throws INVALID_OFFSET, OFFSET_OF_ANOTHER, OFFSET_GONE */
export async function startOf(stored: StoredStream, text: string | undefined): Promise<number> {
  if (text === undefined || text === BEGINNING) return earliestOf(stored);
  if (text === NOW) return stored.stream.endOffset;
  const stream = internalOf(stored.stream);
  const { endOffset } = stream;
  const offset = offsetIn(stored, text);
  // A client that increments the end offset means the end.
  if (offset === endOffset || offset === endOffset + 1) return endOffset;
  if (offset > endOffset) throw invalid(text, `the stream ends at ${durableOffset(stream, endOffset)}`);
  const earliest = await earliestOf(stored);
  if (offset < earliest) throw createError('OFFSET_GONE', { offset, earliest }, { earliest });
  return roundedDown(stored, offset, earliest);
}

/** The boundary between appends or messages at or before a retained offset. */
async function roundedDown({ settings, stream }: StoredStream, offset: number, earliest: number): Promise<number> {
  const { withHistory } = internalOf(stream);
  if (formOf(settings.type) !== 'json') return Math.max(earliest, await withHistory.chunkStart(offset));
  const start = await withHistory.lineStart(offset);
  if (start !== undefined) return start;
  // Its message began in what was lost on the disk.
  const next = await withHistory.lineEnd(offset);
  throw createError('OFFSET_GONE', { offset, earliest: next }, { earliest: next });
}

function offsetIn({ stream }: StoredStream, text: string): number {
  const offset = parseDurableOffset(text, stream);
  if (offset === 'malformed') throw invalid(text, 'expected an offset from this server, -1 or now');
  if (offset === 'another generation') {
    throw createError('OFFSET_OF_ANOTHER', { offset: shorten(text), earliest: BEGINNING });
  }
  return offset;
}

/**
 * The offset of a fork point in its source. Offset 0 is always valid, because no bytes before it need to be retained.
 *
 * @throws INVALID_OFFSET, OFFSET_GONE
 */
export async function forkPointIn(stored: StoredStream, text: string): Promise<number> {
  const offset = parseDurableOffset(text, stored.stream);
  if (typeof offset === 'string') throw invalid(text, 'it is not an offset of the source stream');
  if (offset === 0) return 0;
  return startOf(stored, text);
}

function invalid(text: string, reason: string) {
  return createError('INVALID_OFFSET', { offset: JSON.stringify(shorten(text)), reason });
}
