/**
 * WebM and Matroska (RFC 9559): an EBML head, a segment with metadata and tracks, then clusters. A reader may begin at
 * a cluster whose first video block is a key frame, or, without video, at any cluster.
 */
import { RecordingScanner, uint32 } from './recording-scanner.ts';

const EBML = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const TRACKS = 0x1654ae6b;
const TRACK = 0xae;
const TRACK_NUMBER = 0xd7;
const TRACK_TYPE = 0x83;
const SIMPLE_BLOCK = 0xa3;
const VIDEO = 1;
const KEY_FRAME = 0x80;
/**
 * The bytes of a block's content that are read: track number, timestamp, flags. A head is an id, a size and these
 * bytes.
 */
const MAX_CONTENT = 8 + 3;
const MAX_HEAD = 4 + 8 + MAX_CONTENT;
const UNKNOWN = -1;

/** Elements whose children are parsed rather than skipped. */
const ENTERED = new Set([SEGMENT, CLUSTER, TRACKS, TRACK]);
/**
 * Elements that occur next to and in clusters. After the header, any other element means that the scanner is out of
 * sync.
 */
const AFTER_HEADER = new Set([
  ...[EBML, SEGMENT, CLUSTER, TRACKS, SIMPLE_BLOCK],
  // Block groups and encrypted blocks, timestamps and sizes, silent tracks, padding and checksums.
  ...[0xa0, 0xaf, 0xe7, 0xa7, 0xab, 0x5854, 0xec, 0xbf],
  // Seek heads, info, cues, chapters, attachments, tags.
  ...[0x114d9b74, 0x1549a966, 0x1c53bb6b, 0x1043a770, 0x1941a469, 0x1254c367],
]);
/** Elements whose content is read. */
const READ = new Set([SIMPLE_BLOCK, TRACK_NUMBER, TRACK_TYPE]);

export class WebmScanner extends RecordingScanner {
  protected override readonly maxHead = MAX_HEAD;
  private hasHeader = false;
  /** The scanner is out of sync: it accepts only a cluster or a new header. */
  private isOutOfSync = false;
  /** The numbers of the video tracks. */
  private readonly video = new Set<number>();
  private trackNumber = 0;
  private trackType = 0;
  /** The offset of a cluster that is not yet known to be a join point; -1: none. */
  private cluster = -1;

  protected override begins(bytes: Uint8Array): boolean {
    return bytes.length >= 4 && uint32(bytes, 0) === EBML;
  }

  protected override onGap(): void {
    super.onGap();
    this.isOutOfSync = true;
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    const idLength = vintLength(bytes[at]!);
    // No element has an id that begins with a zero byte or is longer than four bytes. After a loss, the next cluster
    // restores synchronisation.
    if (idLength > 4) return this.search(bytes, at);
    if (bytes.length - at < idLength + 1) return 0;
    const sizeLength = vintLength(bytes[at + idLength]!);
    if (sizeLength > 8) return this.search(bytes, at);
    const head = idLength + sizeLength;
    if (bytes.length - at < head) return 0;
    let id = 0;
    for (let n = 0; n < idLength; n++) id = id * 256 + bytes[at + n]!;
    const size = vint(bytes, at + idLength, sizeLength);
    if (this.isOutOfSync && id !== CLUSTER && id !== EBML) return this.search(bytes, at);
    if (!this.isRecording && !AFTER_HEADER.has(id)) return this.search(bytes, at);
    if (READ.has(id) && bytes.length - at < head + Math.min(size, MAX_CONTENT)) return 0;
    this.isOutOfSync = false;
    this.element(id, bytes, at + head, size, offset);
    if (ENTERED.has(id)) return head;
    return size === UNKNOWN ? this.search(bytes, at) : head + size;
  }

  private element(id: number, bytes: Uint8Array, at: number, size: number, offset: number): void {
    switch (id) {
      case EBML:
        this.hasHeader = true;
        this.video.clear();
        this.cluster = -1;
        this.beginHeader(offset);
        break;
      case TRACK:
        this.trackNumber = this.trackType = 0;
        break;
      case TRACK_NUMBER:
        this.trackNumber = number(bytes, at, size);
        this.noteTrack();
        break;
      case TRACK_TYPE:
        this.trackType = number(bytes, at, size);
        this.noteTrack();
        break;
      case CLUSTER:
        this.endHeader();
        this.cluster = -1;
        if (!this.hasHeader) break;
        if (this.video.size === 0) this.points.boundary(offset);
        else this.cluster = offset;
        break;
      case SIMPLE_BLOCK:
        this.block(bytes, at, size);
        break;
    }
  }

  private noteTrack(): void {
    if (this.trackType === VIDEO && this.trackNumber > 0 && this.video.size < 64) this.video.add(this.trackNumber);
  }

  private block(bytes: Uint8Array, at: number, size: number): void {
    if (this.cluster < 0) return;
    const length = vintLength(bytes[at] ?? 0);
    if (length > 8 || size < length + 3 || at + length + 3 > bytes.length) return;
    if (!this.video.has(vint(bytes, at, length))) return;
    if ((bytes[at + length + 2]! & KEY_FRAME) !== 0) this.points.boundary(this.cluster);
    this.cluster = -1;
  }

  /** Skips to where a cluster or a new EBML head may begin. */
  private search(bytes: Uint8Array, at: number): number {
    this.isOutOfSync = true;
    for (let next = at + 1; next < bytes.length; next++) {
      if (bytes[next] === 0x1f || bytes[next] === 0x1a) return next - at;
    }
    return bytes.length - at;
  }
}

/** The length in bytes of a variable-size integer, by its first byte; 9 if invalid. */
function vintLength(first: number): number {
  return Math.clz32(first) - 23;
}

/** The value of a variable-size integer without its length marker; -1 for an unknown size. */
function vint(bytes: Uint8Array, at: number, length: number): number {
  let value = bytes[at]! & (0xff >> length);
  let ones = value === 0xff >> length;
  for (let n = 1; n < length; n++) {
    value = value * 256 + bytes[at + n]!;
    ones &&= bytes[at + n] === 0xff;
  }
  return ones ? UNKNOWN : Math.min(value, Number.MAX_SAFE_INTEGER);
}

function number(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let n = 0; n < Math.min(size, 4); n++) value = value * 256 + (bytes[at + n] ?? 0);
  return value;
}
