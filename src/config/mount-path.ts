/** The rules for mount paths that can be checked before mounting. */
import { createError } from '../errors/index.ts';

/** Longer paths, and longer parts of paths, are refused everywhere (in bytes of UTF-8). */
const MAX_PATH = 4096;
const MAX_PART = 255;

/** Control characters and lone surrogates. */
const UNUSABLE = /\p{Cc}|\p{Cs}/u;

/** An absolute path, normalised: `//live/` is `/live`. Anything else is CONFIG_INVALID. */
export function parseMountPath(text: string): string {
  const parts = text.split('/').filter((part) => part !== '');
  const reason = !text.startsWith('/')
    ? "expected an absolute path, such as '/streamfs'"
    : parts.length === 0
      ? "expected a path below the root, such as '/streamfs'"
      : parts.some((part) => part === '.' || part === '..')
        ? "expected a path without '.' and '..'"
        : UNUSABLE.test(text)
          ? 'expected a path without control characters'
          : parts.some((part) => Buffer.byteLength(part) > MAX_PART) || Buffer.byteLength(text) > MAX_PATH
            ? `expected at most ${MAX_PATH} bytes, and ${MAX_PART} between two slashes`
            : undefined;
  if (reason !== undefined) {
    throw createError('CONFIG_INVALID', {
      reason: `invalid mount path: ${JSON.stringify(text.slice(0, 100))} (${reason})`,
    });
  }
  return `/${parts.join('/')}`;
}
