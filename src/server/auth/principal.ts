/** The sender of a request, identified by its token or signed link, and its rights. */
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
  /** The grant of a signed link. */
  readonly isLink?: true | undefined;
}

export class Principal {
  readonly name: string;
  /** The account that owns the principal's handles and streams: for a link, that of the token that made it. */
  readonly account: Account;
  /** Options for everything that the principal creates. */
  readonly creating: CreateOptions;
  readonly #grant: Grant;
  readonly #limits: PathLimits;

  /** @param limits maximum lengths of paths, the same as for the mounts */
  constructor(name: string, grant: Grant, account: Account, limits: PathLimits = DEFAULT_PATH_LIMITS) {
    this.name = name;
    this.account = account;
    this.creating = { account };
    this.#grant = grant;
    this.#limits = limits;
  }

  /** Whether the principal comes from a signed link. */
  get hasLink(): boolean {
    return this.#grant.isLink === true;
  }

  /** Whether the principal has one of the rights at this path. */
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

  /** Whether the principal may see that this directory or file exists: it has a right there or below. */
  reaches(path: string): boolean {
    const normal = normalizePath(path, this.#limits);
    return this.#grant.patterns.some((pattern) => pattern.reaches(normal));
  }

  /**
   * Whether the handle is visible to the principal: its own handle, while it has any right at the handle's path, or any
   * handle at a path where it has `admin`.
   */
  canSee({ account, path }: Pick<HandleInfo, 'account' | 'path'>): boolean {
    return this.may(account === this.account ? RIGHTS : ['admin'], path);
  }

  /** @throws FORBIDDEN, which does not reveal whether the path exists */
  require(rights: readonly Right[], path: string): void {
    if (!this.may(rights, path)) throw this.#refusal(rights, path);
  }

  /** Requires the right at this path and at everything below. @throws FORBIDDEN */
  requireBelow(right: Right, path: string): void {
    const normal = normalizePath(path, this.#limits);
    const { rights, patterns } = this.#grant;
    if (rights.has(right) && patterns.some((pattern) => pattern.covers(normal))) return;
    throw this.#refusal([right], `${normal === '/' ? '' : normal}/**`);
  }

  /** Requires one of the rights at any path. @throws FORBIDDEN */
  requireSomewhere(rights: readonly Right[]): void {
    const { rights: granted } = this.#grant;
    if (!rights.some((right) => granted.has(right))) throw this.#refusal(rights, 'any path');
  }

  /** @throws FORBIDDEN if the principal has no right at this path or below it */
  requireReach(path: string): void {
    if (!this.reaches(path)) throw this.#refusal(RIGHTS, path);
  }

  #refusal(rights: readonly Right[], path: string) {
    const right = rights.join(' or ');
    return createError('FORBIDDEN', { name: this.name, right, path }, { right });
  }
}
