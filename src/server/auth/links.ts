/**
 * Signed links: addresses that carry one right at one path for a while, for players and browsers that cannot send a
 * token. Nothing is remembered of a link: it is good for as long as its signature is right, its time is not over, and
 * the token that made it is still there and still has the right. So taking the token away takes its links away.
 *
 * Each token signs with a key of its own, made from the key of the server and the token's hash: a token that is replaced
 * under the same name leaves no links behind. Which token it was, a link tells by a mark that means something only here.
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
  /** What links are signed with, at least {@link MIN_LINK_KEY_BYTES} bytes. Default: random, so they end with the process. */
  key?: Uint8Array | undefined;
  /** The longest a link may be good, in milliseconds. Default: a day. */
  maxLifetime?: number | undefined;
  /** Milliseconds since 1970, the same before and after a restart. Default: the system's clock. */
  now?: (() => number) | undefined;
}

export const MIN_LINK_KEY_BYTES = 32;

/** A link with a shorter life would expire before it is used, in milliseconds. */
const MIN_LIFETIME_MS = 1000;
const DEFAULT_LIFETIME = 3_600_000;
const DEFAULT_MAX_LIFETIME = 24 * DEFAULT_LIFETIME;

/** Domain separation: a signature of a link is valid for nothing else, and for no other version of this form. */
const DOMAIN = 'streamfs link 1';

/** A mark of 6 bytes, then the SHA-256 of 32, in base64url. */
const SIGNATURE = /^([\w-]{8})[\w-]{43}$/;
const MARK_BYTES = 6;

/** Seconds since 1970, in the one way that we write them. */
const EXPIRES = /^[1-9]\d{0,11}$/;

/** A token that can make links, with the key that they are signed with. */
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
  /** Where no key was given. It stays when the configuration is read again. */
  readonly #ownKey = randomBytes(MIN_LINK_KEY_BYTES);
  readonly #pathLimits: PathLimits;
  #options: LinkOptions = {};
  readonly #byMark = new Map<string, Issuer>();
  readonly #byCaller = new Map<Principal, Issuer>();

  constructor(pathLimits: PathLimits) {
    this.#pathLimits = pathLimits;
  }

  /** From now on links of these, and of no others. @throws RangeError for a key that is too short */
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
   * Signs a link to a path, which must be normal. That the caller has the right there is for the caller of this to see.
   *
   * @param lifetime milliseconds; default: an hour, or the longest there may be if that is less
   * @throws INVALID_BODY for a lifetime that may not be, UNAUTHORIZED where the token has gone meanwhile
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

  /** The principal of a link: it has the link's right at the link's path, and no other. @throws LINK_INVALID, LINK_EXPIRED */
  admit(right: LinkRight, query: RequestParameters): Principal {
    const path = normalizePath(query.path(), this.#pathLimits);
    const signature = query.text('signature') ?? '';
    const expires = query.text('expires') ?? '';
    const issuer = this.#byMark.get(SIGNATURE.exec(signature)?.[1] ?? '');
    if (issuer === undefined || !EXPIRES.test(expires)) throw createError('LINK_INVALID');
    const expected = signatureOf(issuer, right, path, expires);
    // As texts: the last sign of one has bits to spare, by which two would mean the same bytes.
    if (!timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) throw createError('LINK_INVALID');
    if (Number(expires) * 1000 <= this.#now()) throw createError('LINK_EXPIRED');
    if (!issuer.caller.may([right], path)) throw createError('LINK_INVALID');
    const { name, account } = issuer.caller;
    const grant: Grant = { rights: new Set([right]), patterns: [only(path)], isLink: true };
    return new Principal(`a link of ${name}`, grant, account, this.#pathLimits);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

/** A path as a pattern that matches only that path, with all its characters taken literally. */
function only(path: string) {
  return {
    matches: (other: string) => other === path,
    reaches: (other: string) => isWithin(path, other),
    covers: () => false,
  };
}

function derived(root: Uint8Array, what: string, hash: Buffer): Buffer {
  return createHmac('sha256', root).update(`${DOMAIN} ${what}\n`).update(hash).digest();
}

/** No part of the signed text can contain a line break, so the parts cannot run into each other. */
function signatureOf({ mark, key }: Issuer, right: LinkRight, path: string, expires: string): string {
  const mac = createHmac('sha256', key).update(`${DOMAIN}\n${right}\n${expires}\n${path}`, 'utf8').digest('base64url');
  return mark + mac;
}
