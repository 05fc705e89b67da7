/** A body on its way into a stream: each piece is appended as it comes. */
import type { Stream } from '../../core/index.ts';
import type { FileWriter } from '../../fs/index.ts';

export class StreamWriter implements FileWriter {
  written = 0;
  endOffset: number;
  readonly generation: string;
  onStop: ((error: Error) => void) | undefined;
  protected readonly stream: Stream;
  private release: (() => void) | undefined;

  /** @param release called once, when the writer is done */
  constructor(stream: Stream, release: () => void) {
    this.stream = stream;
    this.generation = stream.generation;
    this.endOffset = stream.endOffset;
    this.release = release;
  }

  write(piece: Uint8Array): void | Promise<void> {
    const { length } = piece;
    const waiting = writePiece(this.stream, piece);
    if (waiting !== undefined) return waiting.then(() => this.took(length));
    this.took(length);
    return undefined;
  }

  protected took(length: number): void {
    this.written += length;
    this.endOffset = this.stream.endOffset;
  }

  async close({ end = false }: { end?: boolean } = {}): Promise<void> {
    if (this.release !== undefined && end) this.stream.end();
    this.done();
  }

  /** What has come stays (contract 72). */
  async abort(): Promise<void> {
    this.done();
  }

  private done(): void {
    this.release?.();
    this.release = undefined;
  }
}

/** Writes a piece whose memory its owner may use again at once (contract 2): one that has to wait is copied first. */
// Not by `slice`: that of a Buffer is no copy.
export function writePiece(stream: Stream, piece: Uint8Array): void | Promise<void> {
  return stream.write(stream.takesAtOnce(piece.length) ? piece : new Uint8Array(piece));
}
