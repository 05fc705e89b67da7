/**
 * Idle streams expire: those to which nobody has written for too long. Readers do not keep a stream, since they may wait
 * for ever; a body that is on its way does, since a live source may be quiet for days.
 *
 * One timer for all streams of a mount, which looks at what has changed since it last looked. It knows no time of day, so
 * that a system clock that is set expires nothing; a stream goes at most a quarter of the time too late.
 */
import type { Stream } from '../../core/index.ts';
import type { Clock, PluginLogger } from '../../fs/index.ts';
import { LogThrottle } from '../../log/index.ts';
import type { Entry, StreamTable } from './stream-table.ts';

/** The timer goes off at most this often and at least this often, in milliseconds. */
const MIN_SWEEP_MS = 50;
const MAX_SWEEP_MS = 60_000;

/** What was seen of a stream when it was last found changed. */
interface Seen {
  at: number;
  endOffset: number;
  modifiedAt: number;
}

export class IdleExpiry {
  private readonly timeout: number;
  private readonly table: StreamTable;
  private readonly clock: Clock;
  private readonly expire: (entry: Entry) => void;
  /** Thousands may go at the same time: a line a second tells of the last, and of how many. */
  private readonly log: LogThrottle<Stream>;
  private readonly seen = new WeakMap<Entry, Seen>();
  private cancel: (() => void) | undefined;

  /** @param timeout milliseconds; 0: nothing ever expires */
  constructor(timeout: number, table: StreamTable, clock: Clock, logger: PluginLogger, expire: (entry: Entry) => void) {
    this.timeout = timeout;
    this.table = table;
    this.clock = clock;
    this.expire = expire;
    this.log = new LogThrottle((count, { name, readerCount, totalWritten }) => {
      const more = count > 1 ? { count } : {};
      logger.info('stream expired', { stream: name, readers: readerCount, totalWritten, ...more });
    });
  }

  /** A stream has come. */
  watch(entry: Entry): void {
    if (this.timeout === 0) return;
    this.look(entry, this.clock.now());
    this.schedule();
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.log.flush();
  }

  private schedule(): void {
    const period = Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, this.timeout / 4));
    this.cancel ??= this.clock.schedule(() => this.sweep(), period);
  }

  private sweep(): void {
    this.cancel = undefined;
    const now = this.clock.now();
    for (const entry of [...this.table.all()]) {
      if (this.look(entry, now) < this.timeout) continue;
      this.expire(entry);
      this.log.add(entry.stream);
    }
    if (this.table.size > 0) this.schedule();
  }

  /** For how long nothing has been written to a stream, in milliseconds. */
  private look(entry: Entry, now: number): number {
    const { endOffset, modifiedAt } = entry.stream;
    const seen = this.seen.get(entry);
    if (seen !== undefined && entry.writers.size === 0) {
      if (seen.endOffset === endOffset && seen.modifiedAt === modifiedAt) return now - seen.at;
    }
    this.seen.set(entry, { at: now, endOffset, modifiedAt });
    return 0;
  }
}
