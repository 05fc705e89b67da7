/**
 * Logs which handles the server closed and why: one line each, but after the first few lines of a second only one
 * summary line per second.
 */
import { type Logger, LogThrottle } from '../logging/index.ts';
import type { Clock } from './clock.ts';
import type { Entry } from './handle-entry.ts';

/** The maximum number of single lines per second. */
const MAX_LINES_PER_SECOND = 20;
const SECOND = 1000;

export type CloseReason = 'idle for too long' | 'room was needed' | 'its mount was removed';

export class HandleLog {
  readonly #logger: Logger | undefined;
  readonly #clock: Clock;
  readonly #summary: LogThrottle<CloseReason>;
  #since = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(logger: Logger | undefined, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#summary = new LogThrottle((count, why) => logger?.info('more handles closed', { count, why }));
  }

  closed({ id, path, lastAccess }: Entry, why: CloseReason): void {
    const now = this.#clock.now();
    if (now - this.#since >= SECOND) {
      this.#since = now;
      this.#lines = 0;
    }
    if (++this.#lines > MAX_LINES_PER_SECOND) this.#summary.add(why);
    else this.#logger?.info('handle closed', { id, path, why, unusedSeconds: Math.round((now - lastAccess) / SECOND) });
  }

  /** Writes a pending summary immediately. */
  flush(): void {
    this.#summary.flush();
  }
}
