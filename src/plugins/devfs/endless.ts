/**
 * A device as a content that goes on until nobody wants more, or its mount is gone. Between two pieces everybody else
 * has a turn: a reader that takes them as fast as they come would keep the event loop to itself.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Device } from './devices.ts';

const PIECE = 64 * 1024;

/** Pieces of 64 KiB; ends when `stopped` says so, and at once for a device that has an end. */
export async function* contentOf(device: Device, stopped: () => boolean): AsyncGenerator<Uint8Array> {
  while (!device.hasEnd && !stopped()) {
    yield await device.bytes(PIECE);
    await nextTurn();
  }
}
