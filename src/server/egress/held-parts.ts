/** Memory of streams that is being sent. */
import type { SharedBuffers } from '../../core/index.ts';

/** Charges for all of the memory until the work with it is done: its stream may evict it meanwhile. */
export async function withParts(
  parts: readonly Uint8Array[],
  held: SharedBuffers,
  act: () => Promise<void>,
): Promise<void> {
  let count = 0;
  try {
    for (; count < parts.length; count++) held.hold(parts[count]!);
    await act();
  } finally {
    for (const part of parts.slice(0, count)) held.release(part);
  }
}
