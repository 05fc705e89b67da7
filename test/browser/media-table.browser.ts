/**
 * Formats × browsers × joining early, late and after a gap (contract 102), in the viewer of the page: ffmpeg as the source,
 * Chromium and Firefox as players. The table in docs/media.md shows the results.
 */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, startBrowser } from '../e2e/harness/browser.ts';
import { hasFfmpeg } from '../e2e/harness/ffmpeg.ts';
import { type ServerProcess, startServer } from '../e2e/harness/server.ts';
import { waitFor } from '../harness/wait.ts';
import { hasFirefox, startFirefox } from './harness/firefox.ts';

/**
 * Seconds of each source: first those until it plays, at most this many; then, until LOST, those that arrive at once, so that most
 * of them are lost; then the rest.
 */
const PLAYED = 9;
const LOST = 18;
const TOTAL = 60;
/** Seconds that a stream retains. */
const RETAINED = 3;
/** The size of a write: a player that reads at all keeps up. */
const PIECE_BYTES = 1500;

/** Red, then blue; noisy, so that each second has about as many bytes. */
const PICTURES = [
  ...['-f', 'lavfi', '-i'],
  `color=red:s=128x72:r=10:d=${LOST}[a];color=blue:s=128x72:r=10:d=${TOTAL - LOST}[b];[a][b]concat,noise=alls=20:allf=t`,
];
const SOUND = ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${TOTAL}`];
const VP8 = '-c:v libvpx -deadline realtime -cpu-used 8 -g 10 -b:v 80k -c:a libopus -b:a 24k';
const H264 = '-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 10 -b:v 80k -c:a aac -b:a 24k';

interface Format {
  type: string;
  /** The type passed to `canPlayType`; undefined for pictures, which all browsers can show. */
  codecs?: string;
  container?: string;
  made: readonly string[];
}

const FORMATS: Readonly<Record<string, Format>> = {
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

function sourceOf(name: string): Buffer {
  const known = sources.get(name);
  if (known !== undefined) return known;
  const { status, stderr, stdout } = spawnSync('ffmpeg', ['-v', 'error', ...FORMATS[name]!.made, '-'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  expect([status, stderr.toString()]).toEqual([0, '']);
  sources.set(name, stdout);
  return stdout;
}

/** The methods of a page that both playwright and puppeteer have. */
interface Tab {
  goto(address: string): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  close(): Promise<unknown>;
}

interface AnyBrowser {
  newPage(): Promise<Tab>;
  close(): Promise<void>;
}

/** Counts in the page how many seconds were played, and samples the picture. The player runs fast, to keep the test short. */
const WATCH = `{
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
      if (shown.className === 'sound') shown.defaultPlaybackRate = shown.playbackRate = 4;
    } else look.played = Number(/picture (\\d+)/.exec(document.body.textContent)?.[1] ?? 0) / 5;
    if ((shown.videoWidth ?? shown.naturalWidth ?? 0) === 0) return;
    drawing.drawImage(shown, 0, 0, 1, 1);
    const [red, , blue] = drawing.getImageData(0, 0, 1, 1).data;
    look.blue = blue > red;
  }, 100);
}`;

interface Look {
  /** Seconds played. */
  played: number;
  /** Seconds played before the page restarted the player. */
  before?: number;
  blue: boolean;
}

/**
 * A pair takes a quarter of a minute. Whether the page restarts a player depends on seconds without playback, which a busy machine
 * causes by itself. So `STREAMFS_MEDIA=all` runs all pairs, and otherwise some that continue without a restart.
 */
const isAll = process.env.STREAMFS_MEDIA === 'all';
const SOME = { Chromium: ['WebM', 'MP3', 'MJPEG'], Firefox: ['MP3', 'MJPEG'] } as const;

const BROWSERS: readonly [
  name: string,
  isThere: boolean,
  start: () => Promise<AnyBrowser>,
  formats: readonly string[],
][] = [
  ['Chromium', hasBrowser, startBrowser, isAll ? Object.keys(FORMATS) : SOME.Chromium],
  ['Firefox', hasFirefox, startFirefox, isAll ? Object.keys(FORMATS) : SOME.Firefox],
];

describe.runIf(hasFfmpeg).each(BROWSERS)('sound and video in %s', (_name, isThere, start, formats) => {
  let browser: AnyBrowser;
  let at: ServerProcess;
  beforeAll(async () => {
    if (isThere) [browser, at] = await Promise.all([start(), startServer()]);
  });
  afterAll(async () => {
    await browser?.close();
    await at?.stop();
  });

  async function watch(path: string): Promise<{ tab: Tab; look(): Promise<Look> }> {
    const tab = await browser.newPage();
    await tab.goto(`${at.url}/ui/#/s${path}`);
    await tab.evaluate(WATCH);
    return { tab, look: async () => (await tab.evaluate('look')) as Look };
  }

  /** Whether this browser claims to play a format, which is all that a test can know. */
  async function saysItPlays({ codecs }: Format, tab: Tab): Promise<boolean> {
    if (codecs === undefined) return true;
    const answer = await tab.evaluate(`document.createElement('video').canPlayType(${JSON.stringify(codecs)})`);
    return answer !== '';
  }

  it.runIf(isThere).each(formats)(
    'contract 102: %s plays for who joins early and late, and goes on after a gap',
    async (name) => {
      const format = FORMATS[name]!;
      const bytes = sourceOf(name);
      const path = `/streamfs/${name.replace('/', '-')}`;
      const ring = Math.round((bytes.length * RETAINED) / TOTAL);
      const sizes = `ring_buffer_size=${ring}&channel_buffer_size=${ring}`;
      const settings = `type=${format.type}&container=${format.container ?? 'auto'}&${sizes}`;
      expect(await at.json('POST', `/files?path=${path}&${settings}`)).toMatchObject({ status: 201 });
      const second = (seconds: number) => Math.round((bytes.length * seconds) / TOTAL);

      const early = await watch(path);
      if (!(await saysItPlays(format, early.tab))) {
        for (let n = 0; n < bytes.length; n += PIECE_BYTES) await at.put(path, bytes.subarray(n, n + PIECE_BYTES));
        await waitFor('the page to say that it cannot', () =>
          early.tab.evaluate('document.querySelector("[role=alert]") !== null'),
        );
        return;
      }
      await at.untilReaders(path, 1);
      let written = 0;
      // How much data a player needs before it starts or continues is up to the player, so the source continues.
      const writeNext = async (end: number) => {
        const next = Math.min(written + PIECE_BYTES, end);
        if (next > written) await at.put(path, bytes.subarray(written, next));
        written = next;
      };
      await waitFor(`${name} to play for who is there early`, async () => {
        await writeNext(second(PLAYED));
        return (await early.look()).played > 0.3;
      });

      await at.put(path, bytes.subarray(written, second(LOST)));
      const { skipped } = (await at.facts(path))!;
      expect(skipped).toBeGreaterThan(0);
      written = second(LOST);
      // The part that can be played without anything from after the gap.
      const before = ((second(LOST) - skipped) * TOTAL) / bytes.length;
      const isSound = format.type.startsWith('audio/');
      const goesOn = ({ blue, played, ...begun }: Look) =>
        isSound ? played > Math.min(before + 1, (begun.before ?? Number.POSITIVE_INFINITY) + 0.5) : blue;
      await waitFor(`${name} to go on after the gap`, async () => {
        await writeNext(bytes.length);
        return goesOn(await early.look());
      });

      const late = await watch(path);
      await waitFor(`${name} to play for who comes late`, async () => {
        await writeNext(bytes.length);
        const { blue, played } = await late.look();
        return played > 0.3 && (isSound || blue);
      });
      await early.tab.close();
      await late.tab.close();
    },
  );
});
