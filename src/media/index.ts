/** Where readers of a stream of sound or video may begin (contract 102): by its content type, or not at all. */
import type { MemoryBudget } from '../core/index.ts';
import { FlacWalker } from './flac.ts';
import { type Detector, JoinPoints } from './join-points.ts';
import { Mp4Walker } from './mp4.ts';
import { adtsWalker, mp3Walker } from './mpeg-audio.ts';
import { MpegTsWalker } from './mpeg-ts.ts';
import { OggWalker } from './ogg.ts';
import { WebmWalker } from './webm.ts';

interface Container {
  readonly types: readonly string[];
  /** Whether nothing can be understood without it. */
  readonly needsHeader: boolean;
  make(points: JoinPoints): Detector;
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
  flac: { types: ['audio/flac', 'audio/x-flac'], needsHeader: true, make: (points) => new FlacWalker(points) },
  'mpeg-ts': { types: ['video/mp2t'], needsHeader: false, make: (points) => new MpegTsWalker(points) },
  mp3: { types: ['audio/mpeg'], needsHeader: false, make: mp3Walker },
  adts: { types: ['audio/aac', 'audio/aacp'], needsHeader: false, make: adtsWalker },
};

/** @param retention bytes that the stream keeps */
export function formatFor(type: string, retention: number, budget?: MemoryBudget): JoinPoints | undefined {
  const essence = type.split(';')[0]!.trim().toLowerCase();
  const container = Object.values(CONTAINERS).find(({ types }) => types.includes(essence));
  if (container === undefined) return undefined;
  const { needsHeader, make } = container;
  return new JoinPoints(make, { needsHeader, retention, budget });
}

export type { JoinPoints } from './join-points.ts';
