/**
 * Decides when to wake the readers of a stream that is written to continuously.
 *
 * Sending to many readers takes a while, and one long send costs far less than several short ones. The next bytes of a
 * busy writer are often already on their way. Waiting for them for a small share of the send time coalesces several
 * sends into one, which is cheaper and adds hardly any delay. A stream that was idle, or that has few waiting readers,
 * is flushed without delay.
 */

/** The number of waiting readers from which reading the clock costs less than coalescing saves. */
export const COALESCE_FROM_READERS = 8;
/** The maximum delay: a share of the duration of the last flush, and an upper bound in milliseconds. */
const DELAY_SHARE = 1 / 8;
const MAX_DELAY_MS = 1;
/** Pending bytes at which a flush is not delayed: longer runs cost no less per byte. */
const ENOUGH_BYTES = 256 * 1024;

export class FlushCoalescer {
  /** The end and the duration of the last flush, in milliseconds. */
  private lastEnd = Number.NEGATIVE_INFINITY;
  private lastDuration = 0;
  /** The deadline of the current delay; 0 if there is none. */
  private waitUntil = 0;

  /** Whether to wait another turn of the event loop; `pending` bytes were appended since the last flush. */
  shouldWait(readers: number, pending: number): boolean {
    if (readers < COALESCE_FROM_READERS || pending >= ENOUGH_BYTES) return false;
    const now = performance.now();
    if (this.waitUntil === 0) {
      const delay = Math.min(this.lastDuration * DELAY_SHARE, MAX_DELAY_MS);
      if (now - this.lastEnd > this.lastDuration) return false;
      this.waitUntil = now + delay;
    }
    return now < this.waitUntil;
  }

  /** Flushes by calling `wake`, and measures how long it takes. */
  flush(readers: number, wake: () => void): void {
    this.waitUntil = 0;
    if (readers < COALESCE_FROM_READERS) {
      wake();
      return;
    }
    const began = performance.now();
    wake();
    this.lastEnd = performance.now();
    this.lastDuration = this.lastEnd - began;
  }
}
