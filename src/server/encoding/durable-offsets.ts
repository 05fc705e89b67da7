/**
 * Offsets as Durable Streams writes them: two numbers of 16 digits, of which clients take the text as it is, and compare
 * texts byte by byte.
 *
 *     0000 412345678901 _ 0000000000001234
 *      │         │               └─ the offset in bytes
 *      │         └─ the life of the stream that the byte before it belongs to: from its generation
 *      └─ how many forks that life is away from a stream that is none, so that offsets of a fork grow
 *
 * A stream that was removed and created again is another life, so that an offset of the one is never taken for a place in
 * the other. A fork has its first bytes from another life, and those offsets are the same in both.
 */
import type { Stream, StreamOrigin } from '../../core/index.ts';

const DIGITS = 16;
const DEPTH_DIGITS = 4;
const LIFE = 10 ** (DIGITS - DEPTH_DIGITS);

/** The most forks in a row of which offsets can be told. */
export const MAX_FORK_DEPTH = 10 ** DEPTH_DIGITS - 1;

/** The beginning of every stream: what clients of the protocol write out. */
export const ZERO_OFFSET = `${'0'.repeat(DIGITS)}_${'0'.repeat(DIGITS)}`;

/** The first half of the offsets that belong to a stream's own life; the same for each of thousands of runs. */
const ownLives = new WeakMap<Stream, string>();

/** An offset as it is given out. */
export function durableOffset(stream: Stream, offset: number): string {
  return `${lifeAt(stream, offset)}_${String(offset).padStart(DIGITS, '0')}`;
}

/** How many forks a stream is away from one that is none. */
export function forkDepth({ origin }: Pick<Stream, 'origin'>): number {
  let depth = 0;
  for (let one = origin; one !== undefined; one = one.origin) depth++;
  return depth;
}

/**
 * Reads an offset that a client gives.
 *
 * @returns bytes; `malformed` for what is no offset, `another life` for one of another stream
 */
export function parseDurableOffset(text: string, stream: Stream): number | 'malformed' | 'another life' {
  if (!isDurableOffset(text)) return 'malformed';
  if (text === ZERO_OFFSET) return 0;
  const life = text.slice(0, DIGITS);
  const offset = Number(text.slice(DIGITS + 1));
  if (!Number.isSafeInteger(offset)) return 'another life';
  // Clients that add one to an offset keep its first half, also where that was the last of its life.
  if (life === lifeAt(stream, offset) || (offset > 0 && life === lifeAt(stream, offset - 1))) return offset;
  return 'another life';
}

/** Which offset of a stream a text is given out as, to the letter; undefined where it is none of this stream. */
export function givenDurableOffset(text: string, stream: Stream): number | undefined {
  if (text === ZERO_OFFSET) return 0;
  const offset = Number(text.slice(DIGITS + 1));
  return Number.isSafeInteger(offset) && durableOffset(stream, offset) === text ? offset : undefined;
}

export function isDurableOffset(text: string): boolean {
  return /^\d{16}_\d{16}$/.test(text);
}

/** The life that the byte before an offset belongs to. */
function lifeAt(stream: Stream, offset: number): string {
  let inherited: StreamOrigin | undefined;
  for (let one: StreamOrigin | undefined = stream.origin; one !== undefined && offset <= one.to; one = one.origin)
    inherited = one;
  if (inherited !== undefined) return life(inherited.generation, forkDepth(inherited));
  let own = ownLives.get(stream);
  if (own === undefined) {
    own = life(stream.generation, forkDepth(stream));
    ownLives.set(stream, own);
  }
  return own;
}

function life(generation: string, depth: number): string {
  return String(depth).padStart(DEPTH_DIGITS, '0') + String(numberOf(generation)).padStart(DIGITS - DEPTH_DIGITS, '0');
}

/** A number from 1 to 10^12 - 1 for a generation, whatever that looks like (FNV-1a, twice). */
function numberOf(generation: string): number {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  for (let at = 0; at < generation.length; at++) {
    high = Math.imul(high ^ generation.charCodeAt(at), 0x01000193) >>> 0;
    low = Math.imul(low ^ generation.charCodeAt(generation.length - 1 - at), 0x01000193) >>> 0;
  }
  return 1 + ((high * 256 + (low & 0xff)) % (LIFE - 1));
}
