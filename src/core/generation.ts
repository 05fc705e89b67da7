/** Names for the lives of a path, so that a stream can be told from its predecessor (contract 29). */

/** Unlikely to repeat in any life of any server: 32 bits of time, 48 random ones. */
export function newGeneration(): string {
  const random = crypto.getRandomValues(new Uint8Array(6));
  const time = Math.floor(Date.now() / 1000).toString(16);
  // Joined all at once: a sum of texts is kept as its parts, which takes twice the memory.
  return [time, ...Array.from(random, (byte) => byte.toString(16).padStart(2, '0'))].join('');
}
