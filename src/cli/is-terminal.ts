import type { Readable, Writable } from 'node:stream';

/** Whether a stream is a terminal. */
export function isTerminal(stream: Readable | Writable): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}
