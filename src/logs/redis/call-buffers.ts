/** Memory for the bytes of calls, used again: new memory of this size costs more than what is copied into it. */

/** Bytes of each. */
const BUFFER_BYTES = 1024 * 1024;

/** Shorter batches take memory of Node's own pool. */
const MIN_BYTES = 32 * 1024;

const MAX_FREE = 4;

export class CallBuffers {
  readonly #free: Buffer[] = [];

  /** All chunks together. What it gives is to be given back once it has been sent, or left to be collected. */
  concat(chunks: readonly Uint8Array[], length: number): Buffer {
    if (length < MIN_BYTES || length > BUFFER_BYTES) return Buffer.concat(chunks, length);
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    let at = 0;
    for (const chunk of chunks) {
      buffer.set(chunk, at);
      at += chunk.length;
    }
    return buffer.subarray(0, length);
  }

  /** Where it is one of these, it may be used again. */
  give(bytes: Buffer): void {
    const { buffer } = bytes;
    if (buffer.byteLength !== BUFFER_BYTES || this.#free.length === MAX_FREE) return;
    this.#free.push(Buffer.from(buffer as ArrayBuffer));
  }
}
