/** Streams that play in the viewer: made by ffmpeg, read by Chromium. */
import { execFileSync } from 'node:child_process';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { hasFfmpeg } from '../e2e/harness/ffmpeg.ts';
import { server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, REFUSED, useBrowser } from './harness/page.ts';

const PICTURES = ['-f', 'lavfi', '-i', 'testsrc=size=160x90:rate=10'];
const TONE = ['-f', 'lavfi', '-i', 'sine=frequency=440'];

function made(...args: string[]): Buffer {
  return execFileSync('ffmpeg', ['-v', 'error', ...args, '-'], { maxBuffer: 64 * 1024 * 1024 });
}

const FORMATS: Readonly<Record<string, () => Buffer>> = {
  'audio/mpeg': () => made(...TONE, '-t', '20', '-b:a', '64k', '-f', 'mp3'),
  'video/webm': () =>
    made(
      ...PICTURES,
      ...TONE,
      '-t',
      '8',
      '-c:v',
      'libvpx',
      '-deadline',
      'realtime',
      '-g',
      '10',
      '-c:a',
      'libopus',
      '-f',
      'webm',
    ),
  'video/mp4': () =>
    made(
      ...PICTURES,
      '-t',
      '8',
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv420p',
      '-g',
      '10',
      '-movflags',
      'frag_keyframe+empty_moov+default_base_moof',
      '-f',
      'mp4',
    ),
  'video/mp2t': () =>
    made(
      ...PICTURES,
      ...TONE,
      '-t',
      '8',
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv420p',
      '-g',
      '10',
      '-c:a',
      'aac',
      '-f',
      'mpegts',
    ),
};

const time = (page: Page) =>
  page.getByTestId('player').evaluate((media) => ('currentTime' in media ? Number(media.currentTime) : 0));

/** Checks that the page says that it plays, and that the time advances. After the last write, a player at the end waits again. */
async function plays(page: Page): Promise<void> {
  const saying = page.locator('[data-testid="reading"][data-phase="playing"]').waitFor();
  await Promise.all([saying, expect.poll(() => time(page)).toBeGreaterThan(1)]);
}

describe.runIf(hasBrowser && hasFfmpeg)('a stream that plays in the viewer', () => {
  useBrowser();

  it.each(Object.keys(FORMATS))('as its type says: %s', async (type) => {
    const at = await server({ streamfs: { ring_buffer_size: '16MB' } });
    await at.json('POST', `/files?path=/streamfs/x&type=${type}`);
    await at.put('/streamfs/x', FORMATS[type]!());
    const page = await openPage(at, { at: '#/s/streamfs/x' });
    await plays(page);
  });

  it('as its type says, where the beginning that shows it has left the ring', async () => {
    const at = await server();
    const bytes = FORMATS['video/webm']!();
    const kept = Math.round(bytes.length / 2);
    await at.json('POST', `/files?path=/streamfs/x&type=video/webm&ring_buffer_size=${kept}`);
    await at.put('/streamfs/x', bytes);
    const page = await openPage(at, { at: '#/s/streamfs/x' });
    await plays(page);
  });

  it('as its bytes are, where no type was declared', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '16MB' } });
    await at.put('/streamfs/x', FORMATS['video/webm']!());
    const page = await openPage(at, { at: '#/s/streamfs/x' });
    await expect.poll(() => time(page)).toBeGreaterThan(1);
  });

  it('as pictures that follow each other', async () => {
    const at = await server();
    const page = await openPage(at, { at: '#/s/streamfs/x?view=image', expected: [REFUSED] });
    await page.getByRole('button', { name: 'Create it and wait' }).click();
    await expect.poll(() => page.getByTestId('reading').getAttribute('data-phase')).toBe('live');
    await at.put('/streamfs/x', made(...PICTURES, '-t', '3', '-c:v', 'mjpeg', '-f', 'mpjpeg'));
    await page.getByText(/^picture 30 · 160 × 90 · jpeg/).waitFor();
  });
});
