/**
 * Offsets in the form of Durable Streams: two numbers of 16 digits. Clients treat the text as opaque, and compare texts
 * byte by byte.
 *
 *     0000 412345678901 _ 0000000000001234
 *      │         │               └─ the offset in bytes
 *      │         └─ a number for the generation that the byte before the offset belongs to
 *      └─ the fork depth of that generation, 0 for a stream that is not a fork, so that offsets of a fork grow
 *
 * A stream that was removed and created again has a new generation, so that an offset of the old one never denotes a
 * place in the new one. A fork inherits its first bytes from another generation, and those offsets are the same in
 * both.
 */
import type { Stream, StreamOrigin } from '../../core/index.ts';

const DIGITS = 16;
const DEPTH_DIGITS = 4;
const GENERATION_NUMBERS = 10 ** (DIGITS - DEPTH_DIGITS);

/** The maximum depth of forks that offsets can represent. */
export const MAX_FORK_DEPTH = 10 ** DEPTH_DIGITS - 1;

/** The beginning of every stream, which clients of the protocol write out. */
export const ZERO_OFFSET = `${'0'.repeat(DIGITS)}_${'0'.repeat(DIGITS)}`;

/** The first half of offsets in a stream's own generation, cached because it is the same for thousands of runs. */
const ownPrefixes = new WeakMap<Stream, string>();

/** An offset as it is sent to clients. */
export function durableOffset(stream: Stream, offset: number): string {
  return `${prefixAt(stream, offset)}_${String(offset).padStart(DIGITS, '0')}`;
}

/** The number of ancestors of a fork; 0 for a stream that is not a fork. */
export function forkDepth({ origin }: Pick<Stream, 'origin'>): number {
  let depth = 0;
  for (let one = origin; one !== undefined; one = one.origin) depth++;
  return depth;
}

/**
 * Parses an offset from a client.
 *
 * @returns bytes; `malformed` for text that is not an offset, `another generation` for an offset of another stream
 */
export function parseDurableOffset(text: string, stream: Stream): number | 'malformed' | 'another generation' {
  if (!isDurableOffset(text)) return 'malformed';
  if (text === ZERO_OFFSET) return 0;
  const prefix = text.slice(0, DIGITS);
  const offset = Number(text.slice(DIGITS + 1));
  if (!Number.isSafeInteger(offset)) return 'another generation';
  // Clients that add one to an offset keep its first half, even if the offset was the last of its generation.
  if (prefix === prefixAt(stream, offset) || (offset > 0 && prefix === prefixAt(stream, offset - 1))) return offset;
  return 'another generation';
}

/** The offset that this exact text was sent for; undefined if it is not an offset of this stream. */
export function givenDurableOffset(text: string, stream: Stream): number | undefined {
  if (text === ZERO_OFFSET) return 0;
  const offset = Number(text.slice(DIGITS + 1));
  return Number.isSafeInteger(offset) && durableOffset(stream, offset) === text ? offset : undefined;
}

export function isDurableOffset(text: string): boolean {
  return /^\d{16}_\d{16}$/.test(text);
}

/** The first half of an offset: the generation that the byte before it belongs to. */
function prefixAt(stream: Stream, offset: number): string {
  let inherited: StreamOrigin | undefined;
  for (let one: StreamOrigin | undefined = stream.origin; one !== undefined && offset <= one.to; one = one.origin)
    inherited = one;
  if (inherited !== undefined) return prefixOf(inherited.generation, forkDepth(inherited));
  let own = ownPrefixes.get(stream);
  if (own === undefined) {
    own = prefixOf(stream.generation, forkDepth(stream));
    ownPrefixes.set(stream, own);
  }
  return own;
}

function prefixOf(generation: string, depth: number): string {
  return String(depth).padStart(DEPTH_DIGITS, '0') + String(numberOf(generation)).padStart(DIGITS - DEPTH_DIGITS, '0');
}

/** A number from 1 to 10^12 - 1 for a generation of any form (FNV-1a, twice). */
function numberOf(generation: string): number {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  for (let at = 0; at < generation.length; at++) {
    high = Math.imul(high ^ generation.charCodeAt(at), 0x01000193) >>> 0;
    low = Math.imul(low ^ generation.charCodeAt(generation.length - 1 - at), 0x01000193) >>> 0;
  }
  return 1 + ((high * 256 + (low & 0xff)) % (GENERATION_NUMBERS - 1));
}
