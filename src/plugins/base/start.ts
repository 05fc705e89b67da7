/** Where a stream or a snapshot of a file begins: the same choices as with a stream that goes on (contract 25). */
import type { ReaderStart } from '../../core/index.ts';
import { checkedOffset, checkedWhole } from '../numbers.ts';

const NEWLINE = 10;

/**
 * The offset a reading of `bytes` begins at, from 0 to their length. Nothing is ever evicted from a file, and nothing
 * more will come: `live` begins at the end, and so does an offset beyond it. NEGATIVE_OFFSET, INVALID_PARAMETER.
 */
export function startOf(bytes: Uint8Array, start: ReaderStart = { from: 'earliest' }): number {
  if ('from' in start) return start.from === 'live' ? bytes.length : 0;
  if ('offset' in start) return Math.min(checkedOffset(start.offset), bytes.length);
  if ('lastBytes' in start) return Math.max(0, bytes.length - checkedWhole('last', start.lastBytes, 0));
  return startOfLines(bytes, checkedWhole('last_lines', start.lastLines, 0));
}

/** Behind the newline before the last `lines` lines; a newline that ends the file ends its last line. */
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
