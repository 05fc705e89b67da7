/**
 * Selects the format that determines where readers of a stream may begin (contract 102): by content type, by an
 * explicit setting, or none.
 */
import type { MemoryBudget } from '../core/index.ts';
import type { RingStream, StreamFormat } from '../core/internal.ts';
import { FlacWalker } from './flac.ts';
import { type Detector, JoinPoints } from './join-points.ts';
import { LineFormat } from './lines.ts';
import { mjpegWalker } from './mjpeg.ts';
import { Mp4Walker } from './mp4.ts';
import { adtsWalker, mp3Walker } from './mpeg-audio.ts';
import { MpegTsWalker } from './mpeg-ts.ts';
import { OggWalker } from './ogg.ts';
import { WebmWalker } from './webm.ts';

interface Container {
  readonly types: readonly string[];
  /** Whether the header is required to decode anything. */
  readonly needsHeader: boolean;
  make(points: JoinPoints, stream: RingStream): Detector;
}

export const CONTAINERS: Readonly<Record<string, Container>> = {
  webm: {
    types: ['video/webm', 'audio/webm', 'video/x-matroska', 'video/matroska'],
    needsHeader: true,
    make: (points) => new WebmWalker(points),
  },
  mp4: {
    types: ['video/mp4', 'audio/mp4', 'video/iso.segment', 'audio/x-m4a', 'video/x-m4v'],
    needsHeader: true,
    make: (points) => new Mp4Walker(points),
  },
  ogg: {
    types: ['audio/ogg', 'video/ogg', 'audio/opus'],
    needsHeader: true,
    make: (points) => new OggWalker(points),
  },
  flac: {
    types: ['audio/flac', 'audio/x-flac'],
    needsHeader: true,
    make: (points, stream) => new FlacWalker(points, stream),
  },
  'mpeg-ts': { types: ['video/mp2t'], needsHeader: false, make: (points) => new MpegTsWalker(points) },
  mp3: { types: ['audio/mpeg'], needsHeader: false, make: mp3Walker },
  adts: { types: ['audio/aac', 'audio/aacp'], needsHeader: false, make: adtsWalker },
  // No content type selects MJPEG: the one that browsers accept for it allows parts that contain scripts.
  mjpeg: { types: [], needsHeader: false, make: mjpegWalker },
};

/** Values of the setting `container` in addition to the names of {@link CONTAINERS}. */
const BY_TYPE = 'auto';
const LINES = 'lines';

/** @param container the name of one of {@link CONTAINERS}, `lines`, `none`, or `auto` to decide by content type */
export function formatFor(
  { type, container }: { type: string; container: string },
  stream: RingStream,
  budget?: MemoryBudget,
): StreamFormat | undefined {
  if (container === LINES) return new LineFormat(stream);
  const found = container === BY_TYPE ? containerOf(type) : CONTAINERS[container];
  if (found === undefined) return undefined;
  const { needsHeader, make } = found;
  return new JoinPoints((points) => make(points, stream), { needsHeader, retention: stream.retention, budget });
}

function containerOf(type: string): Container | undefined {
  const essence = type.split(';')[0]!.trim().toLowerCase();
  return Object.values(CONTAINERS).find(({ types }) => types.includes(essence));
}
