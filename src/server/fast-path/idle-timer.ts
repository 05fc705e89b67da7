/** Time since the awaited state last changed, sampled by the sweep. */
export class IdleTimer {
  private awaited = '';
  private since = 0;

  /** Milliseconds, by the clock that `now` is of; 0 where it is something new. */
  waitedFor(what: string, now: number): number {
    if (what !== this.awaited) {
      this.awaited = what;
      this.since = now;
    }
    return now - this.since;
  }
}
