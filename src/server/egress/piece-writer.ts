/** Writes a response in pieces: one is in flight at a time, and its memory is charged. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { SharedBuffers } from '../../core/index.ts';

/** Writes, then waits until the socket has room again or has closed. */
export async function writePiece(to: Writable, bytes: Uint8Array): Promise<void> {
  if (to.write(bytes) || to.destroyed) return;
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race([once(to, 'drain', { signal }), once(to, 'close', { signal })]);
  waiting.abort();
}

/** Charges for the piece being sent, because a single piece may keep the memory of a whole file alive. */
export class ChargedPiece {
  private readonly buffers: SharedBuffers;
  private piece: Uint8Array | undefined;

  constructor(buffers: SharedBuffers) {
    this.buffers = buffers;
  }

  /** Charges for a piece instead of the previous one. @throws MEMORY_LIMIT, after which neither is charged */
  take(piece: Uint8Array): void {
    if (piece.buffer === this.piece?.buffer) return;
    // Released first, so that a piece no longer than the previous one always has room.
    this.release();
    this.buffers.hold(piece);
    this.piece = piece;
  }

  release(): void {
    if (this.piece !== undefined) this.buffers.release(this.piece);
    this.piece = undefined;
  }
}
