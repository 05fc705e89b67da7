/**
 * What the page's player does when its connection ends while it plays: it continues at the live end by itself, and says
 * what happened. Formats × browsers × the ways in which a connection ends. The table in docs/media.md shows the results.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { cuttableProxyTo } from '../e2e/harness/cuttable-proxy.ts';
import { hasFfmpeg } from '../e2e/harness/ffmpeg.ts';
import { type ServerProcess, server } from '../e2e/harness/server.ts';
import { waitFor } from '../harness/wait.ts';
import { type AnyBrowser, BROWSERS, type Tab } from './harness/browsers.ts';
import { FORMATS, type Look, sourceOf, TOTAL, watchScript } from './harness/media.ts';

/** The source is this many seconds ahead at first. */
const BURST = 6;
const STEP_MS = 100;

/** The ways in which a connection ends, or delivers nothing more without an end, and what the page says then. */
const CUTS: Readonly<Record<string, RegExp>> = {
  'its connection is half-open':
    /restarted at the live end .*(nothing arrived while the stream grew|the connection was cut)/,
  'its connection is cut': /restarted at the live end .*the (connection was cut|server closed the connection)/,
  'the server restarts': /restarted at the live end .*the (connection was cut|server closed the connection)/,
  'it is kicked': /restarted at the live end .*the (connection was cut|server closed the connection)/,
};

const isAll = process.env.STREAMFS_MEDIA === 'all';
const SOME = { Chromium: ['WebM', 'MPEG-TS', 'MP3'], Firefox: ['WebM'] } as const;
const PLAYED = Object.keys(FORMATS).filter((name) => name !== 'MJPEG');

