/**
 * Detects a player that will not continue by itself. After lost bytes a player may fail on the truncated frame, or
 * never find the next one, and for most formats it reports nothing: its time stops, while bytes continue to arrive. A
 * connection may also be cut without an error: then bytes are written, and none arrive.
 */

/** Longer than a player that refills its buffer stops. */
const STALL_MS = 4000;

/** A player whose time has not advanced for this long may have lost its connection. */
const SUSPICIOUS_MS = 1500;

/** A failed player whose time advances this often continues to play. Its first advance may precede the failure. */
const HARMLESS_MOVES = 2;

export interface PlayerState {
  /** Seconds. */
  time: number;
  /** Paused by its user, or at its end. */
  isStopped: boolean;
  hasFailed: boolean;
  /** Grows with the data that the player has received. */
  received: number;
  /** The end offset of the stream, requested while the time did not advance; undefined if unknown. */
  written?: number | undefined;
}

export class StallDetector {
  private time = 0;
  /** Whether its time has ever advanced. */
  hasPlayed = false;
  private movesAfterFailure = 0;
  /** When its time last advanced, and how much data it had received by then. */
  private since: number;
  private received = 0;
  private written: number | undefined;

  constructor(now: number) {
    this.since = now;
  }

  /** To be called a few times a second. True if it has played, and must be restarted to continue. */
  check({ hasFailed, isStopped, received, time, written }: PlayerState, now: number): boolean {
    if (isStopped || time !== this.time) {
      if (time > this.time) this.hasPlayed = true;
      if (time > this.time && hasFailed) this.movesAfterFailure += 1;
      this.time = time;
      this.since = now;
      this.received = received;
      this.written = undefined;
      return false;
    }
    if (!this.hasPlayed) return false;
    // A failed player still plays the data decoded before; one without an audio device reports a failure, but
    // continues.
    if (hasFailed && this.movesAfterFailure < HARMLESS_MOVES) return true;
    // Bytes that are written but do not arrive: the connection is cut, and neither side has noticed.
    this.written ??= written;
    const isMore = received > this.received || (written ?? 0) > (this.written ?? 0);
    return (hasFailed || isMore) && now - this.since >= STALL_MS;
  }

  /** Whether it has played, and its time has not advanced for a while. */
  isSuspicious(now: number): boolean {
    return this.hasPlayed && now - this.since >= SUSPICIOUS_MS;
  }
}
