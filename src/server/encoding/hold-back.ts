/**
 * How much of a run goes out now. An encoding that transforms bytes may hold some back until more has come: half of a
 * character, an unfinished line. It must not hold them back for ever: not at the end, and not where no more fits a run.
 */
import type { BorrowedRun } from '../../core/internal.ts';
import type { EncodedStream, Encoding } from './encoding.ts';

/** The longest run that is transformed at once, in bytes: what comes of it is laid down in memory that is used again. */
export const MAX_TRANSFORMED_BYTES = 256 * 1024;

/** The longest run that an encoding is given at `offset`, in bytes. */
export function longestRun({ body, maxRunBytes }: Encoding, offset: number, stream: EncodedStream): number {
  if (body === undefined) return maxRunBytes;
  return body.runBytes?.(offset, stream) ?? Math.min(maxRunBytes, MAX_TRANSFORMED_BYTES);
}

/**
 * How many bytes of a run can be sent.
 *
 * @param isLast no byte will follow those of the run
 * @returns 0 where the encoding waits for more
 */
export function sendableLength(
  { body, maxRunBytes }: Encoding,
  run: BorrowedRun,
  isLast: boolean,
  stream: EncodedStream,
): number {
  if (body === undefined || isLast) return run.length;
  const usable = body.usable(run, stream);
  return usable === 0 && run.length >= Math.min(maxRunBytes, MAX_TRANSFORMED_BYTES) ? run.length : usable;
}
