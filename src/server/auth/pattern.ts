/**
 * Patterns of paths, as tokens name what they are for: `*` stands for any characters within one part of a path, `**`
 * as a whole part for any number of parts, none included. `/streamfs/**` is a mount and all in it.
 */
import { NO_PATH_LIMITS, normalizePath, splitPath } from '../../fs/index.ts';

type Part = RegExp | '**';

export class PathPattern {
  readonly #parts: readonly Part[];

  /** @throws TypeError for a text that is no absolute path, with what would be right */
  constructor(text: string) {
    if (!text.startsWith('/'))
      throw new TypeError(`expected a pattern that begins with /, not ${JSON.stringify(text)}`);
    this.#parts = splitPath(normalizePath(text, NO_PATH_LIMITS)).map((part) => {
      if (part === '**') return part;
      if (part.includes('**')) throw new TypeError('** stands for whole parts of a path: write it between slashes');
      const source = part.split('*').map((literal) => literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
      return new RegExp(`^${source.join('.*')}$`, 'su');
    });
  }

  /** Whether it is for this path, which must be normal. */
  matches(path: string): boolean {
    return matches(this.#parts, splitPath(path));
  }

  /** Whether it is for every path below this one, and for itself. */
  covers(path: string): boolean {
    return this.#parts.at(-1) === '**' && this.matches(path);
  }

  /** Whether it covers this path or some path below it: a right there includes seeing the directories on the way. */
  reaches(path: string): boolean {
    return reaches(this.#parts, splitPath(path));
  }
}

/** Of several `**` only the last one met is ever tried anew, so the cost is that of path times pattern at most. */
function matches(parts: readonly Part[], path: readonly string[]): boolean {
  let next = 0;
  let index = 0;
  /** The last `**` met, and the first part of the path behind what it stands for. */
  let any = -1;
  let behind = 0;
  while (index < path.length) {
    const part = parts[next];
    if (part === '**') {
      any = next++;
      behind = index;
    } else if (part?.test(path[index]!)) {
      next++;
      index++;
    } else if (any >= 0) {
      next = any + 1;
      index = ++behind;
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
