import type { Durability } from '../protocol/words.ts';
import type { History } from './history.ts';

/**
 * The log of a stream: stores its bytes elsewhere, such as on disk. Append decides the order, and the log follows.
 *
 *     floor of the ring        saved   readable            end
 *        ▼                       ▼        ▼                 ▼
 *     ───┼───────────────────────┼────────┼─────────────────┤
 *         may leave the ring      stays    hidden from readers
 *
 * A stream without a log pays one comparison for each append, and nothing for each delivered run.
 */
export interface StreamLog {
  /** The part of the stream that can be read back from the log. */
  readonly history: History;
  /** The durability that {@link whenSaved} guarantees. */
  readonly durability: Durability;
  /**
   * The end of the bytes that readers may receive. Later bytes might still be lost in a crash, after which their
   * offsets would refer to other bytes.
   */
  readonly readable: number;
  /** Whether readers may see the end of the stream, because it would survive a crash. */
  readonly isEndReadable: boolean;
  /** The ring may evict bytes below this offset. */
  readonly saved: number;
  /**
   * False while the backlog exceeds its limit: writers then wait with {@link whenRoom}. True also if waiting is
   * pointless.
   */
  readonly hasRoom: boolean;
  /** Whether `length` more bytes may be appended now. */
  acceptsNow(length: number): boolean;
  /** @throws if the log cannot be written, so nothing may be appended */
  requireWritable(): void;
  /**
   * @throws as {@link requireWritable}, and if the backlog has no room for `length` bytes of a writer that does not
   * wait
   */
  requireRoom(length: number): void;
  /** Called for each append and for the end of the stream. */
  changed(): void;
  /** Calls `wake` once, when the backlog may have room. */
  whenRoom(wake: () => void): void;
  /** Settles when all changes so far have the configured durability; undefined if they already have. */
  whenSaved(): Promise<void> | undefined;
}
