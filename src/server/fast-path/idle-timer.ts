/** Time since the awaited state last changed, sampled by the sweep. */
export class IdleTimer {
  private awaited = '';
  private since = 0;

  /** Milliseconds since `what` last changed, by the clock of `now`; 0 if it has just changed. */
  waitedFor(what: string, now: number): number {
    if (what !== this.awaited) {
      this.awaited = what;
      this.since = now;
    }
    return now - this.since;
  }
}
