/** Conditional requests (RFC 9110 section 13). */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { createError } from '../../errors/index.ts';

const TAG_LENGTH = 22;

/** The opaque part of an `ETag`: a hash of the bytes. */
export function tagOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, TAG_LENGTH);
}

/** Whether `If-None-Match` names this tag. */
export function etagMatches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((part) => {
    const tag = part.trim();
    return tag === '*' || tag.replace(/^W\//, '') === etag;
  });
}

/**
 * Headers that restrict what a request may change, with the alternative. A request that ignored one would do what its
 * client has excluded.
 */
const CONDITIONS = {
  'If-Match': 'a write can name its stream with generation=…',
  'If-None-Match': 'POST /files creates only what does not exist',
  'If-Unmodified-Since': 'a write can name its stream with generation=…',
  'Content-Range': 'a write to a file can begin at offset=…',
} as const;

/**
 * Refuses conditions on a request that changes something.
 *
 * @throws INVALID_PARAMETER
 */
export function refuseConditions(headers: IncomingHttpHeaders): void {
  for (const [name, instead] of Object.entries(CONDITIONS)) {
    if (headers[name.toLowerCase()] === undefined) continue;
    throw createError('INVALID_PARAMETER', { name, reason: `the header is not supported here: ${instead}` });
  }
}
