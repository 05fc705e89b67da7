/** Media for players: ffmpeg as the source, and what a page that plays shows. Used for both browsers. */
import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';

/** Length of each source in seconds. */
export const TOTAL = 60;
/** The pictures of a source are red up to this second, then blue. */
export const BLUE_FROM = 18;

/** Red, then blue; noisy, so that each second has about as many bytes. */
const PICTURES = [
  ...['-f', 'lavfi', '-i'],
  `color=red:s=128x72:r=10:d=${BLUE_FROM}[a];color=blue:s=128x72:r=10:d=${TOTAL - BLUE_FROM}[b];[a][b]concat,noise=alls=20:allf=t`,
];
const SOUND = ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${TOTAL}`];
const VP8 = '-c:v libvpx -deadline realtime -cpu-used 8 -g 10 -b:v 80k -c:a libopus -b:a 24k';
const H264 = '-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 10 -b:v 80k -c:a aac -b:a 24k';

export interface Format {
  type: string;
  /** The type passed to `canPlayType`; undefined for pictures, which all browsers can show. */
  codecs?: string;
  container?: string;
  made: readonly string[];
}

export const FORMATS: Readonly<Record<string, Format>> = {
  WebM: {
    type: 'video/webm',
    codecs: 'video/webm; codecs="vp8, opus"',
    made: [...PICTURES, ...SOUND, ...`${VP8} -f webm`.split(' ')],
  },
  fMP4: {
    type: 'video/mp4',
    codecs: 'video/mp4; codecs="avc1.42C00A, mp4a.40.2"',
    made: [...PICTURES, ...SOUND, ...`${H264} -movflags frag_keyframe+empty_moov+default_base_moof -f mp4`.split(' ')],
  },
  'MPEG-TS': {
    type: 'video/mp2t',
    codecs: 'video/mp4; codecs="avc1.42C00A, mp4a.40.2"',
    made: [...PICTURES, ...SOUND, ...`${H264} -f mpegts`.split(' ')],
  },
  MJPEG: {
    type: 'application/octet-stream',
    container: 'mjpeg',
    made: [...PICTURES, ...'-c:v mjpeg -q:v 31 -r 5 -f mpjpeg'.split(' ')],
  },
  'Ogg/Opus': {
    type: 'audio/ogg',
    codecs: 'audio/ogg; codecs="opus"',
    made: [...SOUND, ...'-c:a libopus -b:a 64k -f ogg'.split(' ')],
  },
  FLAC: { type: 'audio/flac', codecs: 'audio/flac', made: [...SOUND, ...'-ar 32000 -c:a flac -f flac'.split(' ')] },
  MP3: { type: 'audio/mpeg', codecs: 'audio/mpeg', made: [...SOUND, ...'-b:a 64k -f mp3'.split(' ')] },
  ADTS: { type: 'audio/aac', codecs: 'audio/aac', made: [...SOUND, ...'-c:a aac -b:a 64k -f adts'.split(' ')] },
};

const sources = new Map<string, Buffer>();

export function sourceOf(name: string): Buffer {
  const known = sources.get(name);
  if (known !== undefined) return known;
  const { status, stderr, stdout } = spawnSync('ffmpeg', ['-v', 'error', ...FORMATS[name]!.made, '-'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  expect([status, stderr.toString()]).toEqual([0, '']);
  sources.set(name, stdout);
  return stdout;
}

/**
 * A script that counts in the page how many seconds were played, and samples the picture.
 *
 * @param soundRate how fast sound plays
 */
export const watchScript = (soundRate = 1) => `{
  const drawing = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  window.look = { played: 0, before: undefined, blue: false, last: 0, at: performance.now() };
  setInterval(() => {
    const shown = document.querySelector('[data-testid=player], [data-testid=picture]');
    if (shown === null) return;
    if ('currentTime' in shown) {
      const step = shown.currentTime - look.last;
      const passed = (performance.now() - look.at) / 1000;
      look.last = shown.currentTime;
      look.at += passed * 1000;
      // Restarted at the newest data.
      if (step < -0.5) look.before = look.played;
      // A jump is not playback.
      if (step > 0 && step < passed * shown.playbackRate + 0.5) look.played += step;
      if (shown.className === 'sound') shown.defaultPlaybackRate = shown.playbackRate = ${soundRate};
    } else look.played = Number(/picture (\\d+)/.exec(document.body.textContent)?.[1] ?? 0) / 5;
    if ((shown.videoWidth ?? shown.naturalWidth ?? 0) === 0) return;
    drawing.drawImage(shown, 0, 0, 1, 1);
    const [red, , blue] = drawing.getImageData(0, 0, 1, 1).data;
    look.blue = blue > red;
  }, 100);
}`;

export interface Look {
  /** Seconds played. */
  played: number;
  /** Seconds played before the page restarted the player. */
  before?: number;
  blue: boolean;
}
