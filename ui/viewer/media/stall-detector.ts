/**
 * Detects a player that will not continue by itself. After lost bytes a player may fail on the truncated frame, or
 * never find the next one, and for most formats it reports nothing: its time stops, while bytes continue to arrive.
 */

/** Longer than a player that refills its buffer stops. */
const STALL_MS = 4000;

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
}

export class StallDetector {
  private time = 0;
  /** Whether its time has ever advanced. */
  hasPlayed = false;
  private movesAfterFailure = 0;
  /** When its time last advanced, and how much data it had received by then. */
  private since: number;
  private received = 0;

  constructor(now: number) {
    this.since = now;
  }

  /** To be called a few times a second. True if it has played, and must be restarted to continue. */
  check({ hasFailed, isStopped, received, time }: PlayerState, now: number): boolean {
    if (isStopped || time !== this.time) {
      if (time > this.time) this.hasPlayed = true;
      if (time > this.time && hasFailed) this.movesAfterFailure += 1;
      this.time = time;
      this.since = now;
      this.received = received;
      return false;
    }
    if (!this.hasPlayed) return false;
    // A failed player still plays the data decoded before; one without an audio device reports a failure, but
    // continues.
    if (hasFailed && this.movesAfterFailure < HARMLESS_MOVES) return true;
    return (hasFailed || received > this.received) && now - this.since >= STALL_MS;
  }
}
