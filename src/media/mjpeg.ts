/**
 * MJPEG: a sequence of pictures, each of which can be shown on its own. In `multipart/x-mixed-replace`, each is a part
 * that starts with a `--` line and has its own headers. A picture ends with its EOI marker, which compressed data
 * cannot contain. The EOI of a preview inside a picture is followed by neither a picture nor a part.
 */
import type { JoinPoints } from './join-points.ts';
import { bufferOf, Scanner } from './scanner.ts';

const EOI = Uint8Array.of(0xff, 0xd9);
const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
const SPACE = 0x20;
/** The number of bytes inspected after a picture: an empty line and the headers of a part, if they give its length. */
const LOOKAHEAD_BYTES = 160;
const LENGTH_NAME = Buffer.from('content-length:', 'latin1');
const MAX_LENGTH_DIGITS = 8;
/** The tolerance by which a picture may end before its declared length, for example if line ends are counted. */
const LENGTH_SLACK = 16;
/** Within this distance a byte loop finds the end of a picture faster than a search in a Buffer view. */
const NEAR_BYTES = 64;
/**
 * For pictures without a declared length: the share of the previous distance between pictures that is skipped. If
 * pictures shrink, some starts are missed, until the distance adapts.
 */
const SKIPPED_SHARE = 3 / 4;
const MIN_STRIDE_BYTES = 4 * 1024;

class MjpegScanner extends Scanner {
  protected override readonly maxHead = EOI.length + LOOKAHEAD_BYTES;
  private readonly points: JoinPoints;
  private isBegun = false;
  /** The offset of the last picture. */
  private last = 0;

  constructor(points: JoinPoints) {
    super();
    this.points = points;
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    if (!this.isBegun) {
      if (bytes.length - at < LOOKAHEAD_BYTES) return 0;
      this.isBegun = true;
      const start = beginning(bytes, at);
      if (start >= 0) return this.found(bytes, start, at, offset);
    }
    const end = indexOfEoi(bytes, at);
    if (end < 0) return Math.max(0, bytes.length - 1 - at);
    if (end > at) return end - at;
    if (bytes.length - at < this.maxHead) return 0;
    const start = beginning(bytes, at + EOI.length);
    if (start < 0) return EOI.length;
    return this.found(bytes, start, at, offset);
  }

  /**
   * A picture, or a part with one, begins at `start`.
   *
   * @returns the number of bytes to skip from `at` on
   */
  private found(bytes: Uint8Array, start: number, at: number, offset: number): number {
    const place = offset + start - at;
    this.points.boundary(place);
    const distance = place - this.last;
    this.last = place;
    if (bytes[start] === DASH) {
      const end = partEnd(bytes, start);
      if (end >= 0) return Math.max(start + 1, end - EOI.length - LENGTH_SLACK) - at;
    }
    return start - at + Math.max(MIN_STRIDE_BYTES, Math.floor(distance * SKIPPED_SHARE));
  }

  protected override recorded(): void {}
}

function indexOfEoi(bytes: Uint8Array, from: number): number {
  const near = Math.min(from + NEAR_BYTES, bytes.length - 1);
  for (let at = from; at < near; at++) if (bytes[at] === EOI[0] && bytes[at + 1] === EOI[1]) return at;
  return bufferOf(bytes).indexOf(EOI, near);
}

/** The end of a part according to its headers, as far as they are inspected; -1 if they do not say. */
function partEnd(bytes: Uint8Array, start: number): number {
  const end = Math.min(bytes.length, start + LOOKAHEAD_BYTES);
  let length = -1;
  let line = start;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== LF) continue;
    const lineEnd = at > line && bytes[at - 1] === CR ? at - 1 : at;
    if (lineEnd === line) return length < 0 ? -1 : at + 1 + length;
    if (length < 0) length = lengthIn(bytes, line, lineEnd);
    line = at + 1;
  }
  // The headers continue beyond the inspected bytes. The rest of them is skipped with the part.
  return length < 0 ? -1 : start + length;
}

/** The part length that a header line declares; -1 for other lines. */
function lengthIn(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  for (const letter of LENGTH_NAME) if (((bytes[at++] ?? 0) | 0x20) !== (letter | 0x20)) return -1;
  while (bytes[at] === SPACE) at++;
  if (at === end || end - at > MAX_LENGTH_DIGITS) return -1;
  let length = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** The start of a picture or a part, after an optional empty line; -1 if there is none. */
function beginning(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < from + 4 && (bytes[at] === CR || bytes[at] === LF)) at++;
  const isPart = bytes[at] === DASH && bytes[at + 1] === DASH;
  const isPicture = bytes[at] === 0xff && bytes[at + 1] === 0xd8 && bytes[at + 2] === 0xff;
  return isPart || isPicture ? at : -1;
}

export const mjpegScanner = (points: JoinPoints) => new MjpegScanner(points);
