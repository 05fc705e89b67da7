import type { Durability } from '../protocol/index.ts';

/**
 * A place to append at, for many small appends. It holds nothing and needs no closing: unlike a
 * `FileWriter` it keeps no stream from expiring, and may be left at any time.
 */
export interface Appender {
  /**
   * Appends one piece, as `FileWriter.write` does.
   *
   * @throws STREAM_CLOSED, STREAM_FULL; nothing is written then
   */
  append(piece: Uint8Array): void | Promise<void>;
  /** The stream's end offset now. */
  readonly endOffset: number;
  readonly generation: string;
  /** Of a stream that is kept on disk: what it means that an append is done. */
  readonly durability?: Durability | undefined;
  /** Nothing more can be appended here, but perhaps at the same path: another has to be asked for. */
  readonly isOver: boolean;
}
