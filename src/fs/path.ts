/**
 * Path normalisation. Clients send `live`, `/live` and `//live/` for the same stream (contract 44). All of them become
 * `/live` here, so that mounts, plugins and handles can compare paths as strings.
 *
 * Empty parts and `.` parts are dropped, as in POSIX. `..` is refused rather than resolved: no client needs it on the
 * wire, and resolving it would let a path that appears to be in one mount reach another.
 */
import { createError, limitReached } from '../errors/index.ts';
import { requireType } from '../units/index.ts';

/** Limits of normalised paths. Infinity for no limit. */
export interface PathLimits {
  /** The maximum length, in bytes of UTF-8. */
  length: number;
  /** The maximum number of parts. */
  depth: number;
}

export const DEFAULT_PATH_LIMITS: PathLimits = { length: 4096, depth: 64 };

/** For paths that have been checked before. */
export const NO_PATH_LIMITS: PathLimits = { length: Number.POSITIVE_INFINITY, depth: Number.POSITIVE_INFINITY };

/** The maximum length of a path part, in bytes of UTF-8. */
export const MAX_PART_BYTES = 255;

/** Error messages truncate longer paths. */
const SHOWN = 128;

const CONTROL = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Cs}/u;

/**
 * The normal form of a path: begins with `/`, has no empty or `.` part, and has no trailing slash except for the root.
 * The empty path is the root. Normalisation is idempotent (contract 44).
 *
 * Throws INVALID_PATH for a `..` part, NUL and other control characters, text that is not well-formed UTF-16, and for
 * parts over {@link MAX_PART_BYTES}; PATH_TOO_LONG and PATH_TOO_DEEP for paths beyond the limits.
 */
export function normalizePath(path: string, limits: PathLimits = DEFAULT_PATH_LIMITS): string {
  requireType('path', path, 'string');
  if (path.includes('\0')) throw invalid(path, 'it holds a NUL character');
  if (CONTROL.test(path)) throw invalid(path, 'it holds a control character');
  if (LONE_SURROGATE.test(path)) throw invalid(path, 'it is not well-formed Unicode');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') throw invalid(path, 'it holds a ".." part; give the path without it');
    if (isLonger(part, MAX_PART_BYTES)) throw invalid(path, `a part of it is over ${MAX_PART_BYTES} bytes`);
    parts.push(part);
  }
  const normal = `/${parts.join('/')}`;
  if (isLonger(normal, limits.length)) throw limitReached('PATH_TOO_LONG', 'path_length', limits.length);
  if (parts.length > limits.depth) throw limitReached('PATH_TOO_DEEP', 'path_depth', limits.depth);
  return normal;
}

/** The parts of a normalised path, outermost first; none for the root. */
export function splitPath(path: string): string[] {
  return path === '/' ? [] : path.slice(1).split('/');
}

/** The last part of a normalised path; `/` for the root. */
export function baseName(path: string): string {
  return path === '/' ? '/' : path.slice(path.lastIndexOf('/') + 1);
}

/** The parent directory of a normalised path; the root is its own parent. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** Joins a normalised directory and a path: `joinPath('/a', '/b/c')` and `joinPath('/a', 'b/c')` are `/a/b/c`. */
export function joinPath(directory: string, path: string): string {
  requireType('path', path, 'string');
  const below = path.startsWith('/') ? path.slice(1) : path;
  if (below === '') return directory;
  return directory === '/' ? `/${below}` : `${directory}/${below}`;
}

/** Whether a normalised path is `directory` or lies below it, by whole parts: `/a/bc` does not lie below `/a/b`. */
export function isWithin(path: string, directory: string): boolean {
  if (directory === '/' || path === directory) return true;
  return path.startsWith(directory) && path.charCodeAt(directory.length) === 47;
}

/** A normalised path relative to `directory`, which must contain it: `/` for the directory itself. */
export function pathInside(path: string, directory: string): string {
  if (directory === '/') return path;
  return path === directory ? '/' : path.slice(directory.length);
}

function isLonger(text: string, bytes: number): boolean {
  // A UTF-16 code unit is one to three bytes of UTF-8, so most strings need no exact count.
  if (text.length > bytes) return true;
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}

function invalid(path: string, reason: string) {
  const shown = path.length > SHOWN ? `${path.slice(0, SHOWN)}…` : path;
  return createError('INVALID_PATH', { path: JSON.stringify(shown), reason });
}
