/** What is searched for, and where a line has it. */

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
  let expression: RegExp;
  try {
    expression = new RegExp(
      isRegex ? text : text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'),
      isCaseSensitive ? 'gu' : 'giu',
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : String(error);
    return { reason };
  }
  return {
    test(line) {
      expression.lastIndex = 0;
      return expression.test(line) !== isInverted;
    },
    ranges(line) {
      const found: [number, number][] = [];
      if (isInverted) return found;
      expression.lastIndex = 0;
      for (const match of line.matchAll(expression)) {
        // An expression such as `x*` matches nothing at every place.
        if (match[0] !== '') found.push([match.index, match.index + match[0].length]);
        if (found.length === MAX_RANGES) break;
      }
      return found;
    },
  };
}
