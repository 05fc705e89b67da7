/** Where readers of a stream may begin (contract 102): by its content type, as it was made to say, or anywhere. */
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
  /** Whether nothing can be understood without it. */
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
  // No type says it: what browsers play it by may have parts in which scripts run.
  mjpeg: { types: [], needsHeader: false, make: mjpegWalker },
};

/** The setting `container`: by the content type, or one of the formats for any content type, or none. */
const BY_TYPE = 'auto';
const LINES = 'lines';

/** @param container the name of one of {@link CONTAINERS}, `lines`, `none`, or `auto` for what the type says */
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
