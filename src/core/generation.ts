/** Identifiers for the lives of a path: they distinguish a stream from its predecessor (contract 29). */

/** Filled anew for each. */
const random = new Uint32Array(2);

/** What the generations of this process begin with: those of another, such as its predecessor, begin otherwise. */
const PROCESS = hex(crypto.getRandomValues(random)[0]!, 8);

/** Unlikely to repeat in any life of any server: 32 random bits of the process, 48 of the stream. */
export function newGeneration(): string {
  crypto.getRandomValues(random);
  // Joined all at once: a sum of texts is kept as its parts, which takes twice the memory.
  return [PROCESS, hex(random[0]!, 8), hex(random[1]! >>> 16, 4)].join('');
}

/** Whether a generation was made by this process, so that its stream was not lost with another. */
export function isOfThisProcess(generation: string): boolean {
  return generation.startsWith(PROCESS);
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
