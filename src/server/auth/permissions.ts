/**
 * The permission that a request needs if tokens are configured. Every route declares one, so that a new route cannot be
 * open by accident:
 *
 *  - `nothing`: allowed without a token;
 *  - `read somewhere`, `admin somewhere`, `link somewhere`: a token with that right at any path (for a link: read or write).
 *    The path is in the body, so the route checks it;
 *  - `token`: any token; the response depends on what the token may see, which the route checks;
 *  - `read`, `write`, `admin`, `any`: this right, or any of them, at the path of the query;
 *  - `read or write`: write if the query has `mode=write`, else read, at its path;
 *  - `read handle`, `write handle`, `any handle`: the same, at the path of the handle, which must be visible to the caller
 *    ({@link Principal.canSee}): otherwise the response is the same as for a handle that does not exist;
 *  - `admin server`: the right `admin` at `/` and everything below.
 */

import { createError } from '../../errors/index.ts';
import type { HandleTable } from '../../fs/index.ts';
import { LINK_RIGHTS, type LinkRight } from './links.ts';
import type { RequestParameters } from './parameters.ts';
import { type Principal, RIGHTS, type Right } from './principal.ts';

export type Permission =
  | 'nothing'
  | 'token'
  | Right
  | 'any'
  | 'read or write'
  | 'read handle'
  | 'write handle'
  | 'any handle'
  | 'read somewhere'
  | 'admin somewhere'
  | 'link somewhere'
  | 'admin server';

/** The right that a signed link must carry on a route; `read or write` as above. */
export type LinkPermission = LinkRight | 'read or write';

export function linkRightFor(needs: LinkPermission | undefined, query: RequestParameters): LinkRight | undefined {
  return needs === 'read or write' ? rightOfMode(query) : needs;
}

function rightOfMode(query: RequestParameters): LinkRight {
  return query.text('mode') === 'write' ? 'write' : 'read';
}

interface RequestFacts {
  query: RequestParameters;
  params: Readonly<Record<string, string>>;
  handles: HandleTable;
}

/** The id in the path of a handle. @throws INVALID_HANDLE_ID if it is not a number; its owner is checked elsewhere */
export function handleIdOf({ id = '' }: Readonly<Record<string, string>>): number {
  if (!/^-?\d{1,20}$/.test(id)) throw createError('INVALID_HANDLE_ID', {}, { id: id.slice(0, 100) });
  return Number(id);
}

/** @throws FORBIDDEN, HANDLE_NOT_FOUND, and the errors of the query and the handle table for invalid paths and ids */
export function requireFor(needs: Permission, caller: Principal, { query, params, handles }: RequestFacts): void {
  switch (needs) {
    case 'nothing':
    case 'token':
      return;
    case 'read somewhere':
      caller.requireSomewhere(['read']);
      return;
    case 'admin somewhere':
      caller.requireSomewhere(['admin']);
      return;
    case 'link somewhere':
      caller.requireSomewhere(LINK_RIGHTS);
      return;
    case 'admin server':
      caller.requireBelow('admin', '/');
      return;
    case 'admin':
      // A recursive removal needs the right for everything that it removes.
      if (query.boolean('recursive') === true) caller.requireBelow('admin', query.path());
      else caller.require(['admin'], query.path());
      return;
    case 'read':
    case 'write':
      caller.require([needs], query.path());
      return;
    case 'read or write':
      caller.require([rightOfMode(query)], query.path());
      return;
    case 'any':
      caller.require(RIGHTS, query.path());
      return;
    default: {
      const info = handles.get(handleIdOf(params));
      if (!caller.canSee(info)) throw createError('HANDLE_NOT_FOUND');
      caller.require(needs === 'any handle' ? RIGHTS : [needs === 'read handle' ? 'read' : 'write'], info.path);
    }
  }
}
