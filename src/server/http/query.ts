/**
 * The parameters of a query, read by type. Each method checks the value; its error names the parameter, what was wrong
 * and what would be right. Unknown parameters are ignored, because clients of AGFS may send others.
 */
import { createError, isStreamFSError } from '../../errors/index.ts';
import type { QueryParameter } from '../../protocol/index.ts';
import { parseDuration, parseMode, parseSize } from '../../units/index.ts';
import { shorten } from './shorten.ts';

export interface IntegerRange {
  min?: number | undefined;
  max?: number | undefined;
}

export class Query {
  readonly #values = new Map<string, string[]>();

  constructor(pairs: readonly (readonly [string, string])[]) {
    for (const [name, value] of pairs) {
      const values = this.#values.get(name);
      if (values) values.push(value);
      else this.#values.set(name, [value]);
    }
  }

  /** A copy with another path. */
  withPath(path: string): Query {
    const query = new Query([]);
    for (const [name, values] of this.#values) query.#values.set(name, values);
    query.#values.set('path', [path]);
    return query;
  }

  has(name: QueryParameter): boolean {
    return this.#values.has(name);
  }

  /** Whether all parameters are among `names`. */
  hasOnly(names: ReadonlySet<string>): boolean {
    for (const name of this.#values.keys()) if (!names.has(name)) return false;
    return true;
  }

  /** The value as received, or the first of several: for the log, which must not fail. */
  first(name: QueryParameter): string {
    return this.#values.get(name)?.[0] ?? '';
  }

  /** The value, never empty; undefined if absent. A repeated parameter is ambiguous, and refused. */
  text(name: QueryParameter): string | undefined {
    const values = this.#values.get(name);
    if (!values) return undefined;
    if (values.length > 1) throw invalid(name, 'given more than once');
    const value = values[0]!;
    if (value === '') throw invalid(name, 'is empty; leave it out or give a value');
    return value;
  }

  /** The path, as received. Absent or empty is PATH_REQUIRED (contract 66). */
  path(): string {
    if (this.#values.get('path')?.every((value) => value === '') ?? true) throw createError('PATH_REQUIRED');
    return this.text('path')!;
  }

  /** `true`, `false`, `1` or `0`. */
  boolean(name: QueryParameter): boolean | undefined {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return undefined;
    if (value === 'true' || value === '1') return true;
    if (value === 'false' || value === '0') return false;
    throw invalid(name, `must be true or false, got ${shorten(value)}`);
  }

  /** An integer in plain decimal digits, exact as a JavaScript number and within `range` (contract 59). */
  integer(name: QueryParameter, range: IntegerRange = {}): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (!/^-?\d{1,20}$/.test(value)) throw invalid(name, `must be a whole number, got ${shorten(value)}`);
    const number = Number(value) + 0;
    const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = range;
    if (number < min) throw invalid(name, `must be ${min} or more, got ${value}`);
    if (number > max) throw invalid(name, `must be at most ${max}, got ${value}`);
    return number;
  }

  /** Bytes, with or without a unit; `0` is allowed here. */
  size(name: QueryParameter): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    return value === '0' ? 0 : withName(name, () => parseSize(value));
  }

  /** Milliseconds of a duration such as `30`, `500ms`, `5m`. */
  duration(name: QueryParameter): number | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : withName(name, () => parseDuration(value));
  }

  /** One of the given words. */
  oneOf<T extends string>(name: QueryParameter, words: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw invalid(name, `must be one of ${words.join(', ')}; got ${shorten(value)}`);
    return word;
  }

  /** Permission bits in octal or decimal (contract 61). */
  mode(name: QueryParameter): number | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : parseMode(value);
  }
}

/** Calls a parser of units, whose errors do not name the parameter, and adds the name. */
function withName(name: string, read: () => number): number {
  try {
    return read();
  } catch (error) {
    if (isStreamFSError(error, 'CONFIG_INVALID')) throw invalid(name, error.message);
    throw error;
  }
}

function invalid(name: string, reason: string) {
  return createError('INVALID_PARAMETER', { name, reason });
}
