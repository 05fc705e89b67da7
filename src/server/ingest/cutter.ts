/**
 * Cuts an incoming body into pieces: the units that never mix with another writer's (contract 10).
 *
 *  - `asArrived`: each piece is what arrived together;
 *  - `whole`: a short body is one piece, however the network cut it.
 */
import { MAX_CHUNK } from '../../core/index.ts';

export interface Cutter {
  /** What can be written now that `bytes` have come; undefined when there is nothing yet. */
  take(bytes: Uint8Array): Uint8Array | undefined;
  /** What is left at the end, or when the body broke off. */
  rest(): Uint8Array | undefined;
  /** Memory that is kept until more comes, in bytes. */
  readonly held: number;
  /** The body is over and its last piece written: memory that was lent for it may be used again. */
  release(): void;
}

export const asArrived: Cutter = { take: (bytes) => bytes, rest: () => undefined, held: 0, release: () => undefined };

/** Memory in which short bodies are put together: made anew for each, it would be most of what is collected. */
const spare: Buffer[] = [];
const MAX_POOLED_BODIES = 16;
/** Shorter bodies get memory of their own length: reused memory is always a whole chunk. */
const POOL_FROM_BYTES = 8 * 1024;

/** One piece of a length known beforehand, of at most 64 KiB. */
export function fixedLength(length: number): Cutter {
  let memory: Buffer | undefined;
  let size = 0;
  const rest = () => {
    const piece = size === 0 ? undefined : memory?.subarray(0, size);
    size = 0;
    return piece;
  };
  return {
    take: (bytes) => {
      if (size === 0 && bytes.length >= length) return bytes;
      memory ??=
        length < POOL_FROM_BYTES ? Buffer.allocUnsafeSlow(length) : (spare.pop() ?? Buffer.allocUnsafeSlow(MAX_CHUNK));
      memory.set(bytes, size);
      size += bytes.length;
      return size < length ? undefined : rest();
    },
    rest,
    get held() {
      return memory?.length ?? 0;
    },
    release: () => {
      if (memory?.length === MAX_CHUNK && spare.length < MAX_POOLED_BODIES) spare.push(memory);
      memory = undefined;
    },
  };
}
