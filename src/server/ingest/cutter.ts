/**
 * Cuts a request body into pieces, the units that are never interleaved with those of another writer (contract 10).
 *
 *  - `asArrived`: each piece is what one read of the socket returned;
 *  - `fixedLength`: a short body is one piece, however the network split it.
 */
import { MAX_CHUNK } from '../../core/index.ts';

export interface Cutter {
  /** The bytes to write now that `bytes` have arrived; undefined if there are none yet. */
  take(bytes: Uint8Array): Uint8Array | undefined;
  /** The remaining bytes at the end, or when the body broke off. */
  rest(): Uint8Array | undefined;
  /** Memory that is held until more bytes arrive, in bytes. */
  readonly held: number;
  /** The body is over and its last piece written: its memory may be reused. */
  release(): void;
}

export const asArrived: Cutter = { take: (bytes) => bytes, rest: () => undefined, held: 0, release: () => undefined };

/** Pooled memory in which short bodies are assembled: allocated for each body, it would be most of the garbage. */
const spare: Buffer[] = [];
const MAX_POOLED_BODIES = 16;
/** Shorter bodies get memory of exactly their length: pooled memory always has the size of a chunk. */
const POOL_FROM_BYTES = 8 * 1024;

/** One piece of a known length, at most 64 KiB. */
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
