/** Generations: identifiers that distinguish a stream from earlier streams at the same path (contract 29). */

/** Scratch memory, filled for each generation. */
const random = new Uint32Array(2);

/** The prefix of all generations of this process; other processes, such as its predecessor, have another. */
const PROCESS = hex(crypto.getRandomValues(random)[0]!, 8);

/** A new generation, unlikely ever to repeat on any server: 32 random bits of the process, 48 of the stream. */
export function newGeneration(): string {
  crypto.getRandomValues(random);
  // `join` creates one flat string; concatenation keeps the parts, which takes twice the memory.
  return [PROCESS, hex(random[0]!, 8), hex(random[1]! >>> 16, 4)].join('');
}

/** Whether a generation was created by this process. If not, its stream was lost with another process. */
export function isOfThisProcess(generation: string): boolean {
  return generation.startsWith(PROCESS);
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
