/** Generations: identifiers that distinguish a stream from earlier streams at the same path (contract 29). */

/**
 * Letters and digits only: a generation stands in addresses, headers, and the id of every server-sent event, so it is
 * short.
 */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Scratch memory, filled for each generation. */
const random = new Uint32Array(2);

/** The prefix of all generations of this process; other processes, such as its predecessor, have another. */
const PROCESS = encode(crypto.getRandomValues(random)[0]!, 5);

/** A new generation, unlikely ever to repeat on any server: 29 random bits of the process, 41 of the stream. */
export function newGeneration(): string {
  crypto.getRandomValues(random);
  // `join` creates one flat string; concatenation keeps the parts, which takes twice the memory.
  return [PROCESS, encode(random[0]!, 5), encode(random[1]!, 2)].join('');
}

/** Whether a generation was created by this process. If not, its stream was lost with another process. */
export function isOfThisProcess(generation: string): boolean {
  return generation.startsWith(PROCESS);
}

/** The last `length` digits of an integer. */
function encode(integer: number, length: number): string {
  let digits = '';
  for (let rest = integer; digits.length < length; rest = Math.floor(rest / DIGITS.length)) {
    digits = DIGITS[rest % DIGITS.length]! + digits;
  }
  return digits;
}
