/**
 * A device as a content that goes on until its reader leaves, or its mount is gone. Between two pieces the event loop has a
 * turn: a reader that takes them as fast as they come would block it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BLOCK_BYTES } from '../../fs/index.ts';
import type { Device } from './devices.ts';

/**
 * Pieces of 64 KiB, each made when it is asked for. Ends when `stopped` says so, after `size` bytes, and at once for a
 * device that has an end.
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
