/**
 * Patterns as clients of the original send them, made into JavaScript's regular expressions.
 *
 * They are read in Unicode mode where that accepts them. It is stricter than Go about escapes that mean themselves,
 * such as `\-` or `\"`; a pattern it refuses only for that is read without it.
 */
import { createError } from '../../errors/index.ts';

/** The longest pattern, in characters. */
const MAX_PATTERN = 4096;

/** Properties of Unicode, such as `\p{L}`, in one pattern: each is a table that is put together when it is read. */
const MAX_PROPERTIES = 32;
const PROPERTY = /\\p\{/gi;

/** Flags at the beginning, as Go and Python write them: `(?i)error`. */
const INLINE_FLAGS = /^\(\?([ims]+)\)/;

/** What means something else, or nothing, outside Unicode mode; such a pattern is never read there. */
const ONLY_UNICODE = /\\[pP]\{|\\u\{/;

export interface Pattern {
  source: string;
  flags: string;
}

/** Checks a pattern. INVALID_PATTERN says what is wrong with it. */
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
