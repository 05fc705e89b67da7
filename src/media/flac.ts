/**
 * FLAC (RFC 9639): `fLaC` and metadata blocks, then frames. The head of a frame has a number and a checksum, but no
 * length. Scanning all bytes for frames and for another `fLaC` would cost more than the append itself should, so the
 * scanner steps: it searches for a frame at most every {@link STEP_BYTES}. The frame number tells whether the format
 * can have restarted since the previous frame, because numbering starts over with each restart. So steps grow with the
 * numbers. Shortly after a start, numbers prove nothing, and all bytes are searched as they arrive. If a number proves
 * nothing later, the skipped bytes are searched in the ring.
 */
import type { RingStream } from '../core/internal.ts';
import type { JoinPoints } from './join-points.ts';
import { RecordingScanner, uint32 } from './recording-scanner.ts';
import { bufferOf } from './scanner.ts';

const MARK = Buffer.from('fLaC');
const MARK_NUMBER = uint32(MARK, 0);
const MARK_END = MARK[MARK.length - 1]!;
const LAST_BLOCK = 0x80;
/** Sync code, sizes, a number of up to 7 bytes, explicit sizes of up to 4 bytes, the checksum. */
const MAX_FRAME_HEAD = 16;
/** A head, a 4-bit constant, a checksum. */
const MIN_FRAME_BYTES = 10;
/** With variable block sizes, the number of a frame is that of its first sample. */
const MAX_FRAME_SAMPLES = 65_535;
const USUAL_FRAME_SAMPLES = 4096;

/**
 * The distance from a frame to the start of the next search. If steps are shorter than the minimum, searching all bytes
 * costs no more.
 */
const SHORTEST_STEP_BYTES = 8 * 1024;
const STEP_BYTES = 64 * 1024;
/**
 * The next frame is found after the end of a step, so the skipped range may be longer by this many frames, whose sizes
 * differ.
 */
const STEP_MARGIN_FRAMES = 1.5;
/** When join points are queried, a frame is searched in this many bytes before the end. */
const NEAR_BYTES = 16 * 1024;
/** The number of steps without a frame after which the skipped bytes are searched. */
const MAX_STEPS_WITHOUT_FRAME = 2;
/** Skipped bytes must still be in the ring when they are searched, so a step is at most this fraction of it. */
const STEPS_IN_RING = 4;

const CRC8 = Uint8Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
  return crc;
});

const NOTHING = new Uint8Array(0);

type HeldBytes = Pick<RingStream, 'retention' | 'oldestHeld' | 'borrowParts'>;

export class FlacScanner extends RecordingScanner {
  protected override readonly maxHead = MAX_FRAME_HEAD;
  private readonly stream: HeldBytes;
  private readonly maxStepBytes: number;
  private stepBytes = 0;
  /** `frames`: searching for the first frame after the metadata; `stepping`: it was found. */
  private state: 'nothing' | 'metadata' | 'frames' | 'stepping' = 'nothing';
  private end = 0;
  /** The offset and the number of the newest frame. */
  private frame = 0;
  private number = 0;
  /** The two bytes with which all frames since the last header begin. */
  private sync = Buffer.alloc(2);
  /** Frame numbers are too low to prove anything: after a restart they could be reached within the shortest step. */
  private isUnproven = true;
  /** The offset at which the search for the next frame starts. */
  private searchFrom = 0;
  /** The start of a possible frame head, from `searchFrom` on, that is incomplete. */
  private headStart: Uint8Array = NOTHING;
  /** No `fLaC` mark begins before this offset, since the last header. */
  private searchedTo = 0;

  constructor(points: JoinPoints, stream: HeldBytes) {
    super(points);
    this.stream = stream;
    this.maxStepBytes = Math.min(STEP_BYTES, Math.floor(stream.retention / STEPS_IN_RING));
  }

  override take(bytes: Uint8Array, offset: number): void {
    if (this.state !== 'stepping') {
      this.takeAll(bytes, offset);
      return;
    }
    const isMissing = offset !== this.end;
    this.end = offset + bytes.length;
    if (isMissing) this.skipTo(offset);
    // Searching these bytes now is cheaper than reading them from the ring later.
    if (this.isUnproven && !this.requireNoMark(this.end, bytes, offset)) return;
    if (this.end <= this.searchFrom) return;
    this.step(bytes, offset);
  }

  /** A reader queries the join points: the skipped bytes may contain newer ones. */
  catchUp(): void {
    if (this.state !== 'stepping') return;
    this.requireNoMark(this.end);
    if (this.state !== 'stepping') return;
    const from = Math.max(this.frame + 1, this.end - NEAR_BYTES, this.stream.oldestHeld);
    if (from >= this.end) return;
    this.searchFrom = from;
    this.headStart = NOTHING;
    this.step(Buffer.concat(this.stream.borrowParts(from, this.end)), from);
  }

