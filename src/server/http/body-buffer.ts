/** A growing buffer for a body that must be complete before it is processed. */

/** The initial capacity, in bytes. */
const FIRST_BYTES = 1024;

export class BodyBuffer {
  readonly #most: number;
  readonly #charge: (bytes: number) => boolean;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  /**
   * @param most maximum length in bytes
   * @param charge called with the number of additional bytes before memory is allocated; returns whether there is room
   * for them
   */
  constructor(most: number, charge: (bytes: number) => boolean) {
    this.#most = most;
    this.#charge = charge;
  }

  get length(): number {
    return this.#length;
  }

  /** Allocated memory, in bytes. */
  get capacity(): number {
    return this.#bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds a copy of a piece that fits into the maximum length; returns false if there is no memory for it. */
  add(piece: Uint8Array): boolean {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length && !this.#grow(length)) return false;
    this.#bytes.set(piece, this.#length);
    this.#length = length;
    return true;
  }

  #grow(needed: number): boolean {
    const capacity = Math.min(Math.max(needed, 2 * this.#bytes.length, FIRST_BYTES), Math.max(needed, this.#most));
    if (!this.#charge(capacity - this.#bytes.length)) return false;
    const bytes = Buffer.allocUnsafeSlow(capacity);
    bytes.set(this.bytes);
    this.#bytes = bytes;
    return true;
  }
}
