/** The page as a screen reader perceives it: the accessibility tree, what is announced, and where the focus goes. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, REFUSED, UNREACHABLE, useBrowser } from './harness/page.ts';

interface AxNode {
  ignored: boolean;
  role?: { value: string };
  name?: { value: string };
  properties?: { name: string; value: { value: unknown } }[];
}

/** All nodes of the tree that are exposed to screen readers. */
async function tree(page: Page): Promise<AxNode[]> {
  const session = await page.context().newCDPSession(page);
  try {
    const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: AxNode[] };
    return nodes.filter(({ ignored }) => !ignored);
  } finally {
    await session.detach();
  }
}

/** Roles of elements that a user operates, or that are only meaningful with a name. */
const NAMED = new Set([
  ...['button', 'link', 'textbox', 'searchbox', 'combobox', 'checkbox', 'radio', 'slider', 'tab', 'option', 'menuitem'],
  ...['img', 'image', 'table', 'list', 'dialog', 'region', 'navigation', 'columnheader', 'heading', 'Video', 'Iframe'],
]);

/** Records every text that appears in a live region. */
const LISTEN = `{
  globalThis.announced = [];
  const seen = new Map();
  const look = () => {
    for (const region of document.querySelectorAll('[role=status], [role=alert], [aria-live]')) {
      if (region.getAttribute('aria-live') === 'off' || region.closest('[aria-hidden=true]') !== null) continue;
      const copy = region.cloneNode(true);
      for (const hidden of copy.querySelectorAll('[aria-hidden=true]')) hidden.remove();
      const text = copy.textContent.trim();
      if (text === '' || seen.get(region) === text) continue;
      seen.set(region, text);
      globalThis.announced.push(text);
    }
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
}`;
const announced = (page: Page) => page.evaluate<string[]>('globalThis.announced');

const VIEWS: readonly [name: string, at: string, ready: string][] = [
  ['streams', '', '[role=row] a'],
  ['tree', '#/?as=tree', '[role=row]'],
  ['health', '#/health', '.chart canvas'],
  ['API', '#/api', 'details, .operation'],
  ['log', '#/s/streamfs/log?q=ERROR&filter=1', '.row'],
  ['JSON', '#/s/streamfs/log?view=json', '.row'],
  ['hex', '#/s/streamfs/log?view=hex', '.row'],
  ['terminal', '#/s/streamfs/log?view=terminal', 'iframe'],
  ['image', '#/s/streamfs/log?view=image', '[data-testid=reading]'],
  ['media', '#/s/streamfs/log?view=media', '[data-testid=player]'],
  ['missing stream', '#/s/streamfs/none', '.again'],
];

