/**
 * Streams expire: those of a mount with `idle_timeout` when they were not written to for that long; those with a `ttl`
 * when they were neither written to nor read for that long; those with an absolute time at that time. An open request
 * body counts as writing, since a live source may be quiet for days. Reading renews only a `ttl` of the stream's own: a
 * mount's `idle_timeout` also ends streams that readers would wait for in vain.
 *
 * Expiry is checked in two places. Each lookup of a path checks, so an expired stream is never returned. And one timer for
 * all streams of a mount checks what has changed since its last run, releases memory and ends readers, at most a quarter
 * of the time late. Idle times use a monotonic clock, so setting the system clock expires nothing; an absolute
 * time is compared with the system clock.
 *
 * Of a stream that is kept on disk, time goes on while the server is down. The log knows when it was last written to, and
 * is told of what else kept it. A steady clock tells nothing over a restart: by a system clock that has been set back
 * meanwhile a stream gets all of its time again, and never more.
 */

import type { Stream } from '../../core/index.ts';
import type { Clock, PluginLogger, StreamSettingsInForce } from '../../fs/index.ts';
import { LogThrottle } from '../../logging/index.ts';
import type { Deadline, Entry } from './entry.ts';
import { inSlices } from './slices.ts';

/** The timer goes off at most this often and at least this often, in milliseconds. */
const MIN_SWEEP_MS = 50;
const MAX_SWEEP_MS = 60_000;

/** How exactly the log knows when a stream was last in use: less is not worth a record. */
const KNOWN_WITHIN_MS = 100;
/** The log is told of a stream that stays in use at most this often. */
const MIN_TOLD_MS = 1000;

export class Expiry {
  /** Of the mount, in milliseconds; 0: none. */
  private readonly idleTimeout: number;
  private readonly clock: Clock;
  private readonly expire: (entry: Entry) => void;
  /** Those that may expire. */
  private readonly watched = new Set<Entry>();
  /** Thousands may go at the same time: a line a second tells of the last, and of how many. */
  private readonly log: LogThrottle<Stream>;
  private cancel: (() => void) | undefined;
  /** When the timer is to go off. */
  private wakesAt = Number.POSITIVE_INFINITY;
  private isSweeping = false;
  private isStopped = false;
  /** By the clock that never leaps; what a system clock that is set makes due earlier is found by the timer. */
  private noneDueBefore = Number.NEGATIVE_INFINITY;

  constructor(idleTimeout: number, clock: Clock, logger: PluginLogger, expire: (entry: Entry) => void) {
    this.idleTimeout = idleTimeout;
    this.clock = clock;
    this.expire = expire;
    this.log = new LogThrottle((count, { name, readerCount, totalWritten }) => {
      const more = count > 1 ? { count } : {};
      logger.info('stream expired', { stream: name, readers: readerCount, totalWritten, ...more });
    });
  }

  /**
   * A stream has come, or has got other settings.
   *
   * @param usedAt when it was last in use, by the system clock; default: now
   */
  watch(entry: Entry, { ttl, expiresAt }: StreamSettingsInForce, usedAt = this.clock.timeOfDay()): void {
    const timeout = ttl ?? this.idleTimeout;
    if (timeout === 0 && expiresAt === undefined) {
      this.unwatch(entry);
      return;
    }
    const { endOffset, modifiedAt } = entry.stream;
    const [now, today] = [this.clock.now(), this.clock.timeOfDay()];
    const idle = Math.max(0, today - usedAt);
    const at = expiresAt ?? Number.POSITIVE_INFINITY;
    entry.deadline = {
      timeout,
      countsReaders: ttl !== undefined,
      expiresAt: at,
      activeAt: now - idle,
      endOffset,
      modifiedAt,
      lead: today - now,
    };
    this.watched.add(entry);
    const left = Math.min(timeout === 0 ? at : timeout - idle, at - today);
    this.noneDueBefore = Math.min(this.noneDueBefore, now + left);
    this.schedule(this.delay(entry.deadline));
  }

  /** Whether a stream is over that was last in use at a time of the system clock. */
  isOver({ ttl, expiresAt }: StreamSettingsInForce, usedAt: number): boolean {
    const timeout = ttl ?? this.idleTimeout;
    const today = this.clock.timeOfDay();
    return (timeout > 0 && today - usedAt >= timeout) || (expiresAt !== undefined && today >= expiresAt);
  }

  /** A stream has gone. */
  unwatch(entry: Entry): void {
    entry.deadline = undefined;
    this.watched.delete(entry);
    if (this.watched.size === 0) this.unschedule();
  }

  /** Something happened that is not seen of the stream itself: its idle time begins anew. */
  renew({ deadline }: Entry): void {
    if (deadline !== undefined) deadline.activeAt = this.clock.now();
  }

  /** The same for a read, which renews only a `ttl`. */
  wasRead(entry: Entry): void {
    if (entry.deadline?.countsReaders === true) this.renew(entry);
  }

