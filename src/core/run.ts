/** Puts together what lies in several slabs, wherever those are: in the ring, or held for a reader alone. */
import type { Slab } from './slab.ts';
import type { BorrowedRun } from './types.ts';

type Locate = (offset: number) => Slab;

/** The bytes between two offsets, wherever `locate` finds them; good until the next append. */
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

/** Bytes that stay as they are until they are released. */
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

  /** Once. */
  release(): void {
    for (const slab of this.slabs) slab.unpin();
  }
}

/** The rest of the chunk that holds `from`, up to `readable`: a view, or a copy where it lies across slabs. */
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

/** Where what can be read of the chunk at `at` ends, if that is in this slab; else -1. */
function chunkEndIn(slab: Slab, at: number, readable: number): number {
  const chunkEnd = slab.chunkEnd(at);
  if (chunkEnd > 0) return Math.min(chunkEnd, readable);
  return slab.end >= readable ? readable : -1;
}
