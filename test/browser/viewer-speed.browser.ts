/**
 * The responsiveness of a log of 100,000 lines that gets 6,000 more a second. Timings are printed; the number of elements and the
 * memory, which do not depend on the machine, are tested.
 */
import { describe, expect, it } from 'vitest';
import { server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, useBrowser } from './harness/page.ts';

const LINES = 100_000;
const LINES_PER_SECOND = 6000;
const SECONDS = 4;
const WRITES_PER_SECOND = 20;

const text = (from: number, count: number) =>
  Array.from(
    { length: count },
    (_, i) =>
      `2026-11-26T08:00:00.000Z ${i % 9 === 0 ? '\x1b[31mERROR\x1b[0m' : 'INFO'} line ${from + i} lorem ipsum dolor sit amet\n`,
  ).join('');

/** Runs in the page: records the times between frames until it is stopped. */
const MEASURE = `globalThis.frames = []; globalThis.measuring = true;
{ let last = performance.now();
  const frame = (now) => { frames.push(now - last); last = now; if (measuring) requestAnimationFrame(frame); };
  requestAnimationFrame(frame); }`;

const STOP = `globalThis.measuring = false; globalThis.frames.slice(1)`;

function summary(frames: number[]): string {
  const sorted = [...frames].sort((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  // Compared with the median: whatever the frame rate of the machine, these frames were late.
  const late = frames.filter((each) => each > 1.5 * Number(at(0.5))).length;
  const share = ((100 * late) / Math.max(1, frames.length)).toFixed(1);
  return `${frames.length} frames, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms, late ${share} %`;
}

describe.runIf(hasBrowser)('a long and fast log in the viewer', () => {
  useBrowser();

  it('keeps few elements and bounded memory, while 6,000 lines a second come and while the reader jumps about', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '32MB', channel_buffer_size: '32MB' } });
    for (let i = 0; i < LINES; i += 10_000) await at.put('/streamfs/app', text(i, 10_000));
    const page = await openPage(at, { at: '#/s/streamfs/app?from=earliest' });
    const status = page.getByTestId('log-status');
    await expect.poll(() => status.textContent()).toContain('100,000 lines');
    const session = await page.context().newCDPSession(page);
    const heap = async () => {
      await session.send('HeapProfiler.collectGarbage');
      return (await session.send('Runtime.getHeapUsage')).usedSize;
    };
    const before = await heap();

    let written = LINES;
    const write = async () => {
      const began = performance.now();
      for (let i = 0; i < SECONDS * WRITES_PER_SECOND; i++) {
        const due = began + (i * 1000) / WRITES_PER_SECOND;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
        await at.put('/streamfs/app', text(written, LINES_PER_SECOND / WRITES_PER_SECOND));
        written += LINES_PER_SECOND / WRITES_PER_SECOND;
      }
    };
    await page.evaluate(MEASURE);
    await write();
    const following = await page.evaluate<number[]>(STOP);
    await expect
      .poll(() => page.getByTestId('log').locator('.row').last().textContent())
      .toContain(`line ${written - 1} `);

    await page.evaluate(MEASURE);
    for (let i = 0; i < 60; i++) {
      await page
        .getByTestId('log')
        .evaluate((list, share) => list.scrollTo(0, list.scrollHeight * share), ((i * 37) % 60) / 60);
    }
    const jumping = await page.evaluate<number[]>(STOP);

    await page.getByRole('searchbox').fill('line 99999 ');
    await expect.poll(() => page.getByTestId('hits').textContent()).toMatch(/1 of 1$/);
    const after = await heap();
    const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    process.stdout.write(
      `100,000 lines, following ${LINES_PER_SECOND} a second: ${summary(following)}\n` +
        `60 jumps: ${summary(jumping)}\nheap: ${megabytes(before)} before, ${megabytes(after)} after\n`,
    );
    // Dropped lines are released: as many are kept as before.
    expect(await status.textContent()).toContain('100,000 lines');
    expect(after).toBeLessThan(before * 1.5 + 10e6);
    expect(after).toBeLessThan(120e6);
    expect(await page.evaluate<number>(`document.querySelectorAll('*').length`)).toBeLessThan(170);
  });
});
