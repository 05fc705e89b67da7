/**
 * The length of the well-formed UTF-8 at the beginning of some bytes. A character truncated at the end is not an error.
 */
import { completeLength } from '../text/line-splitter.ts';

export function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, completeLength(bytes)));
    return true;
  } catch {
    return false;
  }
}
