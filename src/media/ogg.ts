/**
 * Ogg (RFC 3533): pages. The header packets of Opus, Vorbis, FLAC, Theora and Speex form the header; readers may begin
 * at later pages.
 */
import { RecordingScanner } from './recording-scanner.ts';

const PAGE_HEAD = 27;
/** The bytes of the first packet of a logical stream that identify its codec. */
const FIRST_PACKET = 16;
const CONTINUED = 1;
const BEGINS = 2;

/** The number of header packets of a codec, by the start of its first packet. */
const HEADER_PACKETS: readonly [begin: string, packets: number][] = [
  ['OpusHead', 2],
  ['\x01vorbis', 3],
  ['\x80theora', 3],
  ['Speex   ', 2],
];

export class OggScanner extends RecordingScanner {
  protected override readonly maxHead = PAGE_HEAD + 255 + FIRST_PACKET;
  /** The number of missing header packets, by the serial number of the logical stream. */
  private readonly missing = new Map<number, number>();
  private hasHeader = false;
  private onlyBeginnings = false;

  protected override begins(bytes: Uint8Array): boolean {
    return isPage(bytes, 0) && (bytes[5]! & BEGINS) !== 0;
  }

  protected override onRestart(): void {
    this.onlyBeginnings = false;
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    const rest = bytes.length - at;
    if (rest < PAGE_HEAD) return 0;
    if (!isPage(bytes, at)) {
      const next = bytes.indexOf(0x4f, at + 1);
      return (next < 0 ? bytes.length : next) - at;
    }
    const segments = bytes[at + 26]!;
    const flags = bytes[at + 5]!;
    const begins = (flags & BEGINS) !== 0;
    if (rest < PAGE_HEAD + segments + (begins ? FIRST_PACKET : 0)) return 0;
    let length = PAGE_HEAD + segments;
    let ended = 0;
    for (let n = 0; n < segments; n++) {
      const size = bytes[at + PAGE_HEAD + n]!;
      length += size;
      if (size < 255) ended++;
    }
    const serial = bytes[at + 14]! | (bytes[at + 15]! << 8) | (bytes[at + 16]! << 16) | (bytes[at + 17]! << 24);
    if (begins) {
      // Several logical streams begin together, each with a separate page.
      if (!this.onlyBeginnings) {
        this.missing.clear();
        this.hasHeader = true;
        this.beginHeader(offset);
      }
      if (this.missing.size < 64) this.missing.set(serial, headerPackets(bytes, at + PAGE_HEAD + segments));
    }
    this.onlyBeginnings = begins;
    const missing = this.missing.get(serial);
    if (missing !== undefined) {
      if (missing > ended) this.missing.set(serial, missing - ended);
      else this.missing.delete(serial);
      return length;
    }
    if (this.hasHeader && this.missing.size === 0) {
      this.endHeader();
      if ((flags & CONTINUED) === 0) this.points.boundary(offset);
    }
    return length;
  }
}

function isPage(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x4f &&
    bytes[at + 1] === 0x67 &&
    bytes[at + 2] === 0x67 &&
    bytes[at + 3] === 0x53 &&
    bytes[at + 4] === 0
  );
}

function headerPackets(bytes: Uint8Array, at: number): number {
  const begin = String.fromCharCode(...bytes.subarray(at, at + FIRST_PACKET));
  // The first packet of FLAC declares the number of following header packets.
  if (begin.startsWith('\x7fFLAC')) return 1 + ((bytes[at + 7]! << 8) | bytes[at + 8]!);
  return HEADER_PACKETS.find(([known]) => begin.startsWith(known))?.[1] ?? 1;
}
