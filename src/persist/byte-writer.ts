/** A buffer for encoding records: variable-length integers, text and raw bytes. */

const FIRST_CAPACITY = 4096;

/** The maximum size of a number written by {@link ByteWriter.number}. */
const LONGEST_NUMBER_BYTES = 8;

export class ByteWriter {
  #buffer: Buffer;
  /** A view of the same memory, for fixed-length numbers. */
  #view: DataView;
  #length = 0;

  constructor(capacity = FIRST_CAPACITY) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
    this.#view = viewOf(this.#buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes written so far. Valid until the next write or clear. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** The bytes written from a position on. Valid as long as {@link bytes}. */
  from(at: number): Buffer {
    return this.#buffer.subarray(at, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Reserves space for the caller to fill, and returns its position. */
  reserve(length: number): number {
    const at = this.#length;
    if (at + length > this.#buffer.length) this.#grow(at + length);
    this.#length = at + length;
    return at;
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    this.#view = viewOf(larger);
  }

  byte(value: number): void {
    const at = this.reserve(1);
    this.#buffer[at] = value;
  }

  /** Writes an integer from 0 to 2^53 - 1: seven bits per byte, lowest first. */
  number(value: number): void {
    let at = this.#length;
    if (at + LONGEST_NUMBER_BYTES > this.#buffer.length) this.#grow(at + LONGEST_NUMBER_BYTES);
    const buffer = this.#buffer;
    let rest = value;
    while (rest >= 128) {
      buffer[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    buffer[at++] = rest;
    this.#length = at;
  }

  /** Writes a 16-bit integer into reserved space, little-endian. */
  setUint16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  /** Writes a 32-bit integer into reserved space, little-endian. */
  setUint32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** Writes a 48-bit integer into reserved space, little-endian. */
  setUint48(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
    this.#view.setUint16(at + 4, value / 2 ** 32, true);
  }

  data(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  text(value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    this.number(bytes.length);
    this.data(bytes);
  }
}

function viewOf({ buffer, byteLength, byteOffset }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/**
 * Decodes the output of a {@link ByteWriter}.
 *
 * @throws RangeError when reading beyond the end: the bytes are invalid
 */
export class ByteReader {
  readonly #bytes: Buffer;
  at: number;
  readonly #end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  byte(): number {
    if (this.at >= this.#end) throw new RangeError('bytes end too early');
    return this.#bytes[this.at++]!;
  }

  number(): number {
    const first = this.byte();
    if (first < 128) return first;
    let value = first & 127;
    let factor = 128;
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
      if (factor > 2 ** 53) throw new RangeError('a number is too long');
    }
  }

  data(length: number): Buffer {
    if (length > this.#end - this.at) throw new RangeError('bytes end too early');
    const bytes = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    return bytes;
  }

  text(): string {
    const length = this.number();
    if (length > this.#end - this.at) throw new RangeError('bytes end too early');
    const from = this.at;
    this.at += length;
    return this.#bytes.toString('utf8', from, this.at);
  }
}
