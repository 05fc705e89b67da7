/**
 * Finds out when a player will not go on by itself. One that has lost bytes may choke on the frame that the loss has cut,
 * or never find the next one, and of most formats it says nothing: its time stands still, while bytes go on coming.
 */

/** A player that fills its buffer again may stand still for less. */
const STANDSTILL_MS = 4000;

/** A failure after which the time goes on so often has not stopped the player yet. The first move may have been before it. */
const HARMLESS_MOVES = 2;

export interface PlayerState {
  /** Seconds. */
  time: number;
  /** By its user, or at its end. */
  isStopped: boolean;
  hasFailed: boolean;
  /** Grows with what the player has been given. */
  received: number;
}

export class Standstill {
  private time = 0;
  /** Whether its time has gone on at all. */
  hasPlayed = false;
  private movesAfterFailure = 0;
  /** When it last moved, and what it had been given by then. */
  private since: number;
  private received = 0;

  constructor(now: number) {
    this.since = now;
  }

  /** To be called a few times a second. True: it has played, and will not without being begun anew. */
  look({ hasFailed, isStopped, received, time }: PlayerState, now: number): boolean {
    if (isStopped || time !== this.time) {
      if (time > this.time) this.hasPlayed = true;
      if (time > this.time && hasFailed) this.movesAfterFailure += 1;
      this.time = time;
      this.since = now;
      this.received = received;
      return false;
    }
    if (!this.hasPlayed) return false;
    // What a player has decoded before it failed still plays; one that has no device for its sound fails, and goes on.
    if (hasFailed && this.movesAfterFailure < HARMLESS_MOVES) return true;
    return (hasFailed || received > this.received) && now - this.since >= STANDSTILL_MS;
  }
}
