/**
 * JSON bodies: small, limited, checked field by field. Bodies that are file content (PUT) are not read here: they
 * stream through `ingest`.
 */
import type { IncomingMessage } from 'node:http';
import { createError, isStreamFSError, limitReached } from '../../errors/index.ts';
import { isIntegerFrom, parseDuration } from '../../units/index.ts';
import { kindOf, readJson } from './json-read.ts';
import type { Exchange } from './route.ts';
import { shorten } from './shorten.ts';

/** Refuses a body whose Content-Length exceeds `limit` bytes, before any of it is read (contract 70). */
function checkContentLength(req: IncomingMessage, limit: number): void {
  if (Number(req.headers['content-length'] ?? 0) > limit) throw limitReached('BODY_TOO_LARGE', 'body_size', limit);
}

/**
 * The limit for a body that is written to `path`: streams take bodies of any length, other files must store the body
 * (contract 70). Undefined: no limit, or the Content-Length is within it.
 * @throws BODY_TOO_LARGE if the Content-Length exceeds it
 */
export async function bodyLimit({ req, server }: Exchange, path: string): Promise<number | undefined> {
  const limit = server.maxRequestBodyBytes;
  // Node's parser enforces the Content-Length, so the file need not be asked.
  if (Number(req.headers['content-length'] ?? Number.NaN) <= limit) return undefined;
  const { isAppendOnly } = await server.mounts.capabilities(path);
  if (isAppendOnly) return undefined;
  checkContentLength(req, limit);
  return limit;
}

/** How many times longer than other JSON a body with content may be: the `data` of a write, messages of a stream. */
const DATA_SHARE = 4;

/** The limit for a JSON body. The limit for all bodies applies as well (contract 70). */
export function jsonLimit(
  { maxJsonBodyBytes, maxRequestBodyBytes }: Exchange['server'],
  isData: boolean,
): { size: number; limit: 'json_size' | 'body_size' } {
  const most = maxJsonBodyBytes * (isData ? DATA_SHARE : 1);
  return most <= maxRequestBodyBytes
    ? { size: most, limit: 'json_size' }
    : { size: maxRequestBodyBytes, limit: 'body_size' };
}

/** Half of a surrogate pair, which UTF-8 cannot represent. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Reads the JSON body of a request within the server's limits. Its memory is charged until the response is over. */
export async function jsonOf({ req, res, server }: Exchange, isData = false): Promise<Fields> {
  const { values, heap: memory } = server.limits;
  const { size, limit } = jsonLimit(server, isData);
  const { value, charged } = await readJson(req, { size, limit, idle: values.bodyTimeout, memory });
  if (res.destroyed) memory.give(charged);
  else res.once('close', () => memory.give(charged));
  return new Fields(value);
}

/** The fields of a JSON object, read by type. `null` counts as absent, because Go clients send it for absent fields. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** A required string; a missing or empty one is PARAMETER_REQUIRED, as in `newPath is required`. */
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
      throw invalid(`"${name}" holds half of a character: \\ud800 to \\udfff are valid only in pairs`);
    }
    return value;
  }

  boolean(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw mistyped(name, 'true or false', value);
  }

  /** An integer from `min` to `max`. */
  integer(name: string, min: number, max: number): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw mistyped(name, 'a number', value);
    if (!isIntegerFrom(min, value, max)) {
      throw invalid(`"${name}" must be a whole number from ${min} to ${max}, not ${value}`);
    }
    return value;
  }

  /** One of the given words. */
  oneOf<T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.text(name);
    const word = words.find((candidate) => candidate === value);
    if (value === undefined || word !== undefined) return word;
    throw invalid(`"${name}" must be one of ${words.join(', ')}; not ${shorten(value)}`);
  }

  /** Milliseconds, from a number of seconds or a string such as "5m". */
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
