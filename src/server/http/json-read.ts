/**
 * Reads the JSON body of a request: small, and charged for what it takes. What is too long is refused before it comes,
 * what is too much for its length before it is parsed.
 */
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createError, limitReached, type StreamFSError } from '../../errors/index.ts';
import type { HeapMemory } from '../limits/heap-memory.ts';
import { scanJson } from './json-scan.ts';
import { type BodyLimits, bodyTooLarge, gatherBody } from './whole-body.ts';

/** What bounds a JSON body. */
export interface JsonLimits extends BodyLimits {
  memory: HeapMemory;
}

/** What was read, and the memory charged for it, to be released once it is not used any more. */
export interface JsonBody {
  readonly value: Readonly<Record<string, unknown>>;
  readonly charged: number;
}

/** What a value takes at most, in bytes: an object of one field with a name that no other has. */
const BYTES_PER_VALUE = 160;
/** Bytes of text for each byte of a body at most: two for each character while it is read, two for what it is made into. */
const BYTES_PER_TEXT_BYTE = 4;

/** Bodies of this many bytes or more are parsed in their own turn of the event loop. */
const YIELD_FROM_BYTES = 8 * 1024;

/**
 * Reads a JSON object. After an error the rest of the body is still in the socket: the answer sees to it.
 *
 * @throws BODY_TOO_LARGE, INVALID_BODY, BODY_BROKE_OFF, BODY_TIMEOUT, MEMORY_LIMIT
 */
export async function readJson(req: IncomingMessage, limits: JsonLimits): Promise<JsonBody> {
  const { size, memory } = limits;
  if (Number(req.headers['content-length'] ?? 0) > size) throw bodyTooLarge(limits);
  let charged = 0;
  const charge = (bytes: number) => {
    if (!memory.tryTake(bytes)) return false;
    charged += bytes;
    return true;
  };
  try {
    const gathered = await gatherBody(req, limits, charge);
    const { bytes, length } = gathered;
    if (length >= YIELD_FROM_BYTES) await ownTurn();
    const parsed = BYTES_PER_TEXT_BYTE * length + BYTES_PER_VALUE * scanJson(bytes);
    if (!charge(parsed)) throw limitReached('MEMORY_LIMIT', 'memory', memory.limit);
    const value = parseObject(bytes);
    memory.give(charged - parsed);
    return { value, charged: parsed };
  } catch (error) {
    memory.give(charged);
    throw error;
  }
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** One after the other: many bodies that have come at once hold up nothing for longer than one of them would. */
function ownTurn(): Promise<unknown> {
  lastTurn = lastTurn.then(() => nextTurn());
  return lastTurn;
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

export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function invalid(reason: string): StreamFSError {
  return createError('INVALID_BODY', { reason });
}
