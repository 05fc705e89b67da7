/** FLAC (RFC 9639): `fLaC` and blocks of metadata, then frames, each with a checksum of its head. */
import { RecordingWalker, uint32 } from './recording-walker.ts';

const MARK = 0x664c6143;
const LAST_BLOCK = 0x80;
/** Sync code, sizes, up to 7 bytes of a number, up to 4 of sizes, the checksum. */
const MAX_FRAME_HEAD = 16;

const CRC8 = Uint8Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
  return crc;
});

/** Bytes that are gone over behind a frame: places to begin are wanted every now and then. */
const STRIDE_BYTES = 16 * 1024;
/** The mark, and the head of the block that must follow it, as far as all have it. */
const BEGINNING = Buffer.from('fLaC');

export class FlacWalker extends RecordingWalker {
  /** The last bytes, in which the mark may have begun. */
  private tail = new Uint8Array(0);

  /** A mark is looked for everywhere, also in what is gone over. */
  override take(bytes: Uint8Array, offset: number): void {
    const { tail } = this;
    const seam = Buffer.concat([tail, bytes.subarray(0, BEGINNING.length - 1)]).indexOf(BEGINNING);
    if (this.state === 'frames' && seam >= 0) {
      this.restart();
      super.take(tail.subarray(seam), offset - tail.length + seam);
    }
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let from = 0;
    for (let mark = all.indexOf(BEGINNING); mark >= 0; mark = all.indexOf(BEGINNING, mark + 1)) {
      super.take(bytes.subarray(from, mark), offset + from);
      if (this.state === 'frames') this.restart();
      from = mark;
    }
    super.take(bytes.subarray(from), offset + from);
    const keep = BEGINNING.length - 1;
    this.tail = bytes.length >= keep ? bytes.slice(-keep) : Uint8Array.from([...tail, ...bytes].slice(-keep));
  }

  private restart(): void {
    this.reset();
    this.state = 'nothing';
    this.sync = undefined;
  }

  protected override readonly maxHead = MAX_FRAME_HEAD;
  private state: 'nothing' | 'metadata' | 'frames' = 'nothing';
  /** The two bytes with which all frames of this life begin: whether blocks are of one size is the same for all. */
  private sync: Buffer | undefined;

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    if (bytes.length - at < 4) return 0;
    if (uint32(bytes, at) === MARK && this.state !== 'metadata') {
      this.beginHeader(offset);
      this.state = 'metadata';
      return 4;
    }
    if (this.state === 'metadata') {
      const length = uint32(bytes, at) & 0xffffff;
      if ((bytes[at]! & LAST_BLOCK) !== 0) this.state = 'frames';
      return 4 + length;
    }
    return this.frame(bytes, at, offset);
  }

  private frame(bytes: Uint8Array, at: number, offset: number): number {
    if (this.state === 'frames' && bytes[at] === 0xff && (bytes[at + 1]! & 0xfe) === 0xf8) {
      if (bytes.length - at < MAX_FRAME_HEAD) return 0;
      const length = frameHead(bytes, at);
      if (length > 0) {
        this.endHeader();
        this.points.boundary(offset);
        this.sync ??= Buffer.of(0xff, bytes[at + 1]!);
        return STRIDE_BYTES;
      }
    }
    if (this.sync === undefined) {
      const next = bytes.indexOf(0xff, at + 1);
      return (next < 0 ? bytes.length : next) - at;
    }
    const next = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(this.sync, at + 1);
    if (next >= 0) return next - at;
    // Of the last byte it is not yet known what follows.
    return Math.max(1, bytes.length - (bytes.at(-1) === 0xff ? 1 : 0) - at);
  }
}

/** The length of a frame's head, whose checksum is right; 0 where it is none. */
function frameHead(bytes: Uint8Array, at: number): number {
  const block = bytes[at + 2]! >> 4;
  const rate = bytes[at + 2]! & 15;
  const first = bytes[at + 4]!;
  if (block === 0 || rate === 15 || (bytes[at + 3]! & 1) !== 0 || first === 0xff || (first & 0xc0) === 0x80) return 0;
  // As in UTF-8, the ones at its beginning say how many bytes the number has.
  const number = first < 0x80 ? 1 : Math.clz32(~(first << 24));
  const length =
    4 + number + (block === 6 ? 1 : block === 7 ? 2 : 0) + (rate === 12 ? 1 : rate === 13 || rate === 14 ? 2 : 0);
  let crc = 0;
  for (let n = 0; n < length; n++) crc = CRC8[crc ^ bytes[at + n]!]!;
  return crc === bytes[at + length] ? length + 1 : 0;
}
