/** What is searched for, and where a line has it. */
import { Pattern } from './pattern.ts';

export interface Search {
  text: string;
  isRegex: boolean;
  isCaseSensitive: boolean;
  /** Lines without it count as hits. */
  isInverted: boolean;
}

export const NO_SEARCH: Search = { text: '', isRegex: false, isCaseSensitive: false, isInverted: false };

export interface Matcher {
  test(text: string): boolean;
  /** Where hits are, from first to behind the last character; none where lines without it are asked for. */
  ranges(text: string): [from: number, to: number][];
}

/** More hits in a line than that are not marked. */
const MAX_RANGES = 200;

/** Undefined for an empty search; the reason where the expression is wrong. */
export function matcherFor(search: Search): Matcher | { reason: string } | undefined {
  const { isCaseSensitive, isInverted, isRegex, text } = search;
  if (text === '') return undefined;
  let find: Find;
  try {
    find = isRegex ? findPattern(text, isCaseSensitive) : findText(text, isCaseSensitive);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : String(error);
    return { reason };
  }
  return {
    test: (line) => (find(line, 0) !== undefined) !== isInverted,
    ranges(line) {
      const found: [number, number][] = [];
      if (isInverted) return found;
      for (let at = 0; at <= line.length && found.length < MAX_RANGES; ) {
        const hit = find(line, at);
        if (hit === undefined) break;
        const [from, to] = hit;
        // An expression such as `x*` matches nothing at every place.
        if (to > from) found.push(hit);
        at = to > from ? to : to + (line.codePointAt(to)! > 0xffff ? 2 : 1);
      }
      return found;
    },
  };
}

/** The first hit from a place on. */
type Find = (line: string, from: number) => [from: number, to: number] | undefined;

/** The address of a view may come from anybody, with an expression that a browser would never be done with. */
function findPattern(source: string, isCaseSensitive: boolean): Find {
  const pattern = new Pattern(source, isCaseSensitive ? 'u' : 'iu');
  return (line, from) => pattern.find(line, from);
}

function findText(text: string, isCaseSensitive: boolean): Find {
  const expression = new RegExp(text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'), isCaseSensitive ? 'gu' : 'giu');
  return (line, from) => {
    expression.lastIndex = from;
    const match = expression.exec(line);
    return match === null ? undefined : [match.index, expression.lastIndex];
  };
}
