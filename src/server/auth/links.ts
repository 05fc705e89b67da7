/**
 * Signed links: URLs that carry one right at one path for a limited time, for players and browsers that cannot send a
 * token. The server stores nothing for a link. A link is valid while its signature is correct, its time has not
 * expired, and the token that made it still exists and still has the right. So removing a token revokes its links.
 *
 * Each token signs with its own key, derived from the server's key and the token's hash: replacing a token under the
 * same name revokes the old token's links. A link identifies its token by a mark that has no meaning outside this
 * server.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createError } from '../../errors/index.ts';
import { isWithin, normalizePath, type PathLimits } from '../../fs/index.ts';
import { formatDuration } from '../../units/index.ts';
import type { RequestParameters } from './parameters.ts';
import { type Grant, Principal, type Right } from './principal.ts';

export const LINK_RIGHTS = ['read', 'write'] as const satisfies readonly Right[];
export type LinkRight = (typeof LINK_RIGHTS)[number];

export interface LinkOptions {
  /** The signing key, at least {@link MIN_LINK_KEY_BYTES} bytes. Default: random, so links end with the process. */
  key?: Uint8Array | undefined;
  /** The maximum lifetime of a link, in milliseconds. Default: a day. */
  maxLifetime?: number | undefined;
  /** Milliseconds since 1970, continuous across restarts. Default: the system clock. */
  now?: (() => number) | undefined;
}

export const MIN_LINK_KEY_BYTES = 32;

/** The minimum lifetime, in milliseconds: a shorter-lived link would expire before it is used. */
const MIN_LIFETIME_MS = 1000;
const DEFAULT_LIFETIME = 3_600_000;
const DEFAULT_MAX_LIFETIME = 24 * DEFAULT_LIFETIME;

/** Domain separation: a signature of a link is valid for nothing else, and for no other version of this scheme. */
const DOMAIN = 'streamfs link 1';

/** A mark of 6 bytes, then a SHA-256 HMAC of 32 bytes, in base64url. */
const SIGNATURE = /^([\w-]{8})[\w-]{43}$/;
const MARK_BYTES = 6;

/** Seconds since 1970, in their only accepted form. */
const EXPIRES = /^[1-9]\d{0,11}$/;

/** A token that can make links, and its signing key. */
interface Issuer {
  readonly caller: Principal;
  readonly mark: string;
  readonly key: Buffer;
}

export interface SignedLink {
  /** Seconds since 1970. */
  readonly expires: number;
  readonly signature: string;
}

export class Links {
  /** Used if no key is configured. It survives a reload of the configuration. */
  readonly #ownKey = randomBytes(MIN_LINK_KEY_BYTES);
  readonly #pathLimits: PathLimits;
  #options: LinkOptions = {};
  readonly #byMark = new Map<string, Issuer>();
  readonly #byCaller = new Map<Principal, Issuer>();

  constructor(pathLimits: PathLimits) {
    this.#pathLimits = pathLimits;
  }

  /** Accepts links of these tokens only from now on. @throws RangeError for a key that is too short */
  replace(tokens: readonly { hash: Buffer; caller: Principal }[], options: LinkOptions = this.#options): void {
    const { key: root = this.#ownKey } = options;
    if (root.length < MIN_LINK_KEY_BYTES)
      throw new RangeError(`the key of links must have ${MIN_LINK_KEY_BYTES} bytes or more`);
    this.#options = options;
    this.#byMark.clear();
    this.#byCaller.clear();
    for (const { hash, caller } of tokens) {
      const mark = derived(root, 'mark', hash).subarray(0, MARK_BYTES).toString('base64url');
      const issuer = { caller, mark, key: derived(root, 'key', hash) };
      this.#byMark.set(mark, issuer);
      this.#byCaller.set(caller, issuer);
    }
  }

  /**
   * Signs a link to a normalised path. The caller of this method must have checked the right at the path.
   *
   * @param lifetime milliseconds; default: an hour, or the maximum if that is shorter
   * @throws INVALID_BODY for a lifetime out of range, UNAUTHORIZED if the token was removed meanwhile
   */
  sign(caller: Principal, right: LinkRight, path: string, lifetime?: number): SignedLink {
    const most = this.#options.maxLifetime ?? DEFAULT_MAX_LIFETIME;
    const asked = lifetime ?? Math.min(DEFAULT_LIFETIME, most);
    if (asked < MIN_LIFETIME_MS || asked > most) {
      const range = `${formatDuration(MIN_LIFETIME_MS)} to ${formatDuration(most)}`;
      throw createError('INVALID_BODY', { reason: `"expires_in" must be ${range}, not ${formatDuration(asked)}` });
    }
    const issuer = this.#byCaller.get(caller);
    if (issuer === undefined) throw createError('UNAUTHORIZED', { reason: 'this token is no longer known' });
    const expires = Math.ceil((this.#now() + asked) / 1000);
    return { expires, signature: signatureOf(issuer, right, path, String(expires)) };
  }

  /** The principal of a link: it has only the link's right, at the link's path. @throws LINK_INVALID, LINK_EXPIRED */
  admit(right: LinkRight, query: RequestParameters): Principal {
    const path = normalizePath(query.path(), this.#pathLimits);
    const signature = query.text('signature') ?? '';
    const expires = query.text('expires') ?? '';
    const issuer = this.#byMark.get(SIGNATURE.exec(signature)?.[1] ?? '');
    if (issuer === undefined || !EXPIRES.test(expires)) throw createError('LINK_INVALID');
    const expected = signatureOf(issuer, right, path, expires);
    // Compared as text: the last base64url character has unused bits, so different texts can decode to the same bytes.
    if (!timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) throw createError('LINK_INVALID');
    if (Number(expires) * 1000 <= this.#now()) throw createError('LINK_EXPIRED');
    if (!issuer.caller.may([right], path)) throw createError('LINK_INVALID');
    const { name, account } = issuer.caller;
    const grant: Grant = { rights: new Set([right]), patterns: [exactly(path)], isLink: true };
    return new Principal(`a link of ${name}`, grant, account, this.#pathLimits);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

/** A pattern that matches only this path, with all its characters taken literally. */
function exactly(path: string) {
  return {
    matches: (other: string) => other === path,
    reaches: (other: string) => isWithin(path, other),
    covers: () => false,
  };
}

function derived(root: Uint8Array, what: string, hash: Buffer): Buffer {
  return createHmac('sha256', root).update(`${DOMAIN} ${what}\n`).update(hash).digest();
}

/** No part of the signed text can contain a line break, so the parts cannot be confused. */
function signatureOf({ mark, key }: Issuer, right: LinkRight, path: string, expires: string): string {
  const mac = createHmac('sha256', key).update(`${DOMAIN}\n${right}\n${expires}\n${path}`, 'utf8').digest('base64url');
  return mark + mac;
}
