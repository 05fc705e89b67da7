/**
 * Says which handles the server has closed by itself, and why: a line for each, and where thousands go at once a line a
 * second for those beyond the first few.
 */
import { type Logger, LogThrottle } from '../logging/index.ts';
import type { Clock } from './clock.ts';
import type { Entry } from './handle-entry.ts';

/** Lines in one second. */
const MOST_LINES = 20;
const SECOND = 1000;

export type WhyClosed = 'idle for too long' | 'room was needed' | 'its mount went';

export class HandleLog {
  readonly #logger: Logger | undefined;
  readonly #clock: Clock;
  readonly #more: LogThrottle<WhyClosed>;
  #since = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(logger: Logger | undefined, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#more = new LogThrottle((count, why) => logger?.info('more handles closed', { count, why }));
  }

  closed({ id, path, lastAccess }: Entry, why: WhyClosed): void {
    const now = this.#clock.now();
    if (now - this.#since >= SECOND) {
      this.#since = now;
      this.#lines = 0;
    }
    if (++this.#lines > MOST_LINES) this.#more.add(why);
    else this.#logger?.info('handle closed', { id, path, why, unusedSeconds: Math.round((now - lastAccess) / SECOND) });
  }

  /** Says at once what has not been said yet. */
  flush(): void {
    this.#more.flush();
  }
}
