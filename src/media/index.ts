/**
 * Selects the format that determines where readers of a stream may begin (contract 102): by content type, by an
 * explicit setting, or none.
 */
import type { MemoryBudget } from '../core/index.ts';
import type { RingStream, StreamFormat } from '../core/internal.ts';
import { FlacScanner } from './flac.ts';
import { type Detector, JoinPoints } from './join-points.ts';
import { LineFormat } from './lines.ts';
import { mjpegScanner } from './mjpeg.ts';
import { Mp4Scanner } from './mp4.ts';
import { adtsScanner, mp3Scanner } from './mpeg-audio.ts';
import { MpegTsScanner } from './mpeg-ts.ts';
import { OggScanner } from './ogg.ts';
import { WebmScanner } from './webm.ts';

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
    make: (points) => new WebmScanner(points),
  },
  mp4: {
    types: ['video/mp4', 'audio/mp4', 'video/iso.segment', 'audio/x-m4a', 'video/x-m4v'],
    needsHeader: true,
    make: (points) => new Mp4Scanner(points),
  },
  ogg: {
    types: ['audio/ogg', 'video/ogg', 'audio/opus'],
    needsHeader: true,
    make: (points) => new OggScanner(points),
  },
  flac: {
    types: ['audio/flac', 'audio/x-flac'],
    needsHeader: true,
    make: (points, stream) => new FlacScanner(points, stream),
  },
  'mpeg-ts': { types: ['video/mp2t'], needsHeader: false, make: (points) => new MpegTsScanner(points) },
  mp3: { types: ['audio/mpeg'], needsHeader: false, make: mp3Scanner },
  adts: { types: ['audio/aac', 'audio/aacp'], needsHeader: false, make: adtsScanner },
  // No content type selects MJPEG: the one that browsers accept for it allows parts that contain scripts.
  mjpeg: { types: [], needsHeader: false, make: mjpegScanner },
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
