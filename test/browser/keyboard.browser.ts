/** The page with the keyboard alone, on a narrow screen, and the cost of opening it. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, useBrowser } from './harness/page.ts';

/** Screenshots of the page for inspection, outside the repository. */
const PICTURES = resolve(import.meta.dirname, '../../node_modules/.cache/streamfs/pictures');

const FIRST_LOAD_BYTES = 60 * 1024;

const TOKEN = 'a-token-for-tests-0123456789';

/** Whether everything in the bar is visible, on one line. */
const BAR = `{
  const shown = [...document.querySelectorAll('.bar a, .bar button')].map((each) => each.getBoundingClientRect());
  ({
    isWithin: shown.every(({ right }) => right <= innerWidth),
    isOneLine: shown.every(({ height }) => height <= document.querySelector('.bar').clientHeight) &&
      [...document.querySelectorAll('.bar-end button')].every((each) => each.getClientRects().length <= 1 && each.clientHeight < 40),
  })
}`;

/** Pairs of controls that cover each other, by their labels. Rows of a table are clipped by it. */
const OVERLAPS = `{
  const root = document.querySelector('dialog[open]') ?? document.querySelector('main');
  const shown = [...root.querySelectorAll('button, select, input, summary')]
    .filter((each) => each.checkVisibility() && each.closest('.table') === null)
    .map((each) => ({ each, ...each.getBoundingClientRect().toJSON() }));
  const labelOf = ({ each }) => each.ariaLabel ?? each.textContent;
  shown.flatMap((a, n) => shown.slice(n + 1)
    .filter((b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1 && !a.each.contains(b.each) && !b.each.contains(a.each))
    .map((b) => labelOf(a) + ' and ' + labelOf(b)));
}`;

describe.runIf(hasBrowser)('the page by keys alone', () => {
  useBrowser();

  it('finds a stream, opens it, goes back, and shows its keys', async () => {
    const at = await server();
    for (const name of ['alpha', 'beta', 'gamma']) await at.put(`/streamfs/${name}`, `this is ${name}\n`);
    const page = await openPage(at);
    await page.getByRole('link', { name: '/streamfs/alpha' }).waitFor();
    const focused = () => page.evaluate('document.activeElement?.textContent ?? ""') as Promise<string>;
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toContain('/streamfs/alpha');
    await page.keyboard.press('G');
    await expect.poll(focused).toContain('/streamfs/gamma');
    await page.keyboard.press('g');
    await expect.poll(focused).toContain('/streamfs/alpha');
    await page.keyboard.press('ArrowDown');
    await expect.poll(focused).toContain('/streamfs/beta');
    await page.keyboard.press('Enter');
    await page.getByText('this is beta').first().waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Streams 3' }).waitFor();

    await page.keyboard.press('/');
    await page.keyboard.type('gam');
    await expect.poll(() => page.locator('.table-body [role=row]').count()).toBe(1);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('i');
    await page.getByRole('dialog').getByText('Follow it', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('closes a dialog with Escape, and nothing else, also after the focused button has gone', async () => {
    const at = await server();
    await at.put('/streamfs/x', 'bytes');
    const page = await openPage(at, { at: '#/s/streamfs/x' });
    await page.getByRole('button', { name: 'Details' }).click();
    await page.getByRole('dialog').getByText('End', { exact: true }).click();
    await page.getByRole('button', { name: 'End the stream' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('It has ended.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(new URL(page.url()).hash).toBe('#/s/streamfs/x');
    await page.keyboard.press('Escape');
    await expect.poll(() => new URL(page.url()).hash).toBe('#/');
  });

  it('has a name for everything that can be used, and shows where the focus is', async () => {
    const at = await server();
    await at.put('/streamfs/alpha', 'x');
    const page = await openPage(at);
    await page.getByRole('link', { name: '/streamfs/alpha' }).waitFor();
    const unnamed = await page.evaluate(`[...document.querySelectorAll('button, a, input, select, textarea')]
      .filter((element) => !(element.getAttribute('aria-label') || element.textContent.trim() || element.labels?.length))
      .map((element) => element.outerHTML)`);
    expect(unnamed).toEqual([]);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).not.toBe('none');
  });

  it('contract 103: costs at most 60 KB to open, all from its own server', async () => {
    const at = await server();
    const page = await openPage(at);
    await page.getByText('There are no streams yet').waitFor();
    const loaded = (await page.evaluate(
      'performance.getEntries().filter(({ name }) => /^https?:/.test(name)).map(({ name }) => name)',
    )) as string[];
    expect(loaded.filter((name) => !name.startsWith(`${at.url}/`))).toEqual([]);
    const parts = loaded.filter((name) => name.startsWith(`${at.url}/ui/`));
    expect(parts.length).toBeGreaterThanOrEqual(3);
    let bytes = 0;
    for (const part of parts) {
      const response = await fetch(part, { headers: { 'accept-encoding': 'gzip' } });
      bytes += Number(response.headers.get('content-length'));
      await response.arrayBuffer();
    }
    expect(bytes).toBeGreaterThan(20_000);
    expect(bytes).toBeLessThanOrEqual(FIRST_LOAD_BYTES);
  });
});

describe.runIf(hasBrowser)('at every width', () => {
  useBrowser();

  it.each([360, 1440])('fits its views into %d pixels, in light and dark', async (width) => {
    const tokens = [{ name: 'all', token: TOKEN, rights: ['read', 'write', 'admin'], paths: ['/**'] }];
    const at = await server({ server: { tokens } });
    for (const name of ['build/log', 'build/a-name-that-is-longer-than-any-that-one-would-want-to-read', 'radio']) {
      await fetch(at.api(`/files?path=/streamfs/${name}`), {
        method: 'PUT',
        body: '2026-11-26T17:00:00Z INFO a line of a log\n'.repeat(60),
        headers: { Authorization: `Bearer ${TOKEN}` },
      });
    }
    mkdirSync(PICTURES, { recursive: true });
    for (const colorScheme of ['dark', 'light'] as const) {
      const page = await openPage(at, { size: { width, height: 800 }, colorScheme, token: TOKEN });
      const fits = async (name: string) => {
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
        expect(await page.evaluate(BAR)).toEqual({ isWithin: true, isOneLine: true });
        expect(await page.evaluate(OVERLAPS)).toEqual([]);
        await page.screenshot({ path: join(PICTURES, `${name}-${width}-${colorScheme}.png`) });
      };
      await page.getByRole('link', { name: '/streamfs/radio' }).waitFor();
      await fits('streams');
      await page.getByRole('button', { name: 'Details of /streamfs/radio' }).click();
      await page.getByRole('dialog').waitFor();
      await fits('details');
      await page.keyboard.press('Escape');
      await page.goto(`${at.url}/ui/#/health`);
      await page.getByRole('heading', { name: 'Readers' }).waitFor();
      await fits('health');
      await page.goto(`${at.url}/ui/#/s/streamfs/build/log`);
      await page.getByText('a line of a log').first().waitFor();
      await fits('viewer');
      await page.getByRole('combobox', { name: 'Where to begin' }).selectOption('From offset …');
      await page.getByRole('textbox', { name: 'Offset in bytes' }).waitFor();
      await fits('viewer-offset');
      await page.goto(`${at.url}/ui/#/s/streamfs/build/log?q=a(%3F=b)&regex=1`);
      await page.getByText('lookahead, lookbehind and back references are not supported').waitFor();
      await fits('viewer-search-error');
      const search = await page.getByRole('searchbox', { name: 'Search in lines' }).boundingBox();
      expect(search?.width).toBeGreaterThan(200);
    }
  });
});
