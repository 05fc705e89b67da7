/** Assembles bytes from several slabs, either of the ring or held for a single reader. */
import type { Slab } from './slab.ts';
import type { BorrowedRun } from './types.ts';

type Locate = (offset: number) => Slab;

/** The bytes between two offsets, in the slabs that `locate` finds. Valid until the next append. */
export function makeRun(from: number, to: number, locate: Locate): BorrowedRun {
  const parts: Uint8Array[] = [];
  for (let at = from; at < to; ) {
    const slab = locate(at);
    const end = Math.min(slab.end, to);
    parts.push(slab.borrow(at, end));
    at = end;
  }
  return { type: 'run', offset: from, length: to - from, parts };
}

/** Keeps bytes unchanged until they are released. */
export class Pin {
  private readonly slabs: Slab[] = [];

  constructor(from: number, to: number, locate: Locate) {
    for (let at = from; at < to; ) {
      const slab = locate(at);
      slab.pin();
      this.slabs.push(slab);
      at = slab.end;
    }
  }

  /** Must be called exactly once. */
  release(): void {
    for (const slab of this.slabs) slab.unpin();
  }
}

/** The rest of the chunk that contains `from`, up to `readable`: a view, or a copy if the chunk spans slabs. */
export function chunkAt(from: number, readable: number, locate: Locate): Uint8Array {
  let slab = locate(from);
  let end = chunkEndIn(slab, from, readable);
  // Most chunks lie in one slab.
  if (end > 0) return slab.retain(from, end);
  const parts = [slab.retain(from, slab.end)];
  while (end < 0) {
    const at = slab.end;
    slab = locate(at);
    end = chunkEndIn(slab, at, readable);
    parts.push(slab.retain(at, end > 0 ? end : slab.end));
  }
  return Buffer.concat(parts);
}

/** The end of the readable part of the chunk at `at` if it is in this slab; else -1. */
function chunkEndIn(slab: Slab, at: number, readable: number): number {
  const chunkEnd = slab.chunkEnd(at);
  if (chunkEnd > 0) return Math.min(chunkEnd, readable);
  return slab.end >= readable ? readable : -1;
}
