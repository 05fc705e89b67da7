/**
 * Patterns of paths, as tokens name what they are for: `*` stands for any characters within one part of a path, `**`
 * as a whole part for any number of parts, none included. `/streamfs/**` is a mount and all in it.
 */
import { normalizePath, splitPath } from '../../fs/index.ts';

type Part = RegExp | '**';

export class PathPattern {
  readonly #parts: readonly Part[];

  /** @throws TypeError for a text that is no absolute path, with what would be right */
  constructor(text: string) {
    if (!text.startsWith('/'))
      throw new TypeError(`expected a pattern that begins with /, not ${JSON.stringify(text)}`);
    this.#parts = splitPath(normalizePath(text)).map((part) => {
      if (part === '**') return part;
      if (part.includes('**')) throw new TypeError('** stands for whole parts of a path: write it between slashes');
      const source = part.split('*').map((literal) => literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
      return new RegExp(`^${source.join('.*')}$`, 'su');
    });
  }

  /** Whether it is for this path, which must be normal. */
  matches(path: string): boolean {
    return matchFrom(this.#parts, 0, splitPath(path), 0);
  }

  /** Whether it is for every path below this one, and for itself. */
  covers(path: string): boolean {
    const parts = splitPath(path);
    return this.#parts.some(
      (part, index) => part === '**' && index === this.#parts.length - 1 && matchFrom(this.#parts, 0, parts, 0),
    );
  }

  /** Whether it is for this path or for some path below it: whoever may see those may see the way to them. */
  reaches(path: string): boolean {
    return reachFrom(this.#parts, 0, splitPath(path), 0);
  }
}

function matchFrom(parts: readonly Part[], at: number, path: readonly string[], from: number): boolean {
  let index = from;
  for (let next = at; next < parts.length; next++) {
    const part = parts[next]!;
    if (part === '**') {
      for (let skip = index; skip <= path.length; skip++) if (matchFrom(parts, next + 1, path, skip)) return true;
      return false;
    }
    if (index === path.length || !part.test(path[index]!)) return false;
    index++;
  }
  return index === path.length;
}

function reachFrom(parts: readonly Part[], at: number, path: readonly string[], from: number): boolean {
  let index = from;
  for (let next = at; next < parts.length; next++) {
    if (index === path.length) return true;
    const part = parts[next]!;
    // What comes after may match whatever lies below.
    if (part === '**') return true;
    if (!part.test(path[index]!)) return false;
    index++;
  }
  return index === path.length;
}
