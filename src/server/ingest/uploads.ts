/** Bodies that are being received, by their socket, for the sweep over connections. */
import type { Duplex } from 'node:stream';
import type { StreamFSError } from '../../errors/index.ts';

/** A body on its way into a file, as it is seen from outside. */
export interface Upload {
  /** Whether it is appended to a stream. */
  readonly isForStream: boolean;
  /** Whether the file makes its writer wait just now. */
  isWaiting(): boolean;
  /** Bytes of it that are kept until more comes. */
  held(): number;
  /** Ends it with an error, made from how much was written. */
  giveUp(why: (written: number) => StreamFSError): void;
}

const underWay = new WeakMap<Duplex, Upload>();

export function track(socket: Duplex, upload: Upload): void {
  underWay.set(socket, upload);
}

export function untrack(socket: Duplex): void {
  underWay.delete(socket);
}

export function uploadOf(socket: Duplex): Upload | undefined {
  return underWay.get(socket);
}
