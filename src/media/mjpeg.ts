/**
 * MJPEG: pictures one behind the other, each of which can be shown by itself; with `multipart/x-mixed-replace` each is a
 * part with a line that begins with `--` before its own headers. A picture ends with its EOI marker, which compressed data
 * cannot contain; that of a preview inside a picture is followed by neither a picture nor a part.
 */
import type { JoinPoints } from './join-points.ts';
import { Walker } from './walker.ts';

const EOI = Uint8Array.of(0xff, 0xd9);
const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
/** What is looked at behind a picture: an empty line, and the headers of a part, as far as its length stands there. */
const BEHIND = 160;
const PART_LENGTH = /^content-length: *(\d{1,8})\r?$/im;
/**
 * What is not looked at behind the beginning of a picture whose length is not said: of what lay between the last two, so
 * much. Where pictures get smaller some beginnings are passed over, and soon none any more.
 */
const PASSED_OVER = 3 / 4;
const MIN_STRIDE_BYTES = 4 * 1024;

class MjpegWalker extends Walker {
  protected override readonly maxHead = EOI.length + BEHIND;
  private readonly points: JoinPoints;
  private isBegun = false;
  /** Where the last picture began. */
  private last = 0;

  constructor(points: JoinPoints) {
    super();
    this.points = points;
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    if (!this.isBegun) {
      if (bytes.length - at < BEHIND) return 0;
      this.isBegun = true;
      const start = beginning(bytes, at);
      if (start >= 0) return this.found(bytes, start, at, offset);
    }
    const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(EOI, at);
    if (end < 0) return Math.max(0, bytes.length - 1 - at);
    if (end > at) return end - at;
    if (bytes.length - at < this.maxHead) return 0;
    const start = beginning(bytes, at + EOI.length);
    if (start < 0) return EOI.length;
    return this.found(bytes, start, at, offset);
  }

  /** A picture, or a part with one, begins at `start`. @returns how many bytes to go over from `at` on */
  private found(bytes: Uint8Array, start: number, at: number, offset: number): number {
    const place = offset + start - at;
    this.points.boundary(place);
    const distance = place - this.last;
    this.last = place;
    if (bytes[start] === DASH) {
      const head = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(BEHIND, bytes.length - start));
      const length = PART_LENGTH.exec(head.toString('latin1'))?.[1];
      // Shorter than the part by its headers: the end of the picture is still to come.
      if (length !== undefined) return start - at + Math.max(1, Number(length) - EOI.length);
    }
    return start - at + Math.max(MIN_STRIDE_BYTES, Math.floor(distance * PASSED_OVER));
  }

  protected override recorded(): void {}
}

/** Where a picture or a part begins, behind an empty line or not; -1 where none does. */
function beginning(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < from + 4 && (bytes[at] === CR || bytes[at] === LF)) at++;
  const isPart = bytes[at] === DASH && bytes[at + 1] === DASH;
  const isPicture = bytes[at] === 0xff && bytes[at + 1] === 0xd8 && bytes[at + 2] === 0xff;
  return isPart || isPicture ? at : -1;
}

export const mjpegWalker = (points: JoinPoints) => new MjpegWalker(points);
