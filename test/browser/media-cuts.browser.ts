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

/** The ways in which a connection ends, and what the page says then. */
const CUTS: Readonly<Record<string, RegExp>> = {
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
      let written = second(BURST);
      await at.put(path, bytes.subarray(0, written));
      // In real time, whatever happens to the server.
      let isWriting = true;
      const begun = performance.now();
      const writing = (async () => {
        while (isWriting) {
          await new Promise((resolve) => setTimeout(resolve, STEP_MS));
          const next = Math.min(bytes.length, second(BURST + (performance.now() - begun) / 1000));
          if (next === written) continue;
          const isPut = await at.put(path, bytes.subarray(written, next)).then(
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

async function said(tab: Tab): Promise<string> {
  return String(await tab.evaluate('document.querySelector("[data-testid=restarts]")?.textContent'));
}
