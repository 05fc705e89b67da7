/** Charges for stream memory while it is being sent. */
import type { SharedBuffers } from '../../core/index.ts';

/** Charges for all parts until `act` is done, because the stream may evict them meanwhile. */
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