describe.runIf(hasFfmpeg).each(BROWSERS)(
  'a player that loses its connection in $name',
  ({ name: browserName, isInstalled, start }) => {
    const formats = isAll ? PLAYED : SOME[browserName];
    let browser: AnyBrowser;
    beforeAll(async () => {
      if (isInstalled) browser = await start();
    });
    afterAll(() => browser?.close());

    const cases = formats.flatMap((format) => Object.keys(CUTS).map((cut) => [format, cut] as const));

    it.runIf(isInstalled).each(cases)('%s goes on by itself where %s', async (name, cut) => {
      const directory = mkdtempSync(join(tmpdir(), 'streamfs-cuts-'));
      onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
      const streamfs = { persist: directory, ring_buffer_size: '4MB' };
      let at: ServerProcess = await server({ streamfs });
      const proxy = await cuttableProxyTo(at.port);
      const path = '/streamfs/tv';
      const { container = 'auto', type } = FORMATS[name]!;
      await at.json('POST', `/files?path=${path}&type=${type}&container=${container}`);
      const bytes = sourceOf(name);
      const second = (seconds: number) => Math.round((bytes.length * seconds) / TOTAL);
      const write = (from: number, to: number) => at.put(path, bytes.subarray(second(from), second(to)));
      await write(0, BURST);
      // In real time, whatever happens to the server.
      writeInRealTime(BURST, write);

      const tab = await browser.newPage();
      onTestFinished(async () => void (await tab.close()));
      await tab.goto(`${proxy.url}/ui/#/s${path}`);
      await tab.evaluate(watchScript());
      const look = async () => (await tab.evaluate('look')) as Look;
      await waitFor(`${name} to play`, async () => (await look()).played > 1);
      if (cut === 'it is kicked') {
        const { readers } = await at.json('GET', `/readers?path=${path}`);
        for (const { id } of readers as { id: number }[]) await at.json('DELETE', `/readers/${id}`);
      } else if (cut === 'the server restarts') {
        const { port } = at;
        at.process.kill('SIGKILL');
        await at.process.exited;
        at = await server({ streamfs, port });
      } else if (cut === 'its connection is half-open') {
        proxy.freezeAll();
      } else proxy.cutAll();
      const before = (await look()).played;
      const cutAt = performance.now();
      await waitFor('the page to say what happened', async () => CUTS[cut]!.test(await said(tab)));
      const noticed = performance.now() - cutAt;
      const { played: atRestart } = await look();
      await waitFor(`${name} to go on`, async () => (await look()).played > atRestart + 1);
      const report = `${name}, ${cut}: said after ${(noticed / 1000).toFixed(1)} s, plays again after ${((performance.now() - cutAt) / 1000).toFixed(1)} s, ${(atRestart - before).toFixed(1)} s played between`;
      if (isAll) process.stdout.write(`${browserName}: ${report}\n`);
      expect(await tab.evaluate('document.querySelector("[role=alert]") === null')).toBe(true);
      expect(await tab.evaluate('document.querySelector("[data-testid=reading]").dataset.phase')).toMatch(
        /playing|buffering/,
      );
    });

    it.runIf(isInstalled)('plays where its first connection is half-open before anything arrives', async () => {
      const [name = ''] = formats;
      const at = await server({ streamfs: { ring_buffer_size: '4MB' } });
      const proxy = await cuttableProxyTo(at.port);
      const path = '/streamfs/tv';
      const { container = 'auto', type } = FORMATS[name]!;
      await at.json('POST', `/files?path=${path}&type=${type}&container=${container}`);
      const tab = await browser.newPage();
      onTestFinished(async () => void (await tab.close()));
      await tab.goto(`${proxy.url}/ui/#/s${path}`);
      await tab.evaluate(watchScript());
      await at.untilReaders(path, 1);
      proxy.freezeAll();
      const bytes = sourceOf(name);
      const second = (seconds: number) => Math.round((bytes.length * seconds) / TOTAL);
      writeInRealTime(0, (from, to) => at.put(path, bytes.subarray(second(from), second(to))));
      await waitFor('the page to say what happened', async () =>
        CUTS['its connection is half-open']!.test(await said(tab)),
      );
      await waitFor(`${name} to play`, async () => ((await tab.evaluate('look')) as Look).played > 1);
      expect(await tab.evaluate('document.querySelector("[role=alert]") === null')).toBe(true);
    });

    const successions = (isAll ? formats : formats.slice(0, 1)).flatMap((format) =>
      (['removed', 'ended'] as const).map((how) => [format, how] as const),
    );

    it.runIf(isInstalled).each(successions)(
      '%s goes on with the next stream of its name where it was %s',
      async (name, how) => {
        const at = await server({ streamfs: { ring_buffer_size: '4MB' } });
        const path = '/streamfs/tv';
        const { container = 'auto', type } = FORMATS[name]!;
        const bytes = sourceOf(name);
        const begin = async (seconds: number) => {
          await at.json('POST', `/files?path=${path}&type=${type}&container=${container}`);
          await at.put(path, bytes.subarray(0, Math.round((bytes.length * seconds) / TOTAL)));
        };
        await begin(BURST + 2);
        const tab = await browser.newPage();
        onTestFinished(async () => void (await tab.close()));
        await tab.goto(`${at.url}/ui/#/s${path}`);
        await tab.evaluate(watchScript());
        const look = async () => (await tab.evaluate('look')) as Look;
        const phase = () => tab.evaluate('document.querySelector("[data-testid=reading]")?.dataset.phase');
        await waitFor(`${name} to play`, async () => (await look()).played > 1);
        if (how === 'ended') {
          await at.json('POST', `/end?path=${path}&end_status=done`);
          await waitFor('the page to say that it ended', async () => (await phase()) === 'ended');
          expect(await tab.evaluate('document.querySelector("[data-testid=reading]").textContent')).toContain(
            'its writer ended it: done',
          );
        }
        await at.json('DELETE', `/files?path=${path}`);
        if (how === 'removed')
          await waitFor('the page to say that it was removed', async () => (await phase()) === 'gone');
        const { played } = await look();
        await begin(20);
        await waitFor(`${name} to go on`, async () => (await look()).played > played + 1);
        expect(await tab.evaluate('document.querySelector("[data-testid=new-generation]").textContent')).toContain(
          'new stream since',
        );
        expect(await tab.evaluate('document.querySelector("[role=alert]") === null')).toBe(true);
      },
    );
  },
);

/**
 * Until the test is finished: writes each part of a source, between two times in seconds, at its time, and again if
 * that failed.
 */
function writeInRealTime(start: number, write: (from: number, to: number) => Promise<void>): void {
  let isWriting = true;
  let written = start;
  const begun = performance.now();
  const writing = (async () => {
    while (isWriting && written < TOTAL) {
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      const next = Math.min(TOTAL, start + (performance.now() - begun) / 1000);
      const isPut = await write(written, next).then(
        () => true,
        () => false,
      );
      if (isPut) written = next;
    }
  })();
  onTestFinished(async () => {
    isWriting = false;
    await writing;
  });
}

async function said(tab: Tab): Promise<string> {
  return String(await tab.evaluate('document.querySelector("[data-testid=restarts]")?.textContent'));
}
