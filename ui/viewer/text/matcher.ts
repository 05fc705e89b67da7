/** A search, and its hits in a line. */
import { Pattern } from './pattern.ts';

export interface Search {
  text: string;
  isRegex: boolean;
  isCaseSensitive: boolean;
  /** Lines without a match count as hits. */
  isInverted: boolean;
}

export const NO_SEARCH: Search = { text: '', isRegex: false, isCaseSensitive: false, isInverted: false };

export interface Matcher {
  test(text: string): boolean;
  /** The ranges of the hits, each from its first character to the one after its last; none for an inverted search. */
  ranges(text: string): [from: number, to: number][];
}

/** Maximum number of hits marked in a line. */
const MAX_RANGES = 200;

/** Undefined for an empty search; the reason if the expression is invalid. */
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
        // An expression such as `x*` has empty matches everywhere.
        if (to > from) found.push(hit);
        at = to > from ? to : to + (line.codePointAt(to)! > 0xffff ? 2 : 1);
      }
      return found;
    },
  };
}

/** The first hit at or after a position. */
type Find = (line: string, from: number) => [from: number, to: number] | undefined;

/** The address of a view may come from anyone, with an expression that takes a browser's engine for ever. */
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
