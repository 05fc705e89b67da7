/**
 * The account that a handle, reader or stream is held on: with tokens, one for each token. It stays the same when the
 * configuration is reloaded with the same token. It counts what is held, so that one token cannot use up a limit of the
 * server.
 */
import { createError } from '../errors/index.ts';

/** What is counted, by the word for it in errors. */
const COUNTED = {
  connections: 'connections',
  handles: 'open handles',
  readers: 'readers',
  searches: 'searches',
  streams: 'streams',
} as const;

export type Counted = keyof typeof COUNTED;

/** How many of each an account may hold: below 1 a share of the server's limit, from 1 on a number, 0 without limit. */
export type AccountLimits = Readonly<Record<Counted, number>>;

export const DEFAULT_ACCOUNT_LIMITS: AccountLimits = {
  connections: 0.5,
  handles: 0.5,
  readers: 0.5,
  searches: 1,
  streams: 0.5,
};

export class Account {
  limits: AccountLimits;
  readonly #held: Record<Counted, number> = { connections: 0, handles: 0, readers: 0, searches: 0, streams: 0 };

  constructor(limits: AccountLimits = DEFAULT_ACCOUNT_LIMITS) {
    this.limits = limits;
  }

  /** @param all how many there may be of all accounts; Infinity for any number */
  hasRoom(what: Counted, all: number): boolean {
    return this.#held[what] < this.#most(what, all);
  }

  /** One more; {@link give} is to follow, once. @throws TOKEN_LIMIT */
  take(what: Counted, all: number): void {
    this.require(what, all);
    this.#held[what]++;
  }

  /** @throws TOKEN_LIMIT where there may not be one more */
  require(what: Counted, all: number): void {
    if (this.hasRoom(what, all)) return;
    const max = this.#most(what, all);
    throw createError('TOKEN_LIMIT', { what: COUNTED[what], max }, { limit: `token_${what}`, max });
  }

  give(what: Counted): void {
    this.#held[what]--;
  }

  #most(what: Counted, all: number): number {
    const limit = this.limits[what];
    if (limit === 0) return Number.POSITIVE_INFINITY;
    return limit < 1 ? Math.max(1, Math.floor(all * limit)) : limit;
  }
}
