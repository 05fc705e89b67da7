/** Charges for stream memory while it is being sent. */
import type { SharedBuffers } from '../../core/index.ts';

/** Charges for all parts until `act` is done, because the stream may evict them meanwhile. */
export async function withChargedParts(
  parts: readonly Uint8Array[],
  buffers: SharedBuffers,
  act: () => Promise<void>,
): Promise<void> {
  let count = 0;
  try {
    for (; count < parts.length; count++) buffers.hold(parts[count]!);
    await act();
  } finally {
    for (const part of parts.slice(0, count)) buffers.release(part);
  }
}
