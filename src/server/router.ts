/**
 * Finds the route of a request. The table is small and fixed, so patterns are compared part by part; a part that is
 * written out wins over one that is named (`/handles/open` over `/handles/:id`).
 */
import { fail } from '../errors/index.ts';
import type { Route } from './route.ts';
import { shorten } from './shorten.ts';

export interface Found {
  route: Route;
  params: Record<string, string>;
}

export class Router {
  readonly #entries: readonly { route: Route; parts: readonly string[] }[];

  constructor(routes: readonly Route[]) {
    this.#entries = routes.map((route) => ({ route, parts: route.pattern.split('/').filter((part) => part !== '') }));
  }

  /** The route for a method and path; HEAD finds GET's. ROUTE_NOT_FOUND or METHOD_NOT_ALLOWED (contract 66, 78). */
  find(method: string, pathname: string, segments: readonly string[]): Found {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const matches = this.#matches(segments);
    const found = matches.find(({ route }) => route.method === wanted);
    if (found) return found;
    if (matches.length > 0) throw fail('METHOD_NOT_ALLOWED', {}, { allow: allowOf(matches) });
    throw fail('ROUTE_NOT_FOUND', { method, route: shorten(pathname) });
  }

  /** What `Allow` says for a path, or undefined where there is no such path. */
  allowed(segments: readonly string[]): string | undefined {
    const matches = this.#matches(segments);
    return matches.length === 0 ? undefined : allowOf(matches);
  }

  #matches(segments: readonly string[]): Found[] {
    const literal: Found[] = [];
    const named: Found[] = [];
    for (const { route, parts } of this.#entries) {
      const params = match(parts, segments);
      if (params) (Object.keys(params).length === 0 ? literal : named).push({ route, params });
    }
    return literal.length > 0 ? literal : named;
  }
}

function match(parts: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (parts.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index]!;
    if (part.startsWith(':')) params[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return params;
}

function allowOf(matches: readonly Found[]): string {
  const methods = new Set<string>(matches.map(({ route }) => route.method));
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods, 'OPTIONS'].join(', ');
}
