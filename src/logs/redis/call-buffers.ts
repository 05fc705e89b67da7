/** Reusable buffers for the bytes of calls: allocating memory of this size costs more than copying into it. */

/** Bytes per buffer. */
const BUFFER_BYTES = 1024 * 1024;

/** Shorter batches use Node's own pool. */
const MIN_BYTES = 32 * 1024;

const MAX_FREE = 4;

export class CallBuffers {
  readonly #free: Buffer[] = [];

  /** Concatenates chunks. Release the result once it has been sent, or leave it to the garbage collector. */
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

  /** Makes a pooled buffer available again; ignores any other buffer. */
  release(bytes: Buffer): void {
    const { buffer } = bytes;
    if (buffer.byteLength !== BUFFER_BYTES || this.#free.length === MAX_FREE) return;
    this.#free.push(Buffer.from(buffer as ArrayBuffer));
  }
}