  /** The server stops: the log of a stream is told when it was last in use. */
  tellUse(entry: Entry): void {
    const { activeAt, deadline, log, stream } = entry;
    if (log === undefined || deadline === undefined || deadline.timeout === 0) return;
    const now = this.clock.now();
    this.left(entry, deadline, now);
    const usedAt = Math.max(stream.modifiedAt, this.usedAt(deadline, now));
    const isKnown = Math.abs(Math.max(stream.modifiedAt, activeAt) - usedAt) < KNOWN_WITHIN_MS;
    if (!isKnown) this.tell(entry, usedAt);
  }

  /**
   * The same between two runs of the timer. Of a stream that stays in use it is told ahead: after a kill it may be there up
   * to a quarter of its time longer, and never shorter.
   */
  private keepUse(entry: Entry, deadline: Deadline, now: number): void {
    const { activeAt, log, stream } = entry;
    if (log === undefined || deadline.timeout === 0) return;
    const usedAt = this.usedAt(deadline, now);
    const isInUse = isBusy(entry, deadline);
    const nextLook = isInUse ? this.delay(deadline) : 0;
    if (usedAt + nextLook - Math.max(stream.modifiedAt, activeAt) < KNOWN_WITHIN_MS) return;
    this.tell(entry, isInUse ? usedAt + Math.max(MIN_TOLD_MS, deadline.timeout / 4) : usedAt);
  }

  /** When a stream was last in use, by the system clock. */
  private usedAt({ activeAt }: Deadline, now: number): number {
    return this.clock.timeOfDay() - (now - activeAt);
  }

  private tell(entry: Entry, usedAt: number): void {
    entry.activeAt = Math.round(usedAt);
    entry.log?.factsChanged();
  }

  /** Expires a stream that is due, before it is used. Gives whether it was due. */
  expireIfDue(entry: Entry): boolean {
    if (entry.deadline === undefined || this.left(entry, entry.deadline, this.clock.now()) > 0) return false;
    this.expire(entry);
    this.log.add(entry.stream);
    return true;
  }

  /** The same for all there are, unless it is known that none can be due yet. */
  expireAllDue(): void {
    const now = this.clock.now();
    if (now < this.noneDueBefore) return;
    let least = Number.POSITIVE_INFINITY;
    for (const entry of this.watched) {
      if (!this.expireIfDue(entry)) least = Math.min(least, this.left(entry, entry.deadline!, now));
    }
    this.noneDueBefore = now + least;
  }

  stop(): void {
    this.isStopped = true;
    this.unschedule();
    this.log.flush();
  }

  private schedule(delay: number): void {
    const at = this.clock.now() + delay;
    if (at >= this.wakesAt) return;
    this.unschedule();
    this.wakesAt = at;
    this.cancel = this.clock.schedule(() => this.sweep(), delay);
  }

  private unschedule(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.wakesAt = Number.POSITIVE_INFINITY;
  }

  private sweep(): void {
    this.unschedule();
    if (this.isSweeping) return;
    this.isSweeping = true;
    let next = Number.POSITIVE_INFINITY;
    const rest = inSlices(this.watched, (entry) => {
      if (this.expireIfDue(entry)) return;
      const deadline = entry.deadline!;
      this.keepUse(entry, deadline, this.clock.now());
      next = Math.min(next, this.delay(deadline));
    });
    const finish = () => {
      this.isSweeping = false;
      if (next < Number.POSITIVE_INFINITY && !this.isStopped) this.schedule(next);
    };
    if (rest === undefined) finish();
    else void rest.then(finish);
  }

  /** After how long to look at a stream again. */
  private delay({ timeout, expiresAt }: Deadline): number {
    const idle = timeout === 0 ? Number.POSITIVE_INFINITY : timeout / 4;
    return Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, Math.min(idle, expiresAt - this.clock.timeOfDay())));
  }

  /** Milliseconds until a stream is over; 0 or less: it is. */
  private left(entry: Entry, deadline: Deadline, now: number): number {
    const today = this.clock.timeOfDay();
    const { endOffset, modifiedAt } = entry.stream;
    const lead = today - now;
    if (isBusy(entry, deadline)) deadline.activeAt = now;
    else if (endOffset !== deadline.endOffset || modifiedAt !== deadline.modifiedAt) {
      // Since the last look, and not later than now. Where the system clock has been set meanwhile it is not known which of
      // the two times it was by: the later one expires nothing too early.
      const writtenAt = modifiedAt - Math.min(lead, deadline.lead);
      deadline.activeAt = Math.min(now, Math.max(deadline.activeAt, writtenAt));
    }
    deadline.endOffset = endOffset;
    deadline.modifiedAt = modifiedAt;
    deadline.lead = lead;
    const idleLeft = deadline.timeout === 0 ? Number.POSITIVE_INFINITY : deadline.activeAt + deadline.timeout - now;
    return Math.min(idleLeft, deadline.expiresAt - today);
  }
}

/** Whether it is in use right now. */
function isBusy({ stream, writers }: Entry, { countsReaders }: Deadline): boolean {
  return writers.size > 0 || (countsReaders && stream.readerCount > 0);
}
