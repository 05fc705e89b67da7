/**
 * JSON bodies: small, limited, checked field by field. Bodies that are content (PUT) are not read here: they stream
 * through `ingest`.
 */
import type { IncomingMessage } from 'node:http';
import { createError, isStreamFSError, limitReached } from '../../errors/index.ts';
import { isIntegerFrom, parseDuration } from '../../units/index.ts';
import { kindOf, readJson } from './json-read.ts';
import type { Exchange } from './route.ts';
import { shorten } from './shorten.ts';

/** Refuses a body that says it is longer than `limit` bytes, before any of it is read (contract 70). */
function checkContentLength(req: IncomingMessage, limit: number): void {
  if (Number(req.headers['content-length'] ?? 0) > limit) throw limitReached('BODY_TOO_LARGE', 'body_size', limit);
}

/**
 * The limit for a body that is written to `path`, once it is known not to be over it already: streams take bodies of
 * any length, other files must hold what they are given (contract 70). Undefined: none, or none that could be reached.
 */
export async function bodyLimit({ req, server }: Exchange, path: string): Promise<number | undefined> {
  const limit = server.maxRequestBodyBytes;
  // Node's parser holds a body to the length it declares, so there is nothing to ask the file about.
  if (Number(req.headers['content-length'] ?? Number.NaN) <= limit) return undefined;
  const { isAppendOnly } = await server.mounts.capabilities(path);
  if (isAppendOnly) return undefined;
  checkContentLength(req, limit);
  return limit;
}

/** How many times as long as other JSON a body may be that is content: the `data` of a write, messages of a stream. */
const DATA_SHARE = 4;

/** What a body of JSON may have: what holds for every body holds for these as well (contract 70). */
export function jsonLimit(
  { maxJsonBodyBytes, maxRequestBodyBytes }: Exchange['server'],
  isData: boolean,
): { size: number; limit: 'json_size' | 'body_size' } {
  const most = maxJsonBodyBytes * (isData ? DATA_SHARE : 1);
  return most <= maxRequestBodyBytes
    ? { size: most, limit: 'json_size' }
    : { size: maxRequestBodyBytes, limit: 'body_size' };
}

/** Half of a character: UTF-8 cannot say it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Reads the JSON body of a request, within the limits of the server. It is charged for until the answer is over. */
export async function jsonOf({ req, res, server }: Exchange, isData = false): Promise<Fields> {
  const { values, heap: memory } = server.limits;
  const { size, limit } = jsonLimit(server, isData);
  const { value, charged } = await readJson(req, { size, limit, idle: values.bodyTimeout, memory });
  if (res.destroyed) memory.give(charged);
  else res.once('close', () => memory.give(charged));
  return new Fields(value);
}

/** The fields of a JSON object, read by type. `null` counts as absent, as Go clients write it. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** A text that must be there; an empty one is PARAMETER_REQUIRED, as in `newPath is required`. */
  requiredText(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw createError('PARAMETER_REQUIRED', { name });
    return value;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw mistyped(name, 'a string', value);
    if (LONE_SURROGATE.test(value)) {
      throw invalid(`"${name}" holds half of a character: \\ud800 to \\udfff mean something in pairs only`);
    }
    return value;
  }

  boolean(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw mistyped(name, 'true or false', value);
  }

  /** A whole number from `min` to `max`. */
  integer(name: string, min: number, max: number): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw mistyped(name, 'a number', value);
    if (!isIntegerFrom(min, value, max)) {
      throw invalid(`"${name}" must be a whole number from ${min} to ${max}, not ${value}`);
    }
    return value;
  }

  /** One of a few words. */
  oneOf<T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.text(name);
    const word = words.find((candidate) => candidate === value);
    if (value === undefined || word !== undefined) return word;
    throw invalid(`"${name}" must be one of ${words.join(', ')}; not ${shorten(value)}`);
  }

  /** Milliseconds of a number of seconds, or of a text such as "5m". */
  duration(name: string): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' && typeof value !== 'string') throw mistyped(name, 'a duration', value);
    try {
      return parseDuration(value);
    } catch (error) {
      throw isStreamFSError(error) ? invalid(`"${name}": ${error.message}`) : error;
    }
  }

  object(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) throw mistyped(name, 'an object', value);
    return value as Record<string, unknown>;
  }

  value(name: string): NonNullable<unknown> | undefined {
    return Object.hasOwn(this.#values, name) ? (this.#values[name] ?? undefined) : undefined;
  }
}

function mistyped(name: string, expected: string, value: unknown) {
  return invalid(`"${name}" must be ${expected}, not ${kindOf(value)}`);
}

function invalid(reason: string) {
  return createError('INVALID_BODY', { reason });
}
