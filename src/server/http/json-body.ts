/**
 * JSON bodies: small, limited, checked field by field. Bodies that are content (PUT) are not read here: they stream
 * through `ingest`.
 */
import type { IncomingMessage } from 'node:http';
import type { MemoryBudget } from '../../core/index.ts';
import { fail, isStreamFSError, limitReached, type StreamFSError } from '../../errors/index.ts';
import { parseDuration } from '../../units/index.ts';
import { isBroken } from '../ingest/broken-body.ts';
import { askForBody } from '../ingest/expectation.ts';
import { bodyTimeout } from '../ingest/receive.ts';
import type { Exchange } from './route.ts';
import { shorten } from './shorten.ts';

/** A body up to so many bytes is charged to its connection; a longer one to the memory of the server. */
const CHARGED_FROM = 8 * 1024;

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

/** What bounds a JSON body. */
export interface JsonLimits {
  /** Bytes. */
  size: number;
  /** Milliseconds it may stand still: it is a few bytes, only a broken client stops in it. 0: for ever. */
  idle: number;
  memory: MemoryBudget;
}

/** Half of a character: UTF-8 cannot say it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Reads the JSON body of a request, within the limits of the server. */
export function jsonOf({ req, server }: Exchange): Promise<Fields> {
  const { limits, memory } = server.bounds;
  return readJson(req, { size: server.maxRequestBodyBytes, idle: limits.bodyTimeout, memory });
}

/**
 * Reads a JSON object. Errors: BODY_TOO_LARGE, INVALID_BODY, BODY_BROKE_OFF, BODY_TIMEOUT, MEMORY_LIMIT.
 * After an error the rest of the body is still in the socket: the answer sees to it.
 */
export async function readJson(req: IncomingMessage, limits: JsonLimits): Promise<Fields> {
  checkContentLength(req, limits.size);
  return new Fields(parseObject(await readBytes(req, limits)));
}

function readBytes(req: IncomingMessage, { size, idle, memory }: JsonLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    let charged = 0;
    const settle = (error?: StreamFSError) => {
      clearTimeout(timer);
      memory.give(charged);
      req.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak).pause();
      if (error) reject(error);
      else resolve(Buffer.concat(pieces));
    };
    const onData = (piece: Buffer) => {
      length += piece.length;
      timer?.refresh();
      if (length > size) return settle(limitReached('BODY_TOO_LARGE', 'body_size', size));
      if (length > CHARGED_FROM) {
        // Once as pieces, once put together.
        if (!memory.tryTake(2 * piece.length)) return settle(limitReached('MEMORY_LIMIT', 'memory', memory.limit));
        charged += 2 * piece.length;
      }
      pieces.push(piece);
    };
    const onEnd = () => (isBroken(req) ? onBreak() : settle());
    const onBreak = () => settle(fail('BODY_BROKE_OFF', { written: 0 }, { written: 0 }));
    const timer = idle === 0 ? undefined : setTimeout(() => settle(bodyTimeout(idle, 0)), idle);
    askForBody(req);
    req.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak);
  });
}

function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  if (bytes.length === 0) throw invalid('it is empty, a JSON object is expected');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid('it is not UTF-8');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`it must be a JSON object, not ${kindOf(value)}`);
  }
  return value as Record<string, unknown>;
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
    if (value === undefined || value === '') throw fail('PARAMETER_REQUIRED', { name });
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
    if (!Number.isInteger(value) || value < min || value > max) {
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

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function mistyped(name: string, expected: string, value: unknown) {
  return invalid(`"${name}" must be ${expected}, not ${kindOf(value)}`);
}

function invalid(reason: string) {
  return fail('INVALID_BODY', { reason });
}
