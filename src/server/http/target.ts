/**
 * Parses the target of a request without `new URL`, which would repair it (`..`, `//`, bad escapes): a path must reach
 * the file system, or be refused, exactly as it was sent.
 */
import { createError } from '../../errors/index.ts';
import { relativeTarget } from './message-rules.ts';
import { Query } from './query.ts';
import { shorten } from './shorten.ts';

export interface Target {
  /** Decoded segments of the path before `?`; a trailing slash adds none. `/api/v1/files` is `['api','v1','files']`. */
  segments: string[];
  /** The path as received, for messages and logs. */
  pathname: string;
  query: Query;
}

/** No valid path has control characters, and programs downstream may take them as an end. */
const CONTROL = /\p{Cc}/u;

/** Parses a request target. Malformed escapes are BAD_REQUEST. Absolute targets (as sent to a proxy) are accepted. */
export function parseTarget(url: string): Target {
  const relative = relativeTarget(url);
  const mark = relative.indexOf('?');
  const pathname = (mark < 0 ? relative : relative.slice(0, mark)) || '/';
  if (!pathname.startsWith('/')) {
    throw createError('BAD_REQUEST', { reason: `the request target must begin with /, got ${shorten(pathname)}` });
  }
  const segments = pathname.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  return {
    segments: segments.map(decodeSegment),
    pathname,
    query: new Query(mark < 0 ? [] : pairs(relative.slice(mark + 1))),
  };
}

function pairs(text: string): [string, string][] {
  const found: [string, string][] = [];
  for (const part of text.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? '' : part.slice(equals + 1);
    // In a query `+` is a space; all AGFS SDKs write it so.
    found.push([decode(name.replaceAll('+', ' '), 'query'), decode(value.replaceAll('+', ' '), 'query')]);
  }
  return found;
}

function decodeSegment(segment: string): string {
  const text = decode(segment, 'path');
  if (CONTROL.test(text)) {
    throw createError('BAD_REQUEST', { reason: `a control character in the path: ${shorten(segment)}` });
  }
  return text;
}

function decode(text: string, where: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw createError('BAD_REQUEST', {
      reason: `malformed percent-encoding in the ${where}: ${shorten(text)} (write UTF-8, % as %25)`,
    });
  }
}
