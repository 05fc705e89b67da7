/**
 * Formats × browsers × joining early, late and after a gap (contract 102), in the viewer of the page: ffmpeg as the source,
 * Chromium and Firefox as players. The table in docs/media.md shows the results.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasFfmpeg } from '../e2e/harness/ffmpeg.ts';
import { type ServerProcess, startServer } from '../e2e/harness/server.ts';
import { waitFor } from '../harness/wait.ts';
import { type AnyBrowser, BROWSERS, type Tab } from './harness/browsers.ts';
import { BLUE_FROM, FORMATS, type Format, type Look, sourceOf, TOTAL, watchScript } from './harness/media.ts';

/**
 * Seconds of each source: first those until it plays, at most this many; then, until LOST, those that arrive at once, so that most
 * of them are lost; then the rest.
 */
const PLAYED = 9;
const LOST = BLUE_FROM;
/** Sound is played fast, to keep the test short. */
const SOUND_RATE = 4;
/** Seconds that a stream retains. */
const RETAINED = 3;
/** The size of a write: a player that reads at all keeps up. */
const PIECE_BYTES = 1500;

/**
 * A pair takes a quarter of a minute. Whether the page restarts a player depends on seconds without playback, which a busy machine
 * causes by itself. So `STREAMFS_MEDIA=all` runs all pairs, and otherwise some that continue without a restart.
 */
const isAll = process.env.STREAMFS_MEDIA === 'all';
const SOME = { Chromium: ['WebM', 'MP3', 'MJPEG'], Firefox: ['MP3', 'MJPEG'] } as const;

describe.runIf(hasFfmpeg).each(BROWSERS)('sound and video in $name', ({ name: browserName, isInstalled, start }) => {
  const formats = isAll ? Object.keys(FORMATS) : SOME[browserName];
  let browser: AnyBrowser;
  let at: ServerProcess;
  beforeAll(async () => {
    if (isInstalled) [browser, at] = await Promise.all([start(), startServer()]);
  });
  afterAll(async () => {
    await browser?.close();
    await at?.stop();
  });

  async function watch(path: string): Promise<{ tab: Tab; look(): Promise<Look> }> {
    const tab = await browser.newPage();
    await tab.goto(`${at.url}/ui/#/s${path}`);
    await tab.evaluate(watchScript(SOUND_RATE));
    return { tab, look: async () => (await tab.evaluate('look')) as Look };
  }

  /** Whether this browser claims to play a format, which is all that a test can know. */
  async function saysItPlays({ codecs }: Format, tab: Tab): Promise<boolean> {
    if (codecs === undefined) return true;
    const answer = await tab.evaluate(`document.createElement('video').canPlayType(${JSON.stringify(codecs)})`);
    return answer !== '';
  }

  it.runIf(isInstalled).each(formats)(
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
