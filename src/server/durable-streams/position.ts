/**
 * Where a read begins. Offsets that are given out lie between appends, of JSON between messages; what comes in is rounded
 * down to such a place, since clients do arithmetic on offsets. No read begins behind what it asked for: what is no longer
 * retained is refused.
 */
import { internalOf, type RingStream } from '../../core/internal.ts';
import { createError } from '../../errors/index.ts';
import type { StoredStream } from '../../fs/index.ts';
import { durableOffset, parseDurableOffset } from '../encoding/durable-offsets.ts';
import { shorten } from '../http/shorten.ts';
import { formOf } from './form.ts';

const BEGINNING = '-1';
export const NOW = 'now';

/** The oldest place a read may begin at. */
export async function earliestOf({ settings, stream }: StoredStream): Promise<number> {
  const { whole } = internalOf(stream);
  const form = formOf(settings.type);
  if (form === 'json') return whole.firstLineStart();
  return form === 'text' ? firstCharacter(whole) : whole.startOffset;
}

/** Behind what is left of a character of which the beginning has gone. */
async function firstCharacter(whole: RingStream['whole']): Promise<number> {
  const { startOffset } = whole;
  if (startOffset === 0) return 0;
  let at = startOffset;
  while (at < startOffset + 3 && (((await whole.at(at, 1))?.[0] ?? 0) & 0xc0) === 0x80) at++;
  return at;
}

/** @throws INVALID_OFFSET, OFFSET_OF_ANOTHER, OFFSET_GONE */
export async function startOf(stored: StoredStream, text: string | undefined): Promise<number> {
  if (text === undefined || text === BEGINNING) return earliestOf(stored);
  if (text === NOW) return stored.stream.endOffset;
  const stream = internalOf(stored.stream);
  const { endOffset } = stream;
  const offset = offsetIn(stored, text);
  // One more than the end is what a client makes of the end.
  if (offset === endOffset || offset === endOffset + 1) return endOffset;
  if (offset > endOffset) throw invalid(text, `the stream ends at ${durableOffset(stream, endOffset)}`);
  const earliest = await earliestOf(stored);
  if (offset < earliest) throw createError('OFFSET_GONE', { offset, earliest }, { earliest });
  return roundedDown(stored, offset, earliest);
}

/** The place between appends or messages at or before an offset that is retained. */
async function roundedDown({ settings, stream }: StoredStream, offset: number, earliest: number): Promise<number> {
  const { whole } = internalOf(stream);
  if (formOf(settings.type) !== 'json') return Math.max(earliest, await whole.chunkStart(offset));
  const start = await whole.lineStart(offset);
  if (start !== undefined) return start;
  // Its message began in what was lost on the disk.
  const next = await whole.lineEnd(offset);
  throw createError('OFFSET_GONE', { offset, earliest: next }, { earliest: next });
}

function offsetIn({ stream }: StoredStream, text: string): number {
  const offset = parseDurableOffset(text, stream);
  if (offset === 'malformed') throw invalid(text, 'expected one that this server gave, -1 or now');
  if (offset === 'another life') {
    throw createError('OFFSET_OF_ANOTHER', { offset: shorten(text), earliest: BEGINNING });
  }
  return offset;
}

/**
 * A fork point in its source. Nothing is retained of what lies before the beginning, so that is always there.
 *
 * @throws INVALID_OFFSET, OFFSET_GONE
 */
export async function forkPointIn(stored: StoredStream, text: string): Promise<number> {
  const offset = parseDurableOffset(text, stored.stream);
  if (typeof offset === 'string') throw invalid(text, 'it is none of the source of the fork');
  if (offset === 0) return 0;
  return startOf(stored, text);
}

function invalid(text: string, reason: string) {
  return createError('INVALID_OFFSET', { offset: JSON.stringify(shorten(text)), reason });
}
