/**
 * Translates the patterns of AGFS clients into JavaScript regular expressions.
 *
 * They are compiled in Unicode mode if possible. Unicode mode is stricter than Go about unnecessary escapes, such as
 * `\-` or `\"`; a pattern that it rejects only for those is compiled without it.
 */
import { createError } from '../../errors/index.ts';

/** The longest pattern, in characters. */
const MAX_PATTERN = 4096;

/** Maximum number of Unicode properties, such as `\p{L}`, in one pattern: compiling each builds a table. */
const MAX_PROPERTIES = 32;
const PROPERTY = /\\p\{/gi;

/** Flags at the beginning, in the syntax of Go and Python: `(?i)error`. */
const INLINE_FLAGS = /^\(\?([ims]+)\)/;

/** Syntax with a different meaning outside Unicode mode; patterns with it are never compiled without it. */
const ONLY_UNICODE = /\\[pP]\{|\\u\{/;

export interface Pattern {
  source: string;
  flags: string;
}

/** Checks a pattern. @throws INVALID_PATTERN with the reason */
export function parsePattern(text: string, caseInsensitive: boolean): Pattern {
  if (text.length > MAX_PATTERN) {
    throw createError('INVALID_PATTERN', {
      reason: `it is ${text.length} characters long, at most ${MAX_PATTERN} are allowed`,
    });
  }
  const properties = text.match(PROPERTY)?.length ?? 0;
  if (properties > MAX_PROPERTIES) {
    throw createError('INVALID_PATTERN', {
      reason: `it has ${properties} properties such as \\p{L}, at most ${MAX_PROPERTIES} are allowed`,
    });
  }
  const inline = INLINE_FLAGS.exec(text);
  const source = text.slice(inline?.[0].length ?? 0);
  const letters = new Set(inline?.[1] ?? '');
  if (caseInsensitive) letters.add('i');
  const flags = [...letters].join('');
  const strict = compileError(source, `${flags}u`);
  if (strict === undefined) return { source, flags: `${flags}u` };
  if (!ONLY_UNICODE.test(source) && compileError(source, flags) === undefined) return { source, flags };
  throw createError('INVALID_PATTERN', { reason: strict });
}

function compileError(source: string, flags: string): string | undefined {
  try {
    new RegExp(source, flags);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
