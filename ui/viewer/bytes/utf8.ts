/** How much of some bytes is well-formed UTF-8. A character cut off at the end is no fault. */
import { wholeLength } from '../text/line-splitter.ts';

export function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, wholeLength(bytes)));
    return true;
  } catch {
    return false;
  }
}
