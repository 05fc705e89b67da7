/** Bytes that are put together before they are written: whole numbers as short as they are, text, and other bytes. */

const FIRST_CAPACITY = 4096;

/** The longest that {@link ByteWriter.number} may write. */
const LONGEST_NUMBER_BYTES = 8;

export class ByteWriter {
  #buffer: Buffer;
  /** The same memory, for numbers of a fixed length. */
  #view: DataView;
  #length = 0;

  constructor(capacity = FIRST_CAPACITY) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
    this.#view = viewOf(this.#buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What has been put in so far; good until more is, or it is cleared. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** What has been put in from a position on; good as {@link bytes} is. */
  from(at: number): Buffer {
    return this.#buffer.subarray(at, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Makes room, and gives where it begins: the caller fills it. */
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

  /** A whole number from 0 to 2^53 - 1: seven bits a byte, the lowest first. */
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

  /** Puts a whole number of 16 bits where there is room for it, the lowest byte first. */
  setUint16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  /** The same of 32 bits. */
  setUint32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** And of 48 bits. */
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

/** Reads what a {@link ByteWriter} wrote. @throws RangeError beyond the end: the bytes are not what they should be */
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
