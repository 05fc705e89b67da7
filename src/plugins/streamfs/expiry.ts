/**
 * Expiry of streams. A stream expires after the mount's `idle_timeout` without a write, after its own `ttl` without a
 * write or read, or at its absolute expiry time. An open request body counts as writing, since a live source may be
 * quiet for days. Reading renews only a stream's own `ttl`: a mount's `idle_timeout` also ends streams whose readers
 * would wait in vain.
 *
 * Expiry is checked in two places. Each lookup of a path checks, so an expired stream is never returned. And one timer
 * for all streams of a mount checks what has changed since its last run, releases memory and ends readers, at most a
 * quarter of the time late. Idle times use a monotonic clock, so setting the system clock expires nothing; an absolute
 * time is compared with the system clock.
 *
 * For a persistent stream, time also passes while the server is down. The log contains the time of the last write, and
 * other activity is saved there. A monotonic clock does not survive a restart: if the system clock has been set back in
 * the meantime, a stream gets its full time again, but never more.
 */

import type { Stream } from '../../core/index.ts';
import type { Clock, PluginLogger, StreamSettingsInForce } from '../../fs/index.ts';
import { LogThrottle } from '../../logging/index.ts';
import type { Deadline, Entry } from './entry.ts';
import { inSlices } from './slices.ts';

/** Bounds of the timer's period, in milliseconds. */
const MIN_SWEEP_MS = 50;
const MAX_SWEEP_MS = 60_000;

/** Differences below this between the actual and the saved time of last use are not worth a record. */
const USE_PRECISION_MS = 100;
/** Minimum interval between two records for a stream in continuous use. */
const MIN_SAVE_INTERVAL_MS = 1000;

export class Expiry {
  /** The mount's idle timeout in milliseconds; 0 for none. */
  private readonly idleTimeout: number;
  private readonly clock: Clock;
  private readonly expire: (entry: Entry) => void;
  /** Streams that may expire. */
  private readonly watched = new Set<Entry>();
  /** Thousands of streams may expire at once: at most one message per second, with the last stream and the count. */
  private readonly log: LogThrottle<Stream>;
  private cancel: (() => void) | undefined;
  /** When the timer is due. */
  private wakesAt = Number.POSITIVE_INFINITY;
  private isSweeping = false;
  private isStopped = false;
  /** By the monotonic clock. Setting the system clock may make a stream due earlier; the timer finds it. */
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
   * Begins watching a new stream, or one with changed settings.
   *
   * @param usedAt the time of last use by the system clock; default: now
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

  /** Whether a stream last used at a time of the system clock has expired. */
  isOver({ ttl, expiresAt }: StreamSettingsInForce, usedAt: number): boolean {
    const timeout = ttl ?? this.idleTimeout;
    const today = this.clock.timeOfDay();
    return (timeout > 0 && today - usedAt >= timeout) || (expiresAt !== undefined && today >= expiresAt);
  }

  /** Called when a stream is gone. */
  unwatch(entry: Entry): void {
    entry.deadline = undefined;
    this.watched.delete(entry);
    if (this.watched.size === 0) this.unschedule();
  }

  /** Restarts the idle time after activity that does not change the stream itself. */
  renew({ deadline }: Entry): void {
    if (deadline !== undefined) deadline.activeAt = this.clock.now();
  }

  /** Restarts the idle time after a read, which renews only a `ttl`. */
  wasRead(entry: Entry): void {
    if (entry.deadline?.countsReaders === true) this.renew(entry);
  }

  /** Saves the time of last use in the log of a stream, at shutdown. */
  saveUse(entry: Entry): void {
    const { activeAt, deadline, log, stream } = entry;
    if (log === undefined || deadline === undefined || deadline.timeout === 0) return;
    const now = this.clock.now();
    this.left(entry, deadline, now);
    const usedAt = Math.max(stream.modifiedAt, this.usedAt(deadline, now));
    const isKnown = Math.abs(Math.max(stream.modifiedAt, activeAt) - usedAt) < USE_PRECISION_MS;
    if (!isKnown) this.recordUse(entry, usedAt);
  }

  /**
   * Saves the time of last use between two runs of the timer. For a stream in continuous use a future time is saved:
   * after a crash it may live up to a quarter of its time longer, but never shorter.
   */
  private saveUseAhead(entry: Entry, deadline: Deadline, now: number): void {
    const { activeAt, log, stream } = entry;
    if (log === undefined || deadline.timeout === 0) return;
    const usedAt = this.usedAt(deadline, now);
    const isInUse = isBusy(entry, deadline);
    const nextLook = isInUse ? this.delay(deadline) : 0;
    if (usedAt + nextLook - Math.max(stream.modifiedAt, activeAt) < USE_PRECISION_MS) return;
    this.recordUse(entry, isInUse ? usedAt + Math.max(MIN_SAVE_INTERVAL_MS, deadline.timeout / 4) : usedAt);
  }

  /** The time of last use, by the system clock. */
  private usedAt({ activeAt }: Deadline, now: number): number {
    return this.clock.timeOfDay() - (now - activeAt);
  }

  private recordUse(entry: Entry, usedAt: number): void {
    entry.activeAt = Math.round(usedAt);
    entry.log?.factsChanged();
  }

  /** Expires a stream if it is due. Returns whether it was. */
  expireIfDue(entry: Entry): boolean {
    if (entry.deadline === undefined || this.left(entry, entry.deadline, this.clock.now()) > 0) return false;
    this.expire(entry);
    this.log.add(entry.stream);
    return true;
  }

  /** Expires all streams that are due, unless it is known that none can be due yet. */
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
      this.saveUseAhead(entry, deadline, this.clock.now());
      next = Math.min(next, this.delay(deadline));
    });
    const finish = () => {
      this.isSweeping = false;
      if (next < Number.POSITIVE_INFINITY && !this.isStopped) this.schedule(next);
    };
    if (rest === undefined) finish();
    else void rest.then(finish);
  }

  /** Milliseconds until the next check of a stream. */
  private delay({ timeout, expiresAt }: Deadline): number {
    const idle = timeout === 0 ? Number.POSITIVE_INFINITY : timeout / 4;
    return Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, Math.min(idle, expiresAt - this.clock.timeOfDay())));
  }

  /** Milliseconds until a stream expires; 0 or less: it is due. */
  private left(entry: Entry, deadline: Deadline, now: number): number {
    const today = this.clock.timeOfDay();
    const { endOffset, modifiedAt } = entry.stream;
    const lead = today - now;
    if (isBusy(entry, deadline)) deadline.activeAt = now;
    else if (endOffset !== deadline.endOffset || modifiedAt !== deadline.modifiedAt) {
      // The write happened since the last check and not after now. If the system clock has been set in the meantime, it
      // is unknown whether that was before or after the write; the later time expires nothing too early.
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

/** Whether the stream is currently in use. */
function isBusy({ stream, writers }: Entry, { countsReaders }: Deadline): boolean {
  return writers.size > 0 || (countsReaders && stream.readerCount > 0);
}
