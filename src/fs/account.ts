/**
 * An account counts the handles, readers, streams and other resources of one token, so that one token cannot exhaust a
 * limit of the server. The account of a token survives a reload of the configuration.
 */
import { createError } from '../errors/index.ts';

/** The counted resources, with their names in error messages. */
const COUNTED = {
  connections: 'connections',
  handles: 'open handles',
  readers: 'readers',
  searches: 'searches',
  streams: 'streams',
} as const;

export type Counted = keyof typeof COUNTED;

/** The limits of an account: below 1 a share of the server's limit, from 1 an absolute number, 0 no limit. */
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

  /** @param all the limit for all accounts together; Infinity for no limit */
  hasRoom(what: Counted, all: number): boolean {
    return this.#held[what] < this.#limitOf(what, all);
  }

  /**
   * Counts one more. Must be followed by exactly one {@link give}.
   *
   * @throws TOKEN_LIMIT
   */
  take(what: Counted, all: number): void {
    this.require(what, all);
    this.#held[what]++;
  }

  /** @throws TOKEN_LIMIT if there is no room for another one */
  require(what: Counted, all: number): void {
    if (this.hasRoom(what, all)) return;
    const max = this.#limitOf(what, all);
    throw createError('TOKEN_LIMIT', { what: COUNTED[what], max }, { limit: `token_${what}`, max });
  }

  give(what: Counted): void {
    this.#held[what]--;
  }

  #limitOf(what: Counted, all: number): number {
    const limit = this.limits[what];
    if (limit === 0) return Number.POSITIVE_INFINITY;
    return limit < 1 ? Math.max(1, Math.floor(all * limit)) : limit;
  }
}
