/** A body of up to 64 KiB, kept until it is whole: it is appended in one piece (contract 10). */
import { type Cutter, fixedLength } from '../ingest/cutter.ts';

export class ShortBody {
  /** Bytes that are still to come. */
  private left: number;
  private readonly length: number;
  private pieces: Cutter | undefined;
  /** The body, once it is whole. */
  piece: Uint8Array | undefined;

  constructor(length: number) {
    this.length = length;
    this.left = length;
  }

  /** Reads on from `from`, and gives where it has stopped. */
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

  /** Memory that is kept until more comes, in bytes. */
  get held(): number {
    return this.pieces?.held ?? 0;
  }

  /** What has come of a body that will not be whole. */
  part(): Uint8Array | undefined {
    const part = this.pieces?.rest();
    return part === undefined ? undefined : Buffer.from(part);
  }

  /** Its memory is not needed any more. */
  release(): void {
    this.pieces?.release();
    this.pieces = undefined;
  }
}
