/** Start positions for readers, determined by the content type or the container of a stream. */
import type { MemoryBudget } from '../../core/index.ts';
import type { RingStream } from '../../core/internal.ts';
import { formatFor } from '../../media/index.ts';
import type { Entry } from './entry.ts';
import { ByteSlices } from './slices.ts';

/** Bytes passed to a format at a time. */
const STEP_BYTES = 64 * 1024;

/** Sets the format for bytes appended from now on. */
export function setFormat({ settings, stream }: Entry, memory: MemoryBudget | undefined): void {
  stream.format?.release();
  stream.format = formatFor(settings, stream, memory);
}

/**
 * Passes the retained bytes to the format, a slice at a time, before the stream is visible.
 *
 * @param check called between slices; an error thrown here aborts the work
 */
export async function takeRetained(stream: RingStream, check?: () => void): Promise<void> {
  const { format, startOffset, endOffset } = stream;
  if (format === undefined) return;
  const slices = new ByteSlices();
  let at = startOffset;
  for (const part of stream.retainParts(startOffset, endOffset)) {
    for (let from = 0; from < part.length; from += STEP_BYTES) {
      const slice = part.subarray(from, from + STEP_BYTES);
      format.take(slice, at);
      at += slice.length;
      await slices.after(slice.length);
      check?.();
    }
  }
}
