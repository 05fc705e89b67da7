/**
 * Path patterns, as used in the configuration of tokens: `*` stands for any characters within one path segment, `**` as
 * a whole segment for any number of segments, including none. `/streamfs/**` is a mount and everything in it.
 */
import { NO_PATH_LIMITS, normalizePath, splitPath } from '../../fs/index.ts';

type Part = RegExp | '**';

export class PathPattern {
  readonly #parts: readonly Part[];

  /** @throws TypeError for a text that is not an absolute path */
  constructor(text: string) {
    if (!text.startsWith('/'))
      throw new TypeError(`expected a pattern that begins with /, not ${JSON.stringify(text)}`);
    this.#parts = splitPath(normalizePath(text, NO_PATH_LIMITS)).map((part) => {
      if (part === '**') return part;
      if (part.includes('**')) throw new TypeError('** stands for whole segments of a path: write it between slashes');
      const source = part.split('*').map((literal) => literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
      return new RegExp(`^${source.join('.*')}$`, 'su');
    });
  }

  /** Whether the pattern matches this path, which must be normalised. */
  matches(path: string): boolean {
    return matches(this.#parts, splitPath(path));
  }

  /** Whether the pattern matches this path and every path below it. */
  covers(path: string): boolean {
    return this.#parts.at(-1) === '**' && this.matches(path);
  }

  /** Whether the pattern matches this path or one below it: a right there includes seeing the directories above it. */
  reaches(path: string): boolean {
    return reaches(this.#parts, splitPath(path));
  }
}

/** Backtracks only to the last `**`, so the cost is at most the length of the path times that of the pattern. */
function matches(parts: readonly Part[], path: readonly string[]): boolean {
  let next = 0;
  let index = 0;
  /** The last `**` seen, and the first segment of the path after those that it stands for. */
  let any = -1;
  let after = 0;
  while (index < path.length) {
    const part = parts[next];
    if (part === '**') {
      any = next++;
      after = index;
    } else if (part?.test(path[index]!)) {
      next++;
      index++;
    } else if (any >= 0) {
      next = any + 1;
      index = ++after;
    } else return false;
  }
  while (parts[next] === '**') next++;
  return next === parts.length;
}

function reaches(parts: readonly Part[], path: readonly string[]): boolean {
  for (const [index, part] of parts.entries()) {
    if (index === path.length) return true;
    // The rest of the pattern may match below any directory.
    if (part === '**') return true;
    if (!part.test(path[index]!)) return false;
  }
  return parts.length === path.length;
}
