/** The pages of examples/, as their README describes: from a different origin than the server's, with the built client. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasFfmpeg } from '../e2e/harness/ffmpeg.ts';
import { Process } from '../e2e/harness/process.ts';
import { server } from '../e2e/harness/server.ts';
import { waitFor } from '../harness/wait.ts';
import { hasBrowser, openPage, useBrowser } from './harness/page.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');

async function world() {
  const pages = new Process(process.execPath, [`${EXAMPLES}/serve.mjs`, '0'], { stdin: 'ignore' });
  onTestFinished(() => pages.end().then(() => undefined));
  const origin = await waitFor('the address of the pages', () => /http:\S+(?=\/\n)/.exec(pages.stdout.text)?.[0]);
  const at = await server({ server: { cors: { origins: [origin] } } });
  // Another origin of the same machine.
  const address = `http://localhost:${at.port}`;
  const open = (name: string) =>
    openPage({ url: origin }, { address: `${origin}/${name}?server=${encodeURIComponent(address)}` });
  return { at, address, open };
}

describe.runIf(hasBrowser)('an example', () => {
  useBrowser();

  it('shows tokens of a model as they come, and goes on at the next byte when it is loaded again', async () => {
    const { at, open } = await world();
    await at.put('/streamfs/answer', 'Naïve, ');
    const page = await open('tokens.html');
    const answer = page.locator('#answer');
    await expect.poll(() => answer.textContent()).toBe('Naïve, ');
    // Half of a character, then a reload: the character is neither lost nor duplicated.
    const accent = new TextEncoder().encode('é');
    await at.put('/streamfs/answer', accent.subarray(0, 1));
    const asked = page.waitForRequest((request) => request.url().includes('offset='));
    await page.reload();
    expect(new URL((await asked).url()).searchParams.get('offset')).toBe('8');
    await at.put('/streamfs/answer', accent.subarray(1));
    await at.put('/streamfs/answer', ' perhaps');
    await at.json('POST', '/end?path=/streamfs/answer');
    await expect.poll(() => answer.textContent()).toBe('Naïve, é perhaps');
    await expect.poll(() => page.locator('#state').textContent()).toBe('ended (ended)');
  });

  it('stands in for a model', async () => {
    const { address, at, open } = await world();
    const page = await open('tokens.html');
    const model = new Process(process.execPath, [`${EXAMPLES}/tokens.mjs`, address], { stdin: 'ignore' });
    onTestFinished(() => model.end().then(() => undefined));
    await expect.poll(() => page.locator('#answer').textContent()).toMatch(/^A stream is a file/);
    expect((await at.facts('/streamfs/answer'))?.state).toBe('open');
  });

  it('shows a log', async () => {
    const { at, open } = await world();
    await at.put('/streamfs/log', Array.from({ length: 500 }, (_, i) => `line ${i}\n`).join(''));
    const page = await open('log.html');
    await expect.poll(() => page.locator('#log div').count()).toBe(200);
    await at.put('/streamfs/log', '<b>one more</b>\n');
    await expect.poll(() => page.locator('#log div').last().textContent()).toBe('<b>one more</b>');
    expect(await page.locator('#log b').count()).toBe(0);
    await expect.poll(() => page.locator('#state').textContent()).toBe('live');
  });

  it.runIf(hasFfmpeg)('plays live video', async () => {
    const { at, open } = await world();
    const args = '-v error -f lavfi -i testsrc=size=160x90:rate=10 -t 8 -c:v libvpx -deadline realtime -g 10 -f webm -';
    await at.json('POST', '/files?path=/streamfs/tv&type=video/webm');
    await at.put('/streamfs/tv', execFileSync('ffmpeg', args.split(' '), { maxBuffer: 64 * 1024 * 1024 }));
    const page = await open('video.html');
    const time = () =>
      page.locator('#video').evaluate((video) => ('currentTime' in video ? Number(video.currentTime) : 0));
    await expect.poll(time).toBeGreaterThan(1);
    expect(await page.locator('#state').textContent()).not.toContain('no video');
  });
});
