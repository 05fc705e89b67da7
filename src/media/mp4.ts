/** Fragmented MP4 (ISO 14496-12): `ftyp` and `moov`, then fragments that each begin with a `moof`. */
import { RecordingScanner, uint32 } from './recording-scanner.ts';

const FTYP = code('ftyp');
const MOOF = code('moof');
const MDAT = code('mdat');
/** Boxes that may precede the `moof` of a fragment and belong to it. */
const BEFORE_FRAGMENT = new Set(['styp', 'sidx', 'prft', 'emsg'].map(code));
/** Other box types whose declared length is trusted. */
const KNOWN = new Set(['moov', 'mfra', 'free', 'skip', 'wide', 'uuid', 'meta', 'udta', 'pssh'].map(code));
/** The longest box of an unknown type. After missing bytes, other data might be misread as a box. */
const MAX_UNKNOWN_BYTES = 64 * 1024;
const MAX_FTYP_BYTES = 1024;

export class Mp4Scanner extends RecordingScanner {
  protected override readonly maxHead = 16;
  /** The start of a fragment whose `moof` is still to come; -1: none. */
  private fragment = -1;
  private hasHeader = false;
  /** The scanner is out of sync: it accepts only a fragment or a new header. */
  private isOutOfSync = false;

  protected override begins(bytes: Uint8Array): boolean {
    return bytes.length >= 8 && uint32(bytes, 4) === FTYP && uint32(bytes, 0) <= MAX_FTYP_BYTES;
  }

  protected override onGap(): void {
    super.onGap();
    this.isOutOfSync = true;
    this.fragment = -1;
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    if (bytes.length - at < 8) return 0;
    const size = uint32(bytes, at);
    const type = uint32(bytes, at + 4);
    if (size === 1 && bytes.length - at < 16) return 0;
    const length = size === 1 ? uint32(bytes, at + 8) * 2 ** 32 + uint32(bytes, at + 12) : size;
    if (!this.isBox(type, length)) return this.search(bytes, at);
    this.isOutOfSync = false;
    if (type === FTYP) {
      this.hasHeader = true;
      this.fragment = -1;
      this.beginHeader(offset);
    } else if (BEFORE_FRAGMENT.has(type) && this.fragment < 0) {
      this.endHeader();
      this.fragment = offset;
    } else if (type === MOOF) {
      this.endHeader();
      if (this.hasHeader) this.points.boundary(this.fragment < 0 ? offset : this.fragment);
      this.fragment = -1;
    } else if (type === MDAT) this.endHeader();
    return length;
  }

  private isBox(type: number, length: number): boolean {
    if (length < 8) return false;
    if (type === FTYP) return length <= MAX_FTYP_BYTES;
    if (type === MOOF || BEFORE_FRAGMENT.has(type)) return true;
    if (this.isOutOfSync) return false;
    return type === MDAT || KNOWN.has(type) || (length <= MAX_UNKNOWN_BYTES && isPrintable(type));
  }

  /** Skips to where a recognised box may begin: their types start with one of a few letters. */
  private search(bytes: Uint8Array, at: number): number {
    this.isOutOfSync = true;
    const last = bytes.length - 8;
    let next = at + 1;
    while (next <= last && !isFirstLetter(bytes[next + 4]!)) next++;
    return next - at;
  }
}

/** The first letters of `ftyp`, `moof`, `styp` and `sidx`, `prft`, `emsg`. */
function isFirstLetter(byte: number): boolean {
  return byte === 0x66 || byte === 0x6d || byte === 0x73 || byte === 0x70 || byte === 0x65;
}

/** Whether all four characters may occur in a box type. */
function isPrintable(type: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const byte = (type >>> shift) & 0xff;
    if ((byte < 0x20 || byte > 0x7e) && byte !== 0xa9) return false;
  }
  return true;
}

function code(type: string): number {
  return uint32(Buffer.from(type, 'latin1'), 0);
}
