/** Start positions for streams and snapshots of files, with the same options as for live streams (contract 25). */
import type { ReaderStart } from '../../core/index.ts';
import { checkedInteger, checkedOffset } from '../numbers.ts';

const NEWLINE = 10;

/**
 * The offset, from 0 to the length, at which reading `bytes` begins. Files evict nothing and do not grow while they are
 * read, so `live` begins at the end, as does an offset beyond it. Throws NEGATIVE_OFFSET, INVALID_PARAMETER.
 */
export function startOf(bytes: Uint8Array, start: ReaderStart = { from: 'earliest' }): number {
  if ('from' in start) return start.from === 'live' ? bytes.length : 0;
  if ('offset' in start) return Math.min(checkedOffset(start.offset), bytes.length);
  if ('lastBytes' in start) return Math.max(0, bytes.length - checkedInteger('last', start.lastBytes, 0));
  return startOfLines(bytes, checkedInteger('last_lines', start.lastLines, 0));
}

/** The start of the last `lines` lines; a newline at the end of the file ends its last line. */
function startOfLines(bytes: Uint8Array, lines: number): number {
  if (lines === 0) return bytes.length;
  let start = bytes.at(-1) === NEWLINE ? bytes.length - 1 : bytes.length;
  for (let left = lines; left > 0; left -= 1) {
    if (start === 0) return 0;
    start = bytes.lastIndexOf(NEWLINE, start - 1);
    if (start < 0) return 0;
  }
  return start + 1;
}
