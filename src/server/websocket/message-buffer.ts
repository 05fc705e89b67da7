/** Where a message is put together that comes in several pieces. What is kept is at most twice what has come. */

const SMALLEST_BYTES = 1024;
const EMPTY = Buffer.alloc(0);

export class MessageBuffer {
  private readonly max: number;
  private memory = EMPTY;
  length = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** Memory that is kept, in bytes. */
  get capacity(): number {
    return this.memory.length;
  }

  /** The caller has made sure that it stays within the most there may be. */
  add(part: Uint8Array): void {
    const needed = this.length + part.length;
    if (needed > this.memory.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.min(this.max, Math.max(SMALLEST_BYTES, 2 * this.memory.length, needed)),
      );
      grown.set(this.memory.subarray(0, this.length));
      this.memory = grown;
    }
    this.memory.set(part, this.length);
    this.length = needed;
  }

  /** All of it, until the next is added. */
  bytes(): Buffer {
    return this.memory.subarray(0, this.length);
  }

  clear(): void {
    this.memory = EMPTY;
    this.length = 0;
  }
}
