/** Consumes a Node stream as data arrives: counts it, hashes it and, on request, keeps it. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { waitFor } from '../../harness/wait.ts';

export class Tap {
  length = 0;
  isOver = false;
  /** Called for each piece. */
  onPiece: ((piece: Buffer) => void) | undefined;
  /** Called once for each complete line. */
  onLine: (() => void) | undefined;
  private readonly hash = createHash('sha256');
  private readonly pieces: Buffer[] = [];
  private readonly keep: boolean;

  constructor(source: Readable | null, keep: boolean) {
    this.keep = keep;
    source?.on('data', (piece: Buffer) => this.take(piece));
    source?.on('close', () => {
      this.isOver = true;
    });
    source?.on('error', () => undefined);
  }

  take(piece: Buffer): void {
    this.length += piece.length;
    this.hash.update(piece);
    if (this.keep) this.pieces.push(piece);
    this.onPiece?.(piece);
    if (this.onLine === undefined) return;
    for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) this.onLine();
  }

  /** All bytes received so far. */
  get bytes(): Buffer {
    const whole = Buffer.concat(this.pieces);
    this.pieces.splice(0, this.pieces.length, whole);
    return whole;
  }

  get text(): string {
    return this.bytes.toString();
  }

  /** The hash of everything received so far. */
  get sha256(): string {
    return this.hash.copy().digest('hex');
  }

  /** Waits until this many bytes have arrived. */
  async untilLength(length: number): Promise<void> {
    await waitFor(`${length} bytes, of which ${this.length} had come`, () => this.length >= length);
  }

  /** Waits until the text has arrived, and returns everything received so far. */
  async until(text: string | RegExp): Promise<string> {
    const has = () => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text));
    await waitFor(`${text} in the output`, () => has() || this.isOver);
    if (!has()) throw new Error(`the output ended without ${text}: ${this.text}`);
    return this.text;
  }
}
