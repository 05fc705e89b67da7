/**
 * Reads a small JSON body, and charges for its memory. A body that is too long is refused before it is read, and one
 * with too many values before it is parsed.
 */
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createError, limitReached, type StreamFSError } from '../../errors/index.ts';
import type { HeapMemory } from '../limits/heap-memory.ts';
import { scanJson } from './json-scan.ts';
import { type BodyLimits, bodyTooLarge, bufferBody } from './whole-body.ts';

/** The limits of a JSON body. */
export interface JsonLimits extends BodyLimits {
  memory: HeapMemory;
}

/** The parsed body, and the memory charged for it, which must be released when the body is no longer used. */
export interface JsonBody {
  readonly value: Readonly<Record<string, unknown>>;
  readonly charged: number;
}

/** Maximum memory of one parsed value, in bytes: an object with one field whose name is unique. */
const BYTES_PER_VALUE = 160;
/** Maximum memory of text per byte of a body: two for each character while it is parsed, two in the result. */
const BYTES_PER_TEXT_BYTE = 4;

/** Bodies of this many bytes or more are parsed in a separate turn of the event loop. */
const YIELD_FROM_BYTES = 8 * 1024;

/**
 * Reads a JSON object. After an error the rest of the body is still unread; sending the response discards it.
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
    const gathered = await bufferBody(req, limits, charge);
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

/** Turns are serialised: many bodies that arrive at once block the event loop no longer than one of them. */
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
