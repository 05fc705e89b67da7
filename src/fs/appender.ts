import type { Durability } from '../protocol/index.ts';

/**
 * An open append position, for many small appends. It holds no resources and needs no closing: unlike a `FileWriter` it
 * does not keep a stream from expiring.
 */
export interface Appender {
  /**
   * Appends one piece, as `FileWriter.write` does. If it throws, nothing was written.
   *
   * @returns undefined once the append is complete, at {@link endOffset}; a promise of the end offset after the piece if
   * the append has to wait
   * @throws STREAM_CLOSED, STREAM_FULL
   */
  append(piece: Uint8Array): Promise<number> | undefined;
  /**
   * Whether the last append already has its place in the stream, even if it is not complete: the next may begin then,
   * and is placed after it. Absent: a caller that keeps an order must wait for each append.
   */
  readonly isPlaced?: boolean;
  /** The current end offset of the stream. */
  readonly endOffset: number;
  readonly generation: string;
  /** Streams kept on disk only: the durability that a completed append guarantees. */
  readonly durability?: Durability | undefined;
  /** True once this appender can no longer append. The path may have a new stream: open another appender. */
  readonly isOver: boolean;
}
