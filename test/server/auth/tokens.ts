/** Tokens for tests: the name of each is its secret. */
import { createHash } from 'node:crypto';
import type { Right, TokenOptions } from '../../../src/server/index.ts';

export function token(name: string, rights: Right[], ...paths: string[]): TokenOptions {
  return { name, sha256: createHash('sha256').update(`secret-of-${name}`).digest('hex'), rights, paths };
}

/** A request with a token, with a body that is sent unchanged or as JSON. */
export function as(name: string, body?: string | object) {
  return {
    headers: { authorization: `Bearer secret-of-${name}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
}
