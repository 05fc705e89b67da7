/** Whoever sends a request, and what their token, or the link they have, lets them do. */
import { fail } from '../../errors/index.ts';
import { normalizePath } from '../../fs/index.ts';
import type { PathPattern } from './pattern.ts';

export const RIGHTS = ['read', 'write', 'admin'] as const;
export type Right = (typeof RIGHTS)[number];

export interface Grant {
  readonly rights: ReadonlySet<Right>;
  readonly patterns: readonly Pick<PathPattern, 'matches' | 'reaches' | 'covers'>[];
}

export class Caller {
  readonly name: string;
  readonly #grant: Grant;

  constructor(name: string, grant: Grant) {
    this.name = name;
    this.#grant = grant;
  }

  /** Whether one of the rights is theirs at this path. */
  may(rights: readonly Right[], path: string): boolean {
    const { rights: granted, patterns } = this.#grant;
    if (!rights.some((right) => granted.has(right))) return false;
    const normal = normalizePath(path);
    return patterns.some((pattern) => pattern.matches(normal));
  }

  /** Whether they may see that there is such a directory, or such a file: something is theirs at it or below. */
  reaches(path: string): boolean {
    const normal = normalizePath(path);
    return this.#grant.patterns.some((pattern) => pattern.reaches(normal));
  }

  /** @throws FORBIDDEN, which says nothing of whether the path exists */
  require(rights: readonly Right[], path: string): void {
    if (!this.may(rights, path)) throw this.#refusal(rights, path);
  }

  /** The right at this path and at all below. @throws FORBIDDEN */
  requireBelow(right: Right, path: string): void {
    const normal = normalizePath(path);
    const { rights, patterns } = this.#grant;
    if (rights.has(right) && patterns.some((pattern) => pattern.covers(normal))) return;
    throw this.#refusal([right], `${normal === '/' ? '' : normal}/**`);
  }

  /** One of the rights, at whatever path. @throws FORBIDDEN */
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
    return fail('FORBIDDEN', { name: this.name, right, path }, { right });
  }
}
