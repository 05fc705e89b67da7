/** Names for the lives of a path, so that a stream can be told from its predecessor (contract 29). */

/** Filled anew for each. */
const random = new Uint32Array(2);

/** Unlikely to repeat in any life of any server: 32 bits of time, 48 random ones. */
export function newGeneration(): string {
  crypto.getRandomValues(random);
  // Joined all at once: a sum of texts is kept as its parts, which takes twice the memory.
  return [hex(Math.floor(Date.now() / 1000), 8), hex(random[0]!, 8), hex(random[1]! >>> 16, 4)].join('');
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