  // ── the start, where every byte is scanned ─────────────────────────────────────────────────────────────────────────

  private takeAll(bytes: Uint8Array, offset: number): void {
    super.take(bytes, offset);
    this.end = offset + bytes.length;
    if (this.state !== 'stepping') return;
    this.reset();
    const from = Math.max(0, this.frame + 1 - offset);
    const mark = bufferOf(bytes).indexOf(MARK, from);
    this.searchedTo = Math.max(this.frame, this.end - MARK.length + 1);
    if (mark >= 0) {
      this.state = 'nothing';
      this.takeAll(bytes.subarray(mark), offset + mark);
    } else this.step(bytes, offset);
  }

  protected override begins(bytes: Uint8Array): boolean {
    return bytes.length >= MARK.length && uint32(bytes, 0) === MARK_NUMBER;
  }

  protected override onRestart(): void {
    this.state = 'nothing';
  }

  protected override onGap(): void {
    super.onGap();
    this.state = 'nothing';
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    if (bytes.length - at < MARK.length) return 0;
    if (uint32(bytes, at) === MARK_NUMBER) {
      this.beginHeader(offset);
      this.state = 'metadata';
      return MARK.length;
    }
    if (this.state === 'metadata') {
      const length = uint32(bytes, at) & 0xffffff;
      if ((bytes[at]! & LAST_BLOCK) !== 0) this.state = 'frames';
      return 4 + length;
    }
    if (this.state === 'nothing') {
      const mark = bufferOf(bytes).indexOf(MARK, at + 1);
      return (mark < 0 ? Math.max(at + 1, bytes.length - MARK.length + 1) : mark) - at;
    }
    if (isSync(bytes, at)) {
      if (bytes.length - at < MAX_FRAME_HEAD) return 0;
      if (isFrameHead(bytes, at)) {
        this.endHeader();
        this.state = 'stepping';
        this.sync = Buffer.of(0xff, bytes[at + 1]!);
        this.points.boundary(offset);
        this.moveTo(offset, frameNumber(bytes, at));
        return Number.MAX_SAFE_INTEGER;
      }
    }
    let next = at + 1;
    while (next < bytes.length && bytes[next] !== 0xff && bytes[next] !== MARK[0]) next++;
    return next - at;
  }

  // ── from frame to frame ──────────────────────────────────────────────────────────────────────────────────────────

  /** @param frameBytes the current average frame length; undefined if unknown */
  private moveTo(offset: number, number: number, frameBytes?: number): void {
    this.frame = offset;
    this.number = number;
    const { maxStepBytes } = this;
    // Up to this distance, frames after a restart cannot have reached this number.
    const proven = number / this.framesPerByte;
    const step = frameBytes === undefined ? 0 : proven - STEP_MARGIN_FRAMES * frameBytes;
    this.isUnproven = step < Math.min(SHORTEST_STEP_BYTES, maxStepBytes);
    this.stepBytes = this.isUnproven ? maxStepBytes : Math.min(maxStepBytes, Math.floor(step));
    this.searchFrom = offset + this.stepBytes;
    this.headStart = NOTHING;
  }

  /** Continues at this offset after missing bytes. */
  private skipTo(offset: number): void {
    this.searchedTo = offset;
    this.searchFrom = offset;
    this.headStart = NOTHING;
  }

  /** Searches for frames from `searchFrom` on. */
  private step(latest: Uint8Array, latestAt: number): void {
    const { headStart } = this;
    const bytes = bufferOf(headStart.length === 0 ? latest : Buffer.concat([headStart, latest]));
    const offset = latestAt - headStart.length;
    const end = offset + bytes.length;
    while (this.searchFrom < end) {
      const at = bytes.indexOf(this.sync, Math.max(0, this.searchFrom - offset));
      if (at < 0) {
        // A last byte of 0xff may begin a sync code.
        this.wait(bytes, bytes.at(-1) === 0xff ? bytes.length - 1 : bytes.length, offset);
        break;
      }
      if (bytes.length - at < MAX_FRAME_HEAD) {
        this.wait(bytes, at, offset);
        break;
      }
      if (!isFrameHead(bytes, at)) this.searchFrom = offset + at + 1;
      else if (!this.frameFound(offset + at, frameNumber(bytes, at), latest, latestAt)) return;
    }
    if (end - this.searchedTo > MAX_STEPS_WITHOUT_FRAME * this.maxStepBytes) this.requireNoMark(end, latest, latestAt);
  }

  private wait(bytes: Uint8Array, at: number, offset: number): void {
    this.searchFrom = offset + at;
    this.headStart = bytes.slice(at);
  }

  private get isBySample(): boolean {
    return (this.sync[1]! & 1) !== 0;
  }

