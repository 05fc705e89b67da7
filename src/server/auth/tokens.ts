/**
 * Tokens, each with rights on path patterns. The SHA-256 of a token is compared with every configured one in constant
 * time, so that timing reveals neither a prefix of a token nor which one matched.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { createError } from '../../errors/index.ts';
import {
  Account,
  type AccountLimits,
  DEFAULT_ACCOUNT_LIMITS,
  DEFAULT_PATH_LIMITS,
  type PathLimits,
} from '../../fs/index.ts';
import { requireArray } from '../../units/index.ts';
import type { HeadersOfRequest } from './browser.ts';
import { BASIC_NOT_FROM_PAGES, credentialsCount, readCredentials, TOKEN_NEEDED } from './credentials.ts';
import { type LinkOptions, type LinkRight, Links } from './links.ts';
import type { RequestParameters } from './parameters.ts';
import { PathPattern } from './pattern.ts';
import { type Grant, Principal, type Right } from './principal.ts';

export interface TokenOptions {
  /** The name of the token in errors and logs. */
  name: string;
  /** SHA-256 of the token, 64 hexadecimal digits. */
  sha256: string;
  rights: readonly Right[];
  /** Patterns of paths; see pattern.ts. */
  paths: readonly string[];
  /** The limits of the token's account. Default: {@link DEFAULT_ACCOUNT_LIMITS}. */
  limits?: Partial<AccountLimits> | undefined;
}

/** Number of cached headers: a token is hashed once, not for each request. */
const MAX_REMEMBERED = 1000;
/** Longer headers are not cached: a Basic password can follow a user name of any length. */
const MAX_REMEMBERED_LENGTH = 512;

function sha256(token: string | Uint8Array): Buffer {
  return createHash('sha256').update(token).digest();
}

export class Tokens {
  #entries: readonly { hash: Buffer; caller: Principal }[] = [];
  /** By the hash of the token, so that a token keeps its account when the configuration is reloaded. */
  #accounts: ReadonlyMap<string, Account> = new Map();
  readonly #pathLimits: PathLimits;
  readonly #known = new Map<string, Principal>();
  /** Changes whenever the tokens do. */
  version = 0;
  readonly links: Links;

  /** @param pathLimits maximum lengths of paths, the same as for the mounts */
  constructor(tokens: readonly TokenOptions[], links?: LinkOptions, pathLimits: PathLimits = DEFAULT_PATH_LIMITS) {
    this.#pathLimits = pathLimits;
    this.links = new Links(pathLimits);
    this.replace(tokens, links);
  }

  /**
   * Accepts only these tokens from now on, and links made with them. Requests already admitted continue.
   *
   * @param links how links are signed; default: as before
   */
  replace(tokens: readonly TokenOptions[], links?: LinkOptions): void {
    requireArray('tokens', tokens);
    const accounts = new Map<string, Account>();
    const entries = tokens.map(({ name, sha256, rights, paths, limits }) => {
      const grant: Grant = { rights: new Set(rights), patterns: paths.map((path) => new PathPattern(path)) };
      const hash = Buffer.from(sha256, 'hex');
      const key = hash.toString('hex');
      const account = this.#accounts.get(key) ?? accounts.get(key) ?? new Account();
      account.limits = { ...DEFAULT_ACCOUNT_LIMITS, ...limits };
      accounts.set(key, account);
      return { hash, caller: new Principal(name, grant, account, this.#pathLimits) };
    });
    this.links.replace(entries, links);
    this.#accounts = accounts;
    this.#entries = entries;
    this.#known.clear();
    this.version++;
  }

  /** Whether tokens are configured. */
  get areAsked(): boolean {
    return this.#entries.length > 0;
  }

  /**
   * The principal of a request. A header that is accepted decides alone. Without one a signed link decides, on a route
   * that accepts links for this right.
   *
   * @param token a token from elsewhere in the request: only a program can have put it there, so it alone decides
   * @throws UNAUTHORIZED, LINK_INVALID, LINK_EXPIRED
   */
  callerOf(
    headers: HeadersOfRequest,
    link: LinkRight | undefined,
    query: RequestParameters,
    token?: Uint8Array,
  ): Principal {
    if (token !== undefined) return this.#holderOf(token);
    const { authorization } = headers;
    const counts = authorization !== undefined && credentialsCount(authorization, headers);
    if (!counts && link !== undefined && query.has('signature')) return this.links.admit(link, query);
    if (!counts) {
      throw createError('UNAUTHORIZED', { reason: authorization === undefined ? TOKEN_NEEDED : BASIC_NOT_FROM_PAGES });
    }
    return this.identify(authorization);
  }

  /** The principal of the token in this `Authorization` header. @throws UNAUTHORIZED */
  identify(authorization: string): Principal {
    const known = this.#known.get(authorization);
    if (known !== undefined) return known;
    const credentials = readCredentials(authorization);
    if (credentials.kind === 'unusable') throw createError('UNAUTHORIZED', { reason: credentials.reason });
    const found = this.#holderOf(credentials.token);
    const isShort = authorization.length <= MAX_REMEMBERED_LENGTH;
    if (isShort && this.#known.size < MAX_REMEMBERED) this.#known.set(authorization, found);
    return found;
  }

  #holderOf(token: string | Uint8Array): Principal {
    const hash = sha256(token);
    let found: Principal | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.hash, hash)) found = entry.caller;
    if (found === undefined) throw createError('UNAUTHORIZED', { reason: 'this token is not known' });
    return found;
  }
}
