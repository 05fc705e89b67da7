import type { Durability } from '../protocol/index.ts';

/**
 * An open append position, for many small appends. It holds no resources and needs no closing: unlike a `FileWriter` it
 * does not keep a stream from expiring.
 */
export interface Appender {
  /**
   * Appends one piece, as `FileWriter.write` does. If it throws, nothing was written.
   *
   * @throws STREAM_CLOSED, STREAM_FULL
   */
  append(piece: Uint8Array): void | Promise<void>;
  /** The current end offset of the stream. */
  readonly endOffset: number;
  readonly generation: string;
  /** Streams kept on disk only: the durability that a completed append guarantees. */
  readonly durability?: Durability | undefined;
  /** True once this appender can no longer append. The path may have a new stream: open another appender. */
  readonly isOver: boolean;
}
