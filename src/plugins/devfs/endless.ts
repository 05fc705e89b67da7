/**
 * The content of a device, which continues until its reader leaves or its mount is gone. It yields to the event loop
 * after every piece, because a fast reader would otherwise block it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BLOCK_BYTES } from '../../fs/index.ts';
import type { Device } from './devices.ts';

/**
 * Yields pieces of 64 KiB, each created on demand. Ends when `stopped` returns true, after `size` bytes, and
 * immediately for a device that has an end.
 */
export async function* contentOf(
  device: Device,
  stopped: () => boolean,
  size = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0 && !device.hasEnd && !stopped(); left -= BLOCK_BYTES) {
    yield await device.bytes(Math.min(left, BLOCK_BYTES));
    await nextTurn();
  }
}
