/**
 * FLAC (RFC 9639): `fLaC` and blocks of metadata, then frames, each with a number and a checksum of its head, but without a
 * length. To look through all bytes for frames and for another `fLaC` costs more than the append itself should, so a frame
 * is looked for every {@link STEP_BYTES} at most. Its number says whether another life can have begun since the one before:
 * numbers begin anew with each. So steps grow with the numbers, and a young life, in which numbers prove nothing, is
 * searched as it comes. Where a number that was met proves nothing, the bytes between are searched in the ring.
 */
import type { RingStream } from '../core/internal.ts';
import type { JoinPoints } from './join-points.ts';
import { RecordingWalker, uint32 } from './recording-walker.ts';
import { bufferOf } from './walker.ts';

const MARK = Buffer.from('fLaC');
const MARK_NUMBER = uint32(MARK, 0);
const MARK_END = MARK[MARK.length - 1]!;
const LAST_BLOCK = 0x80;
/** Sync code, sizes, up to 7 bytes of a number, up to 4 of sizes, the checksum. */
const MAX_FRAME_HEAD = 16;
/** A head, a constant of four bits, a checksum. */
const MIN_FRAME_BYTES = 10;
/** Where blocks have different sizes frames are numbered by their first sample. */
const MAX_FRAME_SAMPLES = 65_535;
const USUAL_FRAME_SAMPLES = 4096;

/** From a frame to where the next is looked for. With steps that are shorter than the shortest, a search costs no more. */
const SHORTEST_STEP_BYTES = 8 * 1024;
const STEP_BYTES = 64 * 1024;
/** A frame is found behind a step: what is gone over may be longer by so many frames, of which sizes differ. */
const STEP_MARGIN_FRAMES = 1.5;
/** How far before the end a frame is looked for when a reader asks where to begin. */
const NEAR_BYTES = 16 * 1024;
/** What is gone over without a frame before it is searched, in steps. */
const MAX_STEPS_WITHOUT_FRAME = 2;
/** What is gone over must still be in the ring when it is to be searched: a step is this part of it at most. */
const STEPS_IN_RING = 4;

const CRC8 = Uint8Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
  return crc;
});

const NOTHING = new Uint8Array(0);

type HeldBytes = Pick<RingStream, 'retention' | 'oldestHeld' | 'borrowParts'>;

