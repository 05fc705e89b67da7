/** Conditional requests (RFC 9110 section 13.1.2). */
import { createHash } from 'node:crypto';

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
