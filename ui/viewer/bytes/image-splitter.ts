/**
 * Extracts images from a stream of bytes, whatever is between them: MJPEG with or without boundaries, or an image that
 * is rewritten from time to time. Each format is parsed by its own structure, so that an embedded preview does not end
 * an image.
 */

export interface FoundImage {
  /** Offset of its first byte. */
  offset: number;
  type: 'image/jpeg' | 'image/png' | 'image/gif' | 'image/webp';
  bytes: Uint8Array;
}

/** A larger image is skipped. */
const MAX_IMAGE_BYTES = 16 * 1024 * 1024;

/** Length of the longest signature of an image. */
const SIGNATURE_BYTES = 12;

export class ImageSplitter {
  #kept = new Uint8Array(64 * 1024);
  #length = 0;
  /** Offset of the first kept byte. */
  #offset = 0;
  #type: FoundImage['type'] | undefined;
  /** How far the structure has been parsed. */
  #walked = 0;
  #tooLarge = 0;

  /** Number of images skipped because they are too large. */
  get tooLarge(): number {
    return this.#tooLarge;
  }

  /** The images that `data` completes, as copies. */
  push(offset: number, data: Uint8Array): FoundImage[] {
    if (this.#offset + this.#length !== offset) this.#forget(offset);
    this.#keep(data);
    const images: FoundImage[] = [];
    while (true) {
      if (this.#type === undefined && !this.#findBeginning()) return images;
      const end = this.#findEnd();
      if (end === undefined) {
        if (this.#length > MAX_IMAGE_BYTES) {
          this.#tooLarge += 1;
          // Bytes within an image are not searched for the beginning of another.
          this.#drop(this.#length);
        }
        return images;
      }
      images.push({ offset: this.#offset, type: this.#type!, bytes: this.#kept.slice(0, end) });
      this.#drop(end);
    }
  }

  /** After a gap: an unfinished image will not be completed. */
  #forget(offset: number): void {
    this.#length = 0;
    this.#offset = offset;
    this.#type = undefined;
    this.#walked = 0;
  }

  #keep(data: Uint8Array): void {
    if (this.#length + data.length > this.#kept.length) {
      const larger = new Uint8Array(Math.max(this.#length + data.length, this.#kept.length * 2));
      larger.set(this.#kept.subarray(0, this.#length));
      this.#kept = larger;
    }
    this.#kept.set(data, this.#length);
    this.#length += data.length;
  }

  #drop(count: number): void {
    this.#kept.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#offset += count;
    this.#type = undefined;
    this.#walked = 0;
  }

  /** Finds the first image, and drops the bytes before it. */
  #findBeginning(): boolean {
    const bytes = this.#kept.subarray(0, this.#length);
    for (let at = 0; at < bytes.length; at++) {
      const type = typeAt(bytes, at);
      if (type === undefined) continue;
      this.#drop(at);
      if (type === 'not enough') return false;
      this.#type = type;
      return true;
    }
    this.#drop(this.#length);
    return false;
  }

  #findEnd(): number | undefined {
    const walk = WALKS[this.#type!];
    const bytes = this.#kept.subarray(0, this.#length);
    const reached = walk(bytes, this.#walked);
    this.#walked = reached.at;
    return reached.isEnd ? reached.at : undefined;
  }
}

function typeAt(bytes: Uint8Array, at: number): FoundImage['type'] | 'not enough' | undefined {
  const first = bytes[at];
  if (first !== 0xff && first !== 0x89 && first !== 0x47 && first !== 0x52) return undefined;
  const is = (...wanted: (number | undefined)[]) => {
    for (const [i, byte] of wanted.entries()) {
      if (at + i >= bytes.length) return undefined;
      if (byte !== undefined && bytes[at + i] !== byte) return false;
    }
    return true;
  };
  const known: [FoundImage['type'], boolean | undefined][] = [
    ['image/jpeg', is(0xff, 0xd8, 0xff)],
    ['image/png', is(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)],
    ['image/gif', is(0x47, 0x49, 0x46, 0x38, undefined, 0x61)],
    ['image/webp', is(0x52, 0x49, 0x46, 0x46, undefined, undefined, undefined, undefined, 0x57, 0x45, 0x42, 0x50)],
  ];
  for (const [type, found] of known) if (found === true) return type;
  return known.some(([, found]) => found === undefined) && bytes.length - at < SIGNATURE_BYTES
    ? 'not enough'
    : undefined;
}

/** Continues to parse the structure from `at`, the end of the previous call (0 at first). */
type Walk = (bytes: Uint8Array, at: number) => { at: number; isEnd: boolean };

const WALKS: Readonly<Record<FoundImage['type'], Walk>> = {
  'image/jpeg': walkJpeg,
  'image/png': walkPng,
  'image/gif': walkGif,
  'image/webp': walkWebp,
};

/** Segments with a length field, and after a start of scan the coded data up to the next marker. */
function walkJpeg(bytes: Uint8Array, at: number): { at: number; isEnd: boolean } {
  while (at + 2 <= bytes.length) {
    const marker = bytes[at + 1]!;
    const isCoded = bytes[at] !== 0xff || marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7);
    if (isCoded) {
      const next = bytes.indexOf(0xff, at + 1);
      at = next < 0 ? bytes.length - 1 : next;
      if (next < 0) break;
    } else if (marker === 0xd9) {
      return { at: at + 2, isEnd: true };
    } else if (marker === 0xd8 || marker === 1) {
      at += 2;
    } else {
      if (at + 4 > bytes.length) break;
      const next = at + 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
      if (next > bytes.length) break;
      at = next;
    }
  }
  return { at, isEnd: false };
}

function walkPng(bytes: Uint8Array, at: number): { at: number; isEnd: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  at = Math.max(at, 8);
  while (at + 12 <= bytes.length) {
    const next = at + 12 + view.getUint32(at);
    if (next > bytes.length) break;
    const isEnd = view.getUint32(at + 4) === 0x49_45_4e_44;
    at = next;
    if (isEnd) return { at, isEnd };
  }
  return { at, isEnd: false };
}

function walkGif(bytes: Uint8Array, at: number): { at: number; isEnd: boolean } {
  const table = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  if (at === 0) {
    if (bytes.length < 13) return { at, isEnd: false };
    const next = 13 + table(bytes[10]!);
    if (next > bytes.length) return { at, isEnd: false };
    at = next;
  }
  while (at < bytes.length) {
    if (bytes[at] === 0x3b) return { at: at + 1, isEnd: true };
    let next = at + 2;
    if (bytes[at] === 0x2c) {
      if (at + 10 > bytes.length) break;
      next = at + 11 + table(bytes[at + 9]!);
    } else if (bytes[at] !== 0x21) {
      // Not a GIF after all: the image ends here, and the rest is searched again.
      return { at, isEnd: true };
    }
    while (next < bytes.length && bytes[next] !== 0) next += 1 + bytes[next]!;
    if (next >= bytes.length) break;
    at = next + 1;
  }
  return { at, isEnd: false };
}

function walkWebp(bytes: Uint8Array): { at: number; isEnd: boolean } {
  const length = 8 + new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(4, true);
  const end = length + (length % 2);
  return bytes.length >= end ? { at: end, isEnd: true } : { at: 0, isEnd: false };
}
