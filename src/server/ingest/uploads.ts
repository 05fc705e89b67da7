/** Bodies that are being received, by socket, for the sweep. */
import type { Duplex } from 'node:stream';
import type { StreamFSError } from '../../errors/index.ts';

/** A body that is being written to a file, as the sweep sees it. */
export interface Upload {
  /** Whether it is appended to a stream. */
  readonly isForStream: boolean;
  /** Whether the file's writer has to wait. */
  isWaiting(): boolean;
  /** Bytes that are held until more arrive. */
  held(): number;
  /** Ends it with an error, which is built from the number of bytes written. */
  abort(why: (written: number) => StreamFSError): void;
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
