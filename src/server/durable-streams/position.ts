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
export function earliestOf({ settings, stream: published }: StoredStream): number {
  const stream = internalOf(published);
  const form = formOf(settings.type);
  if (form === 'json') return stream.firstLineStart();
  return form === 'text' ? firstCharacter(stream) : stream.startOffset;
}

/** Behind what is left of a character of which the beginning has gone. */
function firstCharacter(stream: RingStream): number {
  const { startOffset } = stream;
  if (startOffset === 0) return 0;
  let at = startOffset;
  while (at < startOffset + 3 && ((stream.retainAt(at, 1)?.[0] ?? 0) & 0xc0) === 0x80) at++;
  return at;
}

/** @throws INVALID_OFFSET, OFFSET_OF_ANOTHER, OFFSET_GONE */
export function startOf(stored: StoredStream, text: string | undefined): number {
  if (text === undefined || text === BEGINNING) return earliestOf(stored);
  if (text === NOW) return stored.stream.endOffset;
  const stream = internalOf(stored.stream);
  const { endOffset } = stream;
  const offset = offsetIn(stored, text);
  // One more than the end is what a client makes of the end.
  if (offset === endOffset || offset === endOffset + 1) return endOffset;
  if (offset > endOffset) throw invalid(text, `the stream ends at ${durableOffset(stream, endOffset)}`);
  const earliest = earliestOf(stored);
  if (offset < earliest) throw createError('OFFSET_GONE', { offset, earliest }, { earliest });
  return roundedDown(stored, offset, earliest);
}

/** The place between appends or messages at or before an offset that is retained. */
function roundedDown(stored: StoredStream, offset: number, earliest: number): number {
  const stream = internalOf(stored.stream);
  if (formOf(stored.settings.type) !== 'json') return Math.max(earliest, stream.chunkStart(offset));
  return stream.lineStart(offset) ?? earliest;
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
export function forkPointIn(stored: StoredStream, text: string): number {
  const offset = parseDurableOffset(text, stored.stream);
  if (typeof offset === 'string') throw invalid(text, 'it is none of the source of the fork');
  if (offset === 0) return 0;
  return startOf(stored, text);
}

function invalid(text: string, reason: string) {
  return createError('INVALID_OFFSET', { offset: JSON.stringify(shorten(text)), reason });
}
