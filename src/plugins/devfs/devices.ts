/** The content of each device. All devices accept writes and discard them. */
import { randomFill } from 'node:crypto';
import { promisify } from 'node:util';

export interface Device {
  /** Whether reading ends: `null` is empty, the others are endless. */
  readonly hasEnd: boolean;
  /** The next `size` bytes. */
  bytes(size: number): Promise<Uint8Array>;
}

const fill = promisify<Uint8Array, Uint8Array>(randomFill);

const random: Device = { hasEnd: false, bytes: (size) => fill(new Uint8Array(size)) };

/** By name, sorted. */
export const DEVICES: ReadonlyMap<string, Device> = new Map([
  ['null', { hasEnd: true, bytes: async () => new Uint8Array(0) }],
  ['random', random],
  ['urandom', random],
  ['zero', { hasEnd: false, bytes: async (size: number) => new Uint8Array(size) }],
]);
