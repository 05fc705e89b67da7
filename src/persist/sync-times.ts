/** A histogram of sync durations. */

/** Upper bounds of the buckets, in seconds. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export class SyncTimes {
  readonly bounds: readonly number[] = BOUNDS;
  readonly counts = new Float64Array(BOUNDS.length + 1);
  sum = 0;

  observe(seconds: number): void {
    const at = BOUNDS.findIndex((bound) => seconds <= bound);
    this.counts[at < 0 ? BOUNDS.length : at]! += 1;
    this.sum += seconds;
  }
}
