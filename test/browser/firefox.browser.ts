/** The page works in Firefox too. Its complete tests run in Chromium. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { site } from '../e2e/harness/browser.ts';
import { server } from '../e2e/harness/server.ts';
import { hasFirefox, startFirefox } from './harness/firefox.ts';

describe.runIf(hasFirefox)('the page in Firefox', () => {
  let firefox: Browser;
  beforeAll(async () => {
    firefox = await startFirefox();
  });
  afterAll(() => firefox?.close());

  it('lists streams, follows one, and says when the server is gone and back, without a line lost or doubled', async () => {
    const at = await server();
    await at.put('/streamfs/log', 'line 1\nline 2\n');
    const page = await firefox.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error instanceof Error ? error.message : String(error)));
    await page.goto(`${at.url}/`);
    expect(new URL(page.url()).pathname).toBe('/ui/');
    const text = async () => String(await page.evaluate('document.querySelector("main").textContent'));
    const state = () => page.evaluate('document.querySelector("[data-testid=connection]").dataset.state');
    await expect.poll(text).toContain('/streamfs/log');
    await page.evaluate(`location.hash = '#/s/streamfs/log'`);
    await expect.poll(text).toContain('line 2');
    await at.put('/streamfs/log', 'line 3\n');
    await expect.poll(text).toContain('line 3');

    await at.process.end();
    await expect.poll(state, { timeout: 3000 }).toBe('gone');
    const again = await server({ port: at.port });
    await expect.poll(state).toBe('ok');
    // A new stream at the same path: the rows of the old one stay, and each of its own appears once.
    await again.put('/streamfs/log', 'line 4\n');
    await expect.poll(text).toContain('line 4');
    const shown = (await text()).match(/line \d/g);
    expect(shown).toEqual([...new Set(shown)]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('draws scrollbars in colours of the page, and begins JSON behind its mark on a narrow screen', async () => {
    const at = await server();
    const value = JSON.stringify({ time: '2026-09-21T14:15:20.000Z', level: 'info', message: 'x'.repeat(200) });
    await at.put('/streamfs/log', `a line\n${value}\n`);
    const page = await firefox.newPage();
    await page.setViewport({ width: 360, height: 740 });
    await page.goto(`${at.url}/ui/#/s/streamfs/log`);
    // From the middle of the mark to that of the first character after it, in pixels.
    const distance = `(() => {
      const mark = document.querySelector('.row .fold-mark');
      if (mark === null) return undefined;
      const range = document.createRange();
      range.setStart(mark.nextSibling, 0);
      range.setEnd(mark.nextSibling, 1);
      const middle = ({ bottom, top }) => (bottom + top) / 2;
      return Math.abs(middle(mark.getBoundingClientRect()) - middle(range.getBoundingClientRect()));
    })()`;
    await expect.poll(() => page.evaluate(distance)).toBeLessThan(9);
    const colours = (of: string) => page.evaluate(`getComputedStyle(${of}).scrollbarColor`);
    expect(await colours('document.querySelector("[data-testid=log]")')).not.toBe('auto');
    await page.evaluate(`location.hash += '?view=terminal'`);
    const viewport = 'document.querySelector("iframe")?.contentDocument?.querySelector(".xterm-viewport")';
    await expect.poll(() => page.evaluate(`${viewport} != null`)).toBe(true);
    expect(await colours(viewport)).not.toBe('auto');
    await page.close();
  });

  it.each([true, false])(
    'lets a page of another origin play, follow and write, where that is listed: %s',
    async (isListed) => {
      const origin = `http://127.0.0.1:${await site('<!doctype html><title>a page</title>')}`;
      const at = await server(isListed ? { server: { cors: { origins: [origin] } } } : {});
      await at.json('POST', '/files?path=/streamfs/radio&type=audio/mpeg');
      await at.put('/streamfs/radio', readFileSync(join(import.meta.dirname, '../media/fixtures/sine.mp3')));
      // It is short: a player waits for more data unless it knows that the stream has ended.
      await at.json('POST', '/end?path=/streamfs/radio');
      await at.put('/streamfs/log', 'a line\n');
      const page = await firefox.newPage();
      await page.goto(origin);
      const socket = `${at.url.replace('http', 'ws')}/api/v1/ws?path=`;
      await page.evaluate(`{
      window.seen = {};
      const audio = Object.assign(document.createElement('audio'), { crossOrigin: 'anonymous', muted: true });
      audio.src = ${JSON.stringify(at.api('/files?path=/streamfs/radio&stream=true'))};
      audio.addEventListener('timeupdate', () => { if (audio.currentTime > 0.5) seen.audio = 'plays'; });
      audio.addEventListener('error', () => { seen.audio = 'fails'; });
      audio.play().catch(() => {});
      const source = new EventSource(${JSON.stringify(at.api('/files?path=/streamfs/log&stream=true&format=sse&lines=true'))});
      source.onmessage = ({ data }) => { seen.event = data; };
      source.onerror = () => { seen.event ??= 'fails'; };
      const reading = new WebSocket('${socket}/streamfs/log', ['streamfs.v1']);
      reading.onmessage = async ({ data }) => { if (typeof data !== 'string') seen.message = await data.text(); };
      reading.onclose = () => { seen.message ??= 'fails'; };
      const writing = new WebSocket('${socket}/streamfs/new&mode=write', ['streamfs.v1']);
      writing.onopen = () => writing.send(new TextEncoder().encode('written'));
      writing.onmessage = ({ data }) => { if (JSON.parse(data).type === 'ack') seen.written = JSON.parse(data).offset; };
      writing.onclose = () => { seen.written ??= 'fails'; };
    }`);
      const expected = isListed
        ? { audio: 'plays', event: 'a line', message: 'a line\n', written: 7 }
        : { audio: 'fails', event: 'fails', message: 'fails', written: 'fails' };
      await expect.poll(() => page.evaluate('seen')).toEqual(expected);
      await page.close();
    },
  );
});
