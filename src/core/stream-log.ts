import type { Durability } from '../protocol/words.ts';
import type { History } from './history.ts';

/**
 * What follows a stream and keeps it elsewhere, such as on disk. Order stays decided by the append; a log comes behind.
 *
 *     floor of the ring        saved   readable            end
 *        ▼                       ▼        ▼                 ▼
 *     ───┼───────────────────────┼────────┼─────────────────┤
 *         may leave the ring      stays    not told to readers
 *
 * A stream without a log pays one comparison for each append, and nothing for each delivered run.
 */
export interface StreamLog {
  /** What it can give back. */
  readonly history: History;
  /** What {@link whenSaved} promises. */
  readonly durability: Durability;
  /**
   * Up to where readers may be given bytes. What is behind might still be lost in a crash, and its offsets then mean
   * other bytes.
   */
  readonly readable: number;
  /** Whether readers may see that the stream has ended: the end would survive a crash. */
  readonly isEndReadable: boolean;
  /** The ring may evict bytes below this offset. */
  readonly saved: number;
  /** False while more waits to be saved than may: writers wait, until {@link whenRoom}. True where waiting is no use. */
  readonly hasRoom: boolean;
  /** Whether `length` more bytes may be appended now. */
  takesAtOnce(length: number): boolean;
  /** @throws where nothing can be saved, so that nothing must be appended */
  requireWritable(): void;
  /** @throws the same, and where `length` more bytes are too many for a writer that does not wait */
  requireRoom(length: number): void;
  /** Something was appended, or the stream has ended: once for each time. */
  changed(): void;
  /** Calls `wake` once, when there may be room. */
  whenRoom(wake: () => void): void;
  /** Settles when all that has changed until now is as safe as was asked for; undefined where it is already. */
  whenSaved(): Promise<void> | undefined;
}
