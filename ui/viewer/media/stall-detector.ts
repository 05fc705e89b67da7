/**
 * Detects a player that will not continue by itself. After lost bytes a player may fail on the truncated frame, or
 * never find the next one, and for most formats it reports nothing: its time stops, while bytes continue to arrive. On
 * a half-open connection nothing is reported either: bytes are written to the stream, and none arrive.
 */

/** Longer than a player that refills its buffer stops. */
const STALL_MS = 4000;

/** A player whose time has not advanced for this long may have lost its connection. */
const SUSPICIOUS_MS = 1500;

/** A player that has received nothing for this long gets nothing at the moment. Players report arrivals more often. */
const SILENCE_MS = 3000;

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
  /**
   * The end offset of the stream, requested while the player was suspicious and since it last received data; undefined
   * if unknown.
   */
  written?: number | undefined;
}

/** `stalled`: bytes arrive, but are not played. `silent`: bytes are written, but do not arrive. */
export type Stall = 'stalled' | 'silent';

export class StallDetector {
  private time = 0;
  /** Whether its time has ever advanced. */
  hasPlayed = false;
  private movesAfterFailure = 0;
  /** When its time last advanced, and how much data it had received by then. */
  private since: number;
  private receivedBefore = 0;
  private received = 0;
  private receivedAt: number;
  private written: number | undefined;
  private readonly firstBytesMs: number;

  /**
   * @param firstBytesMs how long a player that has never played may receive nothing while bytes are written: a new
   *   read waits for the next join point
   */
  constructor(now: number, firstBytesMs: number) {
    this.since = now;
    this.receivedAt = now;
    this.firstBytesMs = firstBytesMs;
  }

  /** To be called a few times a second. Returns a value if the player must be restarted to continue. */
  check({ hasFailed, isStopped, received, time, written }: PlayerState, now: number): Stall | undefined {
    if (received !== this.received) {
      this.received = received;
      this.receivedAt = now;
      this.written = undefined;
    }
    if (isStopped || time !== this.time) {
      if (time > this.time) this.hasPlayed = true;
      if (time > this.time && hasFailed) this.movesAfterFailure += 1;
      this.time = time;
      this.since = now;
      this.receivedBefore = received;
      this.written = undefined;
      return undefined;
    }
    this.written ??= written;
    const isSilent = (written ?? 0) > (this.written ?? 0) && now - this.receivedAt >= SILENCE_MS;
    if (!this.hasPlayed) return isSilent && this.waited(now) >= this.firstBytesMs ? 'silent' : undefined;
    // A failed player still plays the data decoded before; one without an audio device reports a failure, but
    // continues.
    if (hasFailed && this.movesAfterFailure < HARMLESS_MOVES) return 'stalled';
    if (now - this.since < STALL_MS) return undefined;
    if (isSilent) return 'silent';
    return hasFailed || received > this.receivedBefore ? 'stalled' : undefined;
  }

  /** Whether it should be playing, and has neither played nor, if it has never played, received anything for a while. */
  isSuspicious(now: number): boolean {
    if (this.hasPlayed) return now - this.since >= SUSPICIOUS_MS;
    return this.waited(now) >= this.firstBytesMs / 2;
  }

  /** Milliseconds since it last received data, or was paused. */
  private waited(now: number): number {
    return now - Math.max(this.since, this.receivedAt);
  }
}
