/** The sender of a request, known from its token or signed link, and its rights. */
import { createError } from '../../errors/index.ts';
import {
  type Account,
  type CreateOptions,
  DEFAULT_PATH_LIMITS,
  type HandleInfo,
  normalizePath,
  type PathLimits,
  type ReaderRole,
} from '../../fs/index.ts';
import type { PathPattern } from './pattern.ts';

export const RIGHTS = ['read', 'write', 'admin'] as const;
export type Right = (typeof RIGHTS)[number];

export interface Grant {
  readonly rights: ReadonlySet<Right>;
  readonly patterns: readonly Pick<PathPattern, 'matches' | 'reaches' | 'covers'>[];
  /** It is that of a signed link. */
  readonly isLink?: true | undefined;
}

export class Principal {
  readonly name: string;
  /** What is theirs is theirs by this: of a link it is that of the token that made it. */
  readonly account: Account;
  /** For what they make. */
  readonly creating: CreateOptions;
  readonly #grant: Grant;
  readonly #limits: PathLimits;

  /** @param limits how long paths may be: as for the mounts */
  constructor(name: string, grant: Grant, account: Account, limits: PathLimits = DEFAULT_PATH_LIMITS) {
    this.name = name;
    this.account = account;
    this.creating = { account };
    this.#grant = grant;
    this.#limits = limits;
  }

  /** Whether they have a signed link, and no token. */
  get hasLink(): boolean {
    return this.#grant.isLink === true;
  }

  /** Whether one of the rights is theirs at this path. */
  may(rights: readonly Right[], path: string): boolean {
    const { rights: granted, patterns } = this.#grant;
    if (!rights.some((right) => granted.has(right))) return false;
    const normal = normalizePath(path, this.#limits);
    return patterns.some((pattern) => pattern.matches(normal));
  }

  /** The role of a reader at this path: whether it may also write there. */
  roleAt(path: string): ReaderRole {
    if (this.hasLink) return 'link';
    return this.may(['write'], path) ? 'writer' : 'reader';
  }

  /** Whether they may see that there is such a directory, or such a file: something is theirs at it or below. */
  reaches(path: string): boolean {
    const normal = normalizePath(path, this.#limits);
    return this.#grant.patterns.some((pattern) => pattern.reaches(normal));
  }

  /**
   * Whether there is such a handle for them: one of their own, while anything is theirs at its path, or one at whose path
   * they may do as `admin`.
   */
  knows({ account, path }: Pick<HandleInfo, 'account' | 'path'>): boolean {
    return this.may(account === this.account ? RIGHTS : ['admin'], path);
  }

  /** @throws FORBIDDEN, which says nothing of whether the path exists */
  require(rights: readonly Right[], path: string): void {
    if (!this.may(rights, path)) throw this.#refusal(rights, path);
  }

  /** The right at this path and at all below. @throws FORBIDDEN */
  requireBelow(right: Right, path: string): void {
    const normal = normalizePath(path, this.#limits);
    const { rights, patterns } = this.#grant;
    if (rights.has(right) && patterns.some((pattern) => pattern.covers(normal))) return;
    throw this.#refusal([right], `${normal === '/' ? '' : normal}/**`);
  }

  /** One of the rights, at any path. @throws FORBIDDEN */
  requireSomewhere(rights: readonly Right[]): void {
    const { rights: granted } = this.#grant;
    if (!rights.some((right) => granted.has(right))) throw this.#refusal(rights, 'any path');
  }

  /** @throws FORBIDDEN where nothing at this path, or below it, is theirs */
  requireReach(path: string): void {
    if (!this.reaches(path)) throw this.#refusal(RIGHTS, path);
  }

  #refusal(rights: readonly Right[], path: string) {
    const right = rights.join(' or ');
    return createError('FORBIDDEN', { name: this.name, right, path }, { right });
  }
}
