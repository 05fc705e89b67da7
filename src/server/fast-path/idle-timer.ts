/** For how long one and the same thing has been waited for, seen at each look at the time. */
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
