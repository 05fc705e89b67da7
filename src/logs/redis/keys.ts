/** Names of keys in Redis. All keys of a stream have its path as hash tag, so that they are in one slot. */
import { randomBytes } from 'node:crypto';

export class Keys {
  readonly index: string;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.index = `${prefix}index`;
  }

  stream(path: string): string {
    return `${this.#prefix}{${path}}`;
  }

  /** The bytes of one generation of a stream; also the channel of its tail. */
  bytes(path: string, generation: string): string {
    return `${this.stream(path)}:${generation}`;
  }

  /** The stream's hash, its bytes, and the three keys of its producers. */
  all(path: string, generation: string): string[] {
    const stream = this.stream(path);
    return [stream, `${stream}:${generation}`, `${stream}:p`, `${stream}:i`, `${stream}:b`];
  }
}

/** Digits of the timestamp in a generation: milliseconds since 1970. */
const TIME_DIGITS = 12;

/**
 * 20 hexadecimal digits: the creation time, then a random number.
 *
 * @param now by the clock of Redis
 */
export function newGeneration(now: number): string {
  return now.toString(16).padStart(TIME_DIGITS, '0') + randomBytes(4).toString('hex');
}

export function createdAtOf(generation: string): number {
  return Number.parseInt(generation.slice(0, TIME_DIGITS), 16);
}
