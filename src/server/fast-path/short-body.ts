/** A body of up to 64 KiB, buffered until it is complete, because it is appended in one piece (contract 10). */
import { type Cutter, fixedLength } from '../ingest/cutter.ts';

export class ShortBody {
  /** Number of bytes still to come. */
  private left: number;
  private readonly length: number;
  private pieces: Cutter | undefined;
  /** The body, once it is complete. */
  piece: Uint8Array | undefined;

  constructor(length: number) {
    this.length = length;
    this.left = length;
  }

  /** Reads from `from`. Returns the position of the first unread byte. */
  take(bytes: Buffer, from: number): number {
    const end = Math.min(from + this.left, bytes.length);
    const part = bytes.subarray(from, end);
    this.left -= part.length;
    if (part.length === this.length) this.piece = part;
    else {
      this.pieces ??= fixedLength(this.length);
      this.piece = this.pieces.take(part);
    }
    return end;
  }

  /** Memory that is held until more bytes arrive, in bytes. */
  get held(): number {
    return this.pieces?.held ?? 0;
  }

  /** The received part of an incomplete body. */
  part(): Uint8Array | undefined {
    const part = this.pieces?.rest();
    return part === undefined ? undefined : Buffer.from(part);
  }

  /** Releases the memory. */
  release(): void {
    this.pieces?.release();
    this.pieces = undefined;
  }
}