export class FlacWalker extends RecordingWalker {
  protected override readonly maxHead = MAX_FRAME_HEAD;
  private readonly stream: HeldBytes;
  private readonly maxStepBytes: number;
  private stepBytes = 0;
  /** `frames`: the first frame behind the metadata is looked for; `stepping`: it was found. */
  private state: 'nothing' | 'metadata' | 'frames' | 'stepping' = 'nothing';
  private end = 0;
  /** The newest frame: where it begins, and its number. */
  private frame = 0;
  private number = 0;
  /** The two bytes with which all frames of this life begin. */
  private sync = Buffer.alloc(2);
  /** Numbers are too low to prove anything: another life could have reached them within the shortest step. */
  private isYoung = true;
  /** Where the next frame is looked for. */
  private due = 0;
  /** The beginning of what may be a frame's head, from `due` on. */
  private headStart: Uint8Array = NOTHING;
  /** No mark begins before. */
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
    // It would have to be searched later anyway, when it is not at hand any more.
    if (this.isYoung && !this.requireNoMark(this.end, bytes, offset)) return;
    if (this.end <= this.due) return;
    this.step(bytes, offset);
  }

  /** A reader asks where it may begin: what was gone over may have more than is known. */
  settle(): void {
    if (this.state !== 'stepping') return;
    this.requireNoMark(this.end);
    if (this.state !== 'stepping') return;
    const from = Math.max(this.frame + 1, this.end - NEAR_BYTES, this.stream.oldestHeld);
    if (from >= this.end) return;
    this.due = from;
    this.headStart = NOTHING;
    this.step(Buffer.concat(this.stream.borrowParts(from, this.end)), from);
  }

  // ── the beginning, of which every byte is looked at ──────────────────────────────────────────────────────────────

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

  protected override restarted(): void {
    this.state = 'nothing';
  }

  protected override lost(): void {
    super.lost();
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

  /** @param frameBytes how long frames are at present; undefined where it is not known */
  private moveTo(offset: number, number: number, frameBytes?: number): void {
    this.frame = offset;
    this.number = number;
    const { maxStepBytes } = this;
    // What lies between the frames may be as long as this, so that no other life can have come as far.
    const proven = number / this.framesPerByte;
    const step = frameBytes === undefined ? 0 : proven - STEP_MARGIN_FRAMES * frameBytes;
    this.isYoung = step < Math.min(SHORTEST_STEP_BYTES, maxStepBytes);
    this.stepBytes = this.isYoung ? maxStepBytes : Math.min(maxStepBytes, Math.floor(step));
    this.due = offset + this.stepBytes;
    this.headStart = NOTHING;
  }

  /** Bytes are missing before this offset. */
  private skipTo(offset: number): void {
    this.searchedTo = offset;
    this.due = offset;
    this.headStart = NOTHING;
  }

  /** Looks for frames in bytes of which those from `due` on matter. */
  private step(given: Uint8Array, givenAt: number): void {
    const { headStart } = this;
    const bytes = bufferOf(headStart.length === 0 ? given : Buffer.concat([headStart, given]));
    const offset = givenAt - headStart.length;
    const end = offset + bytes.length;
    while (this.due < end) {
      const at = bytes.indexOf(this.sync, Math.max(0, this.due - offset));
      if (at < 0) {
        // Of the last byte it is not yet known what follows.
        this.wait(bytes, bytes.at(-1) === 0xff ? bytes.length - 1 : bytes.length, offset);
        break;
      }
      if (bytes.length - at < MAX_FRAME_HEAD) {
        this.wait(bytes, at, offset);
        break;
      }
      if (!isFrameHead(bytes, at)) this.due = offset + at + 1;
      else if (!this.meet(offset + at, frameNumber(bytes, at), given, givenAt)) return;
    }
    if (end - this.searchedTo > MAX_STEPS_WITHOUT_FRAME * this.maxStepBytes) this.requireNoMark(end, given, givenAt);
  }

  private wait(bytes: Uint8Array, at: number, offset: number): void {
    this.due = offset + at;
    this.headStart = bytes.slice(at);
  }

  private get isBySample(): boolean {
    return (this.sync[1]! & 1) !== 0;
  }

  /** By how much numbers grow at most. */
  private get framesPerByte(): number {
    return (this.isBySample ? MAX_FRAME_SAMPLES : 1) / MIN_FRAME_BYTES;
  }

  /** @returns false where it is of another life, which has been begun with */
  private meet(offset: number, number: number, given: Uint8Array, givenAt: number): boolean {
    const { framesPerByte } = this;
    const bytes = offset - this.frame;
    const frames = number - this.number;
    const follows = frames > 0 && frames <= bytes * framesPerByte;
    const mayBeAnother = offset > this.searchedTo && number <= (offset - this.searchedTo) * framesPerByte;
    if ((mayBeAnother || !follows) && !this.requireNoMark(offset, given, givenAt)) return false;
    this.searchedTo = Math.max(this.searchedTo, offset);
    if (follows) {
      this.points.boundary(offset);
      this.moveTo(offset, number, (bytes / frames) * (this.isBySample ? USUAL_FRAME_SAMPLES : 1));
    }
    // Read out of what is no frame, or behind bytes that were left out: the next one will say.
    else this.moveTo(offset, number);
    return true;
  }

  /**
   * Searches what was gone over, up to an offset, and begins anew at the first mark there is.
   *
   * @param given what is about to be appended, from `givenAt` on
   * @returns whether there is none
   */
  private requireNoMark(to: number, given?: Uint8Array, givenAt = this.end): boolean {
    const from = Math.max(this.searchedTo, this.stream.oldestHeld);
    const isGiven = given !== undefined && (from >= givenAt || (givenAt - from < MARK.length && !mayEndMark(given)));
    const begin = isGiven ? givenAt : from;
    const parts = begin < givenAt ? this.stream.borrowParts(begin, givenAt) : [];
    if (given !== undefined) parts.push(given);
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

/** The offset of the first mark in bytes that lie one behind the other from an offset on, or -1. */
function indexOfMark(parts: readonly Uint8Array[], offset: number): number {
  const beyond = MARK.length - 1;
  let at = offset;
  /** The last four bytes, as one number. */
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

/** Whether a mark that begins before these bytes may end in them. */
function mayEndMark(bytes: Uint8Array): boolean {
  return bytes.length < MARK.length || bytes[0] === MARK_END || bytes[1] === MARK_END || bytes[2] === MARK_END;
}

function isSync(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xff && (bytes[at + 1]! & 0xfe) === 0xf8;
}

/** The number has as many bytes as there are ones at its beginning, as in UTF-8; one where there is none. */
function numberBytes(first: number): number {
  return first < 0x80 ? 1 : Math.clz32(~(first << 24));
}

/** Whether a frame's head begins behind a sync code: whether its checksum is right. */
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

/** The number of a frame, or of its first sample. */
function frameNumber(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 4]!;
  const count = numberBytes(first);
  let number = count === 1 ? first : first & (0x7f >> count);
  for (let n = 1; n < count; n++) number = number * 64 + (bytes[at + 4 + n]! & 0x3f);
  return number;
}
