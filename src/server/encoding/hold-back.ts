/**
 * How much of a run is sent now. An encoding that transforms bytes may hold some back until more arrive: part of a
 * character, an unfinished line. It must not hold them back for ever: neither at the end of the stream, nor when the
 * run cannot get longer.
 */
import type { BorrowedRun } from '../../core/internal.ts';
import type { EncodedStream, Encoding } from './encoding.ts';

/** The longest run that is usually transformed at once, in bytes: the result fits a pooled buffer. */
export const MAX_TRANSFORMED_BYTES = 256 * 1024;

/**
 * How many bytes an encoding is usually given at `offset`. While more bytes are available, transformed runs end at the
 * same offsets wherever they begin. So readers that lag converge, and share encoded runs.
 */
export function usualRun({ body, maxRunBytes }: Encoding, offset: number): number {
  if (body === undefined) return maxRunBytes;
  const longest = Math.min(maxRunBytes, MAX_TRANSFORMED_BYTES);
  return longest - ((offset + longest) % Math.ceil(longest / 2));
}

/** How many bytes an encoding may be given at `offset`, if it can send nothing of the usual run. */
export function longestRun(encoding: Encoding, offset: number, stream: EncodedStream): number {
  return encoding.body?.longestRun?.(offset, stream) ?? Math.min(encoding.maxRunBytes, MAX_TRANSFORMED_BYTES);
}

/**
 * How many bytes of a run can be sent.
 *
 * @param isLast no byte will follow those of the run
 * @returns 0 if the encoding waits for more bytes
 */
export function sendableLength(encoding: Encoding, run: BorrowedRun, isLast: boolean, stream: EncodedStream): number {
  if (encoding.body === undefined || isLast) return run.length;
  const usable = encoding.body.usable(run, stream);
  return usable === 0 && run.length >= longestRun(encoding, run.offset, stream) ? run.length : usable;
}
