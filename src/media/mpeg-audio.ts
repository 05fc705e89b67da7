/**
 * MP3 and ADTS: frames without a file header. A frame is accepted only if another frame of the same kind follows it.
 */
import type { JoinPoints } from './join-points.ts';
import { Scanner } from './scanner.ts';

/** kbit/s by index: MPEG 1 layers 1, 2, 3; MPEG 2 and 2.5 layer 1, layers 2 and 3. */
const BITRATES = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const RATES = [44100, 48000, 32000];

/** The length of the frame at a position; 0 if there is none. */
type FrameLength = (bytes: Uint8Array, at: number) => number;

const mp3Frame: FrameLength = (bytes, at) => {
  const second = bytes[at + 1]!;
  const third = bytes[at + 2]!;
  if (bytes[at] !== 0xff || (second & 0xe0) !== 0xe0) return 0;
  const version = (second >> 3) & 3;
  const layer = 4 - ((second >> 1) & 3);
  const rate = RATES[(third >> 2) & 3];
  if (version === 1 || layer === 4 || rate === undefined) return 0;
  const isFirst = version === 3;
  const table = isFirst ? BITRATES[layer - 1]! : BITRATES[layer === 1 ? 3 : 4]!;
  const bitrate = (table[third >> 4] ?? 0) * 1000;
  if (bitrate === 0) return 0;
  const sampling = rate / (isFirst ? 1 : version === 2 ? 2 : 4);
  const padding = (third >> 1) & 1;
  if (layer === 1) return (Math.floor((12 * bitrate) / sampling) + padding) * 4;
  return Math.floor(((layer === 3 && !isFirst ? 72 : 144) * bitrate) / sampling) + padding;
};

const adtsFrame: FrameLength = (bytes, at) => {
  if (bytes[at] !== 0xff || (bytes[at + 1]! & 0xf6) !== 0xf0 || ((bytes[at + 2]! >> 2) & 15) > 12) return 0;
  const length = ((bytes[at + 3]! & 3) << 11) | (bytes[at + 4]! << 3) | (bytes[at + 5]! >> 5);
  return length < 7 ? 0 : length;
};

const HEAD = 6;
const STRIDE_BYTES = 16 * 1024;

class FrameScanner extends Scanner {
  protected override readonly maxHead: number;
  private readonly frameLength: FrameLength;
  private readonly points: JoinPoints;
  /** Whether most frames have the same length. */
  private readonly isEven: boolean;

  constructor(points: JoinPoints, frameLength: FrameLength, maxFrame: number, isEven: boolean) {
    super();
    this.isEven = isEven;
    this.points = points;
    this.frameLength = frameLength;
    this.maxHead = maxFrame + HEAD;
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    const rest = bytes.length - at;
    if (bytes[at] !== 0xff) {
      const next = bytes.indexOf(0xff, at);
      return (next < 0 ? bytes.length : next) - at;
    }
    if (rest < HEAD) return 0;
    const length = this.frameLength(bytes, at);
    if (length === 0) {
      return 1;
    }
    if (rest < length + HEAD) return 0;
    if (this.frameLength(bytes, at + length) === 0) return 1;
    this.points.boundary(offset);
    // Join points are only needed occasionally, so the frames in between are not inspected.
    if (!this.isEven) return Math.max(length, STRIDE_BYTES);
    // If all frames are as long as this one, or shorter by one byte of padding, a frame begins shortly after the
    // skipped bytes.
    const shortest = length - 1;
    return Math.ceil(STRIDE_BYTES / shortest) * shortest;
  }

  protected override recorded(): void {}
}

export const mp3Scanner = (points: JoinPoints) => new FrameScanner(points, mp3Frame, 2884, true);
export const adtsScanner = (points: JoinPoints) => new FrameScanner(points, adtsFrame, 8191, false);
