/** Writing an answer piece by piece: one at a time is on its way, and is charged for. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { SharedBuffers } from '../../core/index.ts';

/** Writes, and waits until there is room again or the peer has gone. */
export async function writePiece(to: Writable, bytes: Uint8Array): Promise<void> {
  if (to.write(bytes) || to.destroyed) return;
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race([once(to, 'drain', { signal }), once(to, 'close', { signal })]);
  waiting.abort();
}

/** The memory of the piece that is being sent. All of a file may be kept for one piece of it. */
export class HeldPiece {
  private readonly held: SharedBuffers;
  private piece: Uint8Array | undefined;

  constructor(held: SharedBuffers) {
    this.held = held;
  }

  /** Charges for a piece in place of the one before. @throws MEMORY_LIMIT, and then for neither */
  take(piece: Uint8Array): void {
    if (piece.buffer === this.piece?.buffer) return;
    // First, so that a piece as long as the one before always has room.
    this.release();
    this.held.hold(piece);
    this.piece = piece;
  }

  release(): void {
    if (this.piece !== undefined) this.held.release(this.piece);
    this.piece = undefined;
  }
}
