/**
 * WebM and Matroska (RFC 9559): an EBML head, a segment with facts and tracks, then clusters. A reader begins at a cluster
 * whose first block of video is a key frame; at any where there is no video.
 */
import { RecordingWalker, uint32 } from './recording-walker.ts';

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
/** An id, a size, and of a block the number of its track, its time and its flags. */
const MAX_CONTENT = 8 + 3;
const MAX_HEAD = 4 + 8 + MAX_CONTENT;
const UNKNOWN = -1;

/** What is entered rather than gone over. */
const ENTERED = new Set([SEGMENT, CLUSTER, TRACKS, TRACK]);
/** What stands beside clusters and in them: of anything else the bytes are no elements behind the header. */
const BEHIND_HEADER = new Set([
  ...[EBML, SEGMENT, CLUSTER, TRACKS, SIMPLE_BLOCK],
  // Groups of blocks and encrypted blocks, times and sizes, silent tracks, filling and checksums.
  ...[0xa0, 0xaf, 0xe7, 0xa7, 0xab, 0x5854, 0xec, 0xbf],
  // Tables of contents, facts, cues, chapters, attachments, tags.
  ...[0x114d9b74, 0x1549a966, 0x1c53bb6b, 0x1043a770, 0x1941a469, 0x1254c367],
]);
/** What is looked into. */
const READ = new Set([SIMPLE_BLOCK, TRACK_NUMBER, TRACK_TYPE]);

export class WebmWalker extends RecordingWalker {
  protected override readonly maxHead = MAX_HEAD;
  private hasHeader = false;
  /** The bytes are no elements: only a cluster or a new header is recognised in them. */
  private isLost = false;
  /** Numbers of the tracks of video. */
  private readonly video = new Set<number>();
  private trackNumber = 0;
  private trackType = 0;
  /** The cluster of which it is not yet known whether a reader may begin there; -1: none. */
  private cluster = -1;

  protected override begins(bytes: Uint8Array): boolean {
    return bytes.length >= 4 && uint32(bytes, 0) === EBML;
  }

  protected override lost(): void {
    super.lost();
    this.isLost = true;
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    const idLength = vintLength(bytes[at]!);
    // Nothing begins with a zero, nor with an id of more than four bytes: what was lost is found by the next cluster.
    if (idLength > 4) return this.search(bytes, at);
    if (bytes.length - at < idLength + 1) return 0;
    const sizeLength = vintLength(bytes[at + idLength]!);
    if (sizeLength > 8) return this.search(bytes, at);
    const head = idLength + sizeLength;
    if (bytes.length - at < head) return 0;
    let id = 0;
    for (let n = 0; n < idLength; n++) id = id * 256 + bytes[at + n]!;
    const size = vint(bytes, at + idLength, sizeLength);
    if (this.isLost && id !== CLUSTER && id !== EBML) return this.search(bytes, at);
    if (!this.isRecording && !BEHIND_HEADER.has(id)) return this.search(bytes, at);
    if (READ.has(id) && bytes.length - at < head + Math.min(size, MAX_CONTENT)) return 0;
    this.isLost = false;
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

  /** Goes on to where a cluster or a new head may begin. */
  private search(bytes: Uint8Array, at: number): number {
    this.isLost = true;
    for (let next = at + 1; next < bytes.length; next++) {
      if (bytes[next] === 0x1f || bytes[next] === 0x1a) return next - at;
    }
    return bytes.length - at;
  }
}

/** How many bytes a number takes that begins with this one; 9 where none does. */
function vintLength(first: number): number {
  return Math.clz32(first) - 23;
}

/** A number without the mark of its length; -1 for a size that is not known. */
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
