/**
 * When to wake the readers of a stream that is being written to all the time.
 *
 * Sending to many readers takes a while, and one long send costs far less than several short ones. A writer that has
 * just been read from often has the next bytes on their way already: to wait for them a small share of the time that
 * sending takes makes what is sent several times longer, and so cheaper, for hardly any delay. A stream that was idle,
 * or that few readers wait for, is never made to wait.
 */

/** Number of readers from which reading the clock costs less than it saves. */
export const COALESCE_FROM_READERS = 8;
/** The share of the last round of sending that may be waited, and the most, in milliseconds. */
const SHARE = 1 / 8;
const MAX_DELAY_MS = 1;
/** Bytes that are enough to send: longer runs cost no less per byte. */
const ENOUGH = 256 * 1024;

export class FlushCoalescer {
  /** When the last round ended, and how long it took, in milliseconds. */
  private last = Number.NEGATIVE_INFINITY;
  private took = 0;
  /** Until when this round waits; 0 where none does. */
  private until = 0;

  /** Whether to wait another turn of the event loop: `pending` bytes have come since the last round. */
  waits(readers: number, pending: number): boolean {
    if (readers < COALESCE_FROM_READERS || pending >= ENOUGH) return false;
    const now = performance.now();
    if (this.until === 0) {
      const patience = Math.min(this.took * SHARE, MAX_DELAY_MS);
      if (now - this.last > this.took) return false;
      this.until = now + patience;
    }
    return now < this.until;
  }

  /** One round: `wake` wakes them all. */
  round(readers: number, wake: () => void): void {
    this.until = 0;
    if (readers < COALESCE_FROM_READERS) {
      wake();
      return;
    }
    const began = performance.now();
    wake();
    this.last = performance.now();
    this.took = this.last - began;
  }
}
