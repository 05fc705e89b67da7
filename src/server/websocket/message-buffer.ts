/** Assembles a message that arrives in several pieces. Its memory is at most twice the bytes that have arrived. */

const MIN_CAPACITY_BYTES = 1024;
const EMPTY = Buffer.alloc(0);

export class MessageBuffer {
  private readonly max: number;
  private memory = EMPTY;
  length = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** Allocated memory, in bytes. */
  get capacity(): number {
    return this.memory.length;
  }

  /** The caller must have checked that the part fits into the maximum length. */
  add(part: Uint8Array): void {
    const needed = this.length + part.length;
    if (needed > this.memory.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.min(this.max, Math.max(MIN_CAPACITY_BYTES, 2 * this.memory.length, needed)),
      );
      grown.set(this.memory.subarray(0, this.length));
      this.memory = grown;
    }
    this.memory.set(part, this.length);
    this.length = needed;
  }

  /** All bytes, valid until the next call of `add`. */
  bytes(): Buffer {
    return this.memory.subarray(0, this.length);
  }

  clear(): void {
    this.memory = EMPTY;
    this.length = 0;
  }
}