describe.runIf(hasBrowser)('the page for screen readers', () => {
  useBrowser();

  it.each(VIEWS.flatMap((view) => [1440, 360].map((width) => [width, ...view] as const)))(
    'at %i pixels: every control, table, list, picture and chart has a name: %s',
    async (width, _name, at, ready) => {
      const one = await server();
      await one.put('/streamfs/log', 'INFO begin\nERROR it broke\n{"a":{"b":1}}\n');
      const page = await openPage(one, { at, size: { width, height: 740 }, expected: [REFUSED] });
      await page.locator(ready).first().waitFor();
      const nodes = await tree(page);
      const nameless = nodes.filter(({ name, role }) => NAMED.has(role?.value ?? '') && !name?.value.trim());
      expect(nameless.map(({ role }) => role?.value)).toEqual([]);
      expect(nodes.filter(({ role }) => role?.value === 'heading').length).toBeGreaterThan(0);
      if (nodes.some(({ role }) => role?.value === 'table')) {
        expect(nodes.filter(({ role }) => role?.value === 'columnheader').length).toBeGreaterThan(3);
      }
    },
  );

  it('describes charts by their values', async () => {
    const at = await server();
    const page = await openPage(at, { at: '#/health' });
    const chart = page.getByRole('img', { name: /^Memory in use/ });
    await expect
      .poll(() => chart.getAttribute('aria-label'))
      .toMatch(/: now [\d.]+ [KM]?B, lowest [\d.]+ [KM]?B, highest [\d.]+ [KM]?B/);
  });

  it('reads rows of lists one by one, with their position, and offsets of bytes apart from the bytes', async () => {
    const at = await server();
    await at.put('/streamfs/log', Array.from({ length: 500 }, (_, i) => `line ${i}\n`).join(''));
    const page = await openPage(at, { at: '#/s/streamfs/log?view=log' });
    const last = page.getByRole('listitem').last();
    await expect.poll(() => last.textContent()).toBe('line 499');
    expect([await last.getAttribute('aria-posinset'), await last.getAttribute('aria-setsize')]).toEqual(['500', '-1']);
    await page.getByRole('combobox', { name: 'View' }).selectOption('hex');
    const bytes = async () =>
      (await tree(page)).filter(({ role }) => role?.value === 'StaticText').map(({ name }) => name?.value ?? '');
    await expect.poll(bytes).toContainEqual(expect.stringMatching(/^[\da-f]{8} $/));
  });

  it('exposes what a terminal shows, and does not read every line aloud', async () => {
    const at = await server();
    await at.put('/streamfs/x', '\x1b[2J\x1b[Hfirst\r\nsecond');
    const page = await openPage(at, { at: '#/s/streamfs/x?view=terminal' });
    const frame = page.frameLocator('iframe');
    await frame.getByRole('listitem').getByText('second').waitFor();
    expect(await frame.locator('[aria-live]:not([aria-live=off])').count()).toBe(0);
  });

  it('announces changes of the connection with their reasons once, and neither lines nor counters', async () => {
    const at = await server();
    await at.put('/streamfs/log', 'line 0\n');
    const page = await openPage(at, { at: '#/s/streamfs/log', expected: [UNREACHABLE, REFUSED] });
    await page.evaluate(LISTEN);
    const announcement = page.getByTestId('announcement');
    await expect.poll(() => announcement.textContent()).toBe('live');
    for (let i = 1; i < 50; i++) await at.put('/streamfs/log', `line ${i}\n`);
    await page.getByText('line 49', { exact: true }).waitFor();
    await at.json('POST', '/end?path=/streamfs/log&end_status=exit%203');
    await expect.poll(() => announcement.textContent()).toBe('ended: its writer ended it: exit 3');
    await at.process.end();
    await expect.poll(() => announced(page)).toContain('server unreachable');
    const texts = await announced(page);
    expect(texts.filter((text) => text.includes('line'))).toEqual([]);
    expect(texts.filter((text) => /^ended/.test(text))).toHaveLength(1);
  });

  it('announces a loss, and a reconnect without its countdown', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '64KB', channel_buffer_size: '64KB' } });
    await at.put('/streamfs/log', 'line 0\n');
    const page = await openPage(at, { at: '#/s/streamfs/log?view=log', expected: [UNREACHABLE, REFUSED] });
    await page.evaluate(LISTEN);
    const announcement = page.getByTestId('announcement');
    await expect.poll(() => announcement.textContent()).toBe('live');
    await at.put('/streamfs/log', 'more\n');
    // A page that is busy does not read: it loses bytes.
    await Promise.all([
      page.evaluate('{ const until = performance.now() + 3000; while (performance.now() < until); }'),
      at.put('/streamfs/log', 'x'.repeat(32 * 1024 * 1024)),
    ]);
    await expect.poll(() => announcement.textContent()).toMatch(/^live, [\d.]+ [KM]B lost$/);
    await at.process.end();
    await expect.poll(() => announcement.textContent()).toMatch(/^reconnecting: /);
    await expect.poll(() => page.getByTestId('reading').textContent()).toMatch(/reconnecting in [1-9]/);
    expect((await announced(page)).filter((text) => /\d s\b/.test(text))).toEqual([]);
  });

  it('traps the focus in a dialog and returns it, and moves it to the next view', async () => {
    const at = await server();
    for (const name of ['alpha', 'beta']) await at.put(`/streamfs/${name}`, `this is ${name}\n`);
    const page = await openPage(at);
    await page.getByRole('link', { name: '/streamfs/alpha' }).waitFor();
    expect(await page.title()).toBe('Streams · StreamFS');
    const opener = page.getByRole('button', { name: 'New stream' });
    await opener.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      // The browser's own controls may take a turn.
      expect(await page.evaluate('document.activeElement.closest("dialog, body").tagName')).not.toBe('MAIN');
      expect(
        await page.evaluate(
          'document.activeElement === document.body || document.activeElement.closest("dialog") !== null',
        ),
      ).toBe(true);
    }
    await page.keyboard.press('Escape');
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('New stream');
    await page.getByRole('row').nth(1).focus();
    await page.keyboard.press('Enter');
    await page.getByText('this is alpha').first().waitFor();
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('main');
    expect(await page.title()).toBe('/streamfs/alpha · StreamFS');
  });

  it('reaches the controls of a view in the order in which they are seen', async () => {
    const at = await server();
    await at.put('/streamfs/log', 'a line\n');
    const page = await openPage(at, { at: '#/s/streamfs/log' });
    await page.getByText('a line').first().waitFor();
    await page.getByRole('button', { name: 'Skip to content' }).focus();
    const tops: number[] = [];
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      const top = await page.evaluate<number | undefined>(
        'document.activeElement === document.body ? undefined : Math.round(document.activeElement.getBoundingClientRect().top)',
      );
      if (top === undefined) break;
      tops.push(top);
    }
    expect(tops.length).toBeGreaterThan(12);
    // Controls of one line differ by a few pixels.
    for (const [i, top] of tops.entries()) expect(top).toBeGreaterThan((tops[i - 1] ?? 0) - 20);
  });
});