  /** The maximum increase of frame numbers per byte. */
  private get framesPerByte(): number {
    return (this.isBySample ? MAX_FRAME_SAMPLES : 1) / MIN_FRAME_BYTES;
  }

  /**
   * Handles a frame that was found.
   *
   * @returns false if the format has restarted, and scanning has continued at the restart
   */
  private frameFound(offset: number, number: number, latest: Uint8Array, latestAt: number): boolean {
    const { framesPerByte } = this;
    const bytes = offset - this.frame;
    const frames = number - this.number;
    const follows = frames > 0 && frames <= bytes * framesPerByte;
    const mayBeAnother = offset > this.searchedTo && number <= (offset - this.searchedTo) * framesPerByte;
    if ((mayBeAnother || !follows) && !this.requireNoMark(offset, latest, latestAt)) return false;
    this.searchedTo = Math.max(this.searchedTo, offset);
    if (follows) {
      this.points.boundary(offset);
      this.moveTo(offset, number, (bytes / frames) * (this.isBySample ? USUAL_FRAME_SAMPLES : 1));
    }
    // A false match, or a frame after missing bytes: the next frame decides.
    else this.moveTo(offset, number);
    return true;
  }

  /**
   * Searches the skipped bytes up to an offset for a `fLaC` mark, and restarts at the first one found.
   *
   * @param latest the latest bytes, at `latestAt`, which may not be in the ring yet
   * @returns true if there is none
   */
  private requireNoMark(to: number, latest?: Uint8Array, latestAt = this.end): boolean {
    const from = Math.max(this.searchedTo, this.stream.oldestHeld);
    const isInLatest =
      latest !== undefined && (from >= latestAt || (latestAt - from < MARK.length && !mayEndMark(latest)));
    const begin = isInLatest ? latestAt : from;
    const parts = begin < latestAt ? this.stream.borrowParts(begin, latestAt) : [];
    if (latest !== undefined) parts.push(latest);
    const mark = indexOfMark(parts, begin);
    if (mark < 0 || mark >= to) {
      this.searchedTo = Math.max(this.searchedTo, to - MARK.length + 1);
      return true;
    }
    this.state = 'nothing';
    let at = begin;
    for (const part of parts) {
      const skipped = Math.max(0, mark - at);
      if (skipped < part.length) this.take(part.subarray(skipped), at + skipped);
      at += part.length;
    }
    return false;
  }
}

/** The offset of the first mark in consecutive parts that begin at `offset`, or -1. */
function indexOfMark(parts: readonly Uint8Array[], offset: number): number {
  const beyond = MARK.length - 1;
  let at = offset;
  /** The last four bytes as a number. */
  let newest = 0;
  for (const part of parts) {
    for (let n = 0; n < Math.min(beyond, part.length); n++) {
      newest = ((newest << 8) | part[n]!) >>> 0;
      if (newest === MARK_NUMBER) return at + n - beyond;
    }
    if (part.length > beyond) {
      const found = bufferOf(part).indexOf(MARK);
      if (found >= 0) return at + found;
      newest = uint32(part, part.length - MARK.length);
    }
    at += part.length;
  }
  return -1;
}

/** Whether a mark that begins before these bytes can end in them. */
function mayEndMark(bytes: Uint8Array): boolean {
  return bytes.length < MARK.length || bytes[0] === MARK_END || bytes[1] === MARK_END || bytes[2] === MARK_END;
}

function isSync(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xff && (bytes[at + 1]! & 0xfe) === 0xf8;
}

/** The length of a number in bytes: the count of leading one bits, as in UTF-8, or 1 if there are none. */
function numberBytes(first: number): number {
  return first < 0x80 ? 1 : Math.clz32(~(first << 24));
}

/** Whether a valid frame head follows a sync code, by its checksum. */
function isFrameHead(bytes: Uint8Array, at: number): boolean {
  const block = bytes[at + 2]! >> 4;
  const rate = bytes[at + 2]! & 15;
  const first = bytes[at + 4]!;
  if (block === 0 || rate === 15 || (bytes[at + 3]! & 1) !== 0 || first === 0xff || (first & 0xc0) === 0x80)
    return false;
  const length =
    4 +
    numberBytes(first) +
    (block === 6 ? 1 : block === 7 ? 2 : 0) +
    (rate === 12 ? 1 : rate === 13 || rate === 14 ? 2 : 0);
  let crc = 0;
  for (let n = 0; n < length; n++) crc = CRC8[crc ^ bytes[at + n]!]!;
  return crc === bytes[at + length];
}

/** The number of a frame or of its first sample. */
function frameNumber(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 4]!;
  const count = numberBytes(first);
  let number = count === 1 ? first : first & (0x7f >> count);
  for (let n = 1; n < count; n++) number = number * 64 + (bytes[at + 4 + n]! & 0x3f);
  return number;
}
