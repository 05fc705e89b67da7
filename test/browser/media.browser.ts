/** Late joining players (contract 102): a real browser, and a stream that has lost its beginning. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasBrowser, site, startBrowser } from '../e2e/harness/browser.ts';
import { server } from '../e2e/harness/server.ts';

const fixture = (name: string) => readFileSync(join(import.meta.dirname, '../media/fixtures', name));

/** Each with the number of bytes retained: less than half. */
const FORMATS: readonly [type: string, file: string, ring: number][] = [
  ['video/webm', 'vp8-opus.webm', 9_000],
  ['video/mp4', 'h264-aac.mp4', 18_000],
  ['audio/ogg', 'opus.ogg', 3_400],
  ['audio/ogg', 'vorbis.ogg', 4_000],
  ['audio/flac', 'sine.flac', 17_000],
  ['audio/mpeg', 'sine.mp3', 12_000],
  ['audio/aac', 'sine.aac', 12_000],
];

describe.runIf(hasBrowser)('a late player in Chromium', () => {
  let chromium: Browser;
  beforeAll(async () => {
    chromium = await startBrowser();
  });
  afterAll(() => chromium?.close());

  it.each(FORMATS)('contract 102: plays %s (%s)', async (type, file, ring) => {
    const origin = `http://127.0.0.1:${await site('<!doctype html><title>a player</title>')}`;
    const at = await server({ server: { cors: { origins: [origin] } } });
    const path = '/streamfs/tv';
    await at.json('POST', `/files?path=${path}&type=${encodeURIComponent(type)}&ring_buffer_size=${ring}`);
    const bytes = fixture(file);
    for (let from = 0; from < bytes.length; from += 1000) await at.put(path, bytes.subarray(from, from + 1000));
    await at.json('POST', `/end?path=${path}`);
    const page = await (await chromium.newContext()).newPage();
    onTestFinished(() => page.context().close());
    await page.goto(origin);
    await page.evaluate(`{
      const player = document.createElement('video');
      Object.assign(player, { crossOrigin: 'anonymous', muted: true, src: ${JSON.stringify(at.api(`/files?path=${path}&stream=true`))} });
      document.body.append(player);
      const began = () => { window.began = player.currentTime; };
      player.addEventListener('playing', began, { once: true });
      player.play().catch((error) => { window.failed = String(error); });
      window.player = player;
    }`);
    const moved = () =>
      page.evaluate<string>(
        'window.failed ?? (window.began === undefined ? "" : player.currentTime - began > 1 ? "plays" : "")',
      );
    await expect.poll(moved).toBe('plays');
  });
});
