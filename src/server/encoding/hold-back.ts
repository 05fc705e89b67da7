/**
 * How much of a run goes out now. An encoding that transforms bytes may hold some back until more has come: half of a
 * character, an unfinished line. It must not hold them back for ever: not at the end, and not where no more fits a run.
 */
import type { BorrowedRun } from '../../core/internal.ts';
import type { EncodedStream, Encoding } from './encoding.ts';

/** The longest run that is transformed at once as a rule, in bytes: what becomes of it is laid down in memory used again. */
export const MAX_TRANSFORMED_BYTES = 256 * 1024;

/**
 * How much an encoding is given at `offset` as a rule, in bytes. A run that is transformed ends at the same places whatever
 * it began at, while more is there: so readers that lag come together again, and are sent what was made once.
 */
export function usualRun({ body, maxRunBytes }: Encoding, offset: number): number {
  if (body === undefined) return maxRunBytes;
  const longest = Math.min(maxRunBytes, MAX_TRANSFORMED_BYTES);
  return longest - ((offset + longest) % Math.ceil(longest / 2));
}

/** How much an encoding may be given at `offset`, in bytes, where it can send nothing of the usual run. */
export function longestRun(encoding: Encoding, offset: number, stream: EncodedStream): number {
  return encoding.body?.longestRun?.(offset, stream) ?? Math.min(encoding.maxRunBytes, MAX_TRANSFORMED_BYTES);
}

/**
 * How many bytes of a run can be sent.
 *
 * @param isLast no byte will follow those of the run
 * @returns 0 where the encoding waits for more
 */
export function sendableLength(encoding: Encoding, run: BorrowedRun, isLast: boolean, stream: EncodedStream): number {
  if (encoding.body === undefined || isLast) return run.length;
  const usable = encoding.body.usable(run, stream);
  return usable === 0 && run.length >= longestRun(encoding, run.offset, stream) ? run.length : usable;
}
