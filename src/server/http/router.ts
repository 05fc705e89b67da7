/**
 * Finds the route of a request. Literal paths are looked up in a map; the few with a named segment are compared segment
 * by segment. A literal segment takes precedence over a named one (`/handles/open` over `/handles/:id`), and both over
 * `*`.
 */
import { createError } from '../../errors/index.ts';
import type { Route } from './route.ts';
import { shorten } from './shorten.ts';

export interface RouteMatch {
  route: Route;
  params: Readonly<Record<string, string>>;
}

/** Joins segments to a key: a segment of a route cannot contain this character. */
const SEPARATOR = '\0';

/** Stands for all remaining segments, at least one. */
const REST = '*';

export class Router {
  readonly #literal = new Map<string, RouteMatch[]>();
  readonly #named: { route: Route; parts: readonly string[] }[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const parts = route.pattern.split('/').filter((part) => part !== '');
      if (parts.some((part) => part.startsWith(':')) || parts.at(-1) === REST) this.#named.push({ route, parts });
      else {
        const key = parts.join(SEPARATOR);
        const known = this.#literal.get(key) ?? [];
        this.#literal.set(key, [...known, { route, params: {} }]);
      }
    }
  }

  /**
   * The route for a method and path; HEAD uses that of GET. @throws ROUTE_NOT_FOUND, METHOD_NOT_ALLOWED (contract 66,
   * 78)
   */
  find(method: string, pathname: string, segments: readonly string[]): RouteMatch {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const matches = this.#matches(segments);
    const found = matches.find(({ route }) => route.method === wanted);
    if (found) return found;
    if (matches.length > 0) throw createError('METHOD_NOT_ALLOWED', {}, { allow: allowOf(matches) });
    throw createError('ROUTE_NOT_FOUND', { method, route: shorten(pathname) });
  }

  /** The value of `Allow` for a path, or undefined if there is no such path. */
  allowed(segments: readonly string[]): string | undefined {
    const matches = this.#matches(segments);
    return matches.length === 0 ? undefined : allowOf(matches);
  }

  #matches(segments: readonly string[]): readonly RouteMatch[] {
    return this.#literal.get(segments.join(SEPARATOR)) ?? this.#matchesNamed(segments);
  }

  #matchesNamed(segments: readonly string[]): RouteMatch[] {
    const found: RouteMatch[] = [];
    for (const { route, parts } of this.#named) {
      const params = match(parts, segments);
      if (params) found.push({ route, params });
    }
    return found;
  }
}

function match(parts: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (parts.at(-1) === REST) return matchRest(parts.slice(0, -1), segments);
  if (parts.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index]!;
    if (part.startsWith(':')) params[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return params;
}

function matchRest(parts: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (segments.length <= parts.length || parts.some((part, index) => part !== segments[index])) return undefined;
  return { rest: segments.slice(parts.length).join('/') };
}

function allowOf(matches: readonly RouteMatch[]): string {
  const methods = new Set<string>(matches.map(({ route }) => route.method));
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods, 'OPTIONS'].join(', ');
}
