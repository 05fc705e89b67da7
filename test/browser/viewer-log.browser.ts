/** The log viewer: rows, following, and searching. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { cuttableProxyTo } from '../e2e/harness/cuttable-proxy.ts';
import { type ServerProcess, server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, type PageOptions, REFUSED, UNREACHABLE, useBrowser } from './harness/page.ts';

const lines = (from: number, to: number, text = 'line') =>
  Array.from({ length: to - from }, (_, i) => `${text} ${from + i}\n`).join('');

const log = (page: Page) => page.getByTestId('log');
const rows = (page: Page) => log(page).locator('.row');
const phase = (page: Page) => page.getByTestId('reading').getAttribute('data-phase');
const isAtEnd = (page: Page) =>
  log(page).evaluate((list) => list.scrollTop + list.clientHeight >= list.scrollHeight - 4);

/** The texts of visible rows. */
const texts = (page: Page) => rows(page).allTextContents();

/** All rows, copied by selecting the first with a click and the last with shift-click. */
async function allRows(page: Page): Promise<string[]> {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.keyboard.press('g');
  await expect.poll(() => log(page).evaluate((list) => list.scrollTop)).toBe(0);
  await rows(page).first().click();
  await page.keyboard.press('Shift+G');
  await expect.poll(() => isAtEnd(page)).toBe(true);
  await rows(page)
    .last()
    .click({ modifiers: ['Shift'] });
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  const text = await page.evaluate<string>('navigator.clipboard.readText()');
  await page.getByRole('button', { name: 'Unselect' }).click();
  return text.split('\n').slice(0, -1);
}

/** Waits until it no longer scrolls, and returns the position. */
async function untilStill(page: Page): Promise<number> {
  let top = -1;
  await expect
    .poll(
      async () => {
        const before = top;
        top = await log(page).evaluate((list) => list.scrollTop);
        return top === before;
      },
      { interval: 100 },
    )
    .toBe(true);
  return top;
}

async function opened(at: ServerProcess, path: string, query = '', options: PageOptions = {}): Promise<Page> {
  const page = await openPage(at, { ...options, at: `#/s${path}${query}` });
  await expect.poll(() => phase(page)).toBe('live');
  return page;
}

describe.runIf(hasBrowser)('a log in the viewer', () => {
  useBrowser();

  it('shows colours, levels and JSON, which is folded until it is unfolded', async () => {
    const at = await server();
    await at.put(
      '/streamfs/app',
      'ERROR it broke\n\x1b[1;32mgreen\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[0m\n{"id":12345678901234567890,"a":{"b":1.0}}\n',
    );
    const page = await opened(at, '/streamfs/app');
    await expect
      .poll(() => texts(page))
      .toEqual(['ERROR it broke', 'green rgb', '{"id":12345678901234567890,"a":{"b":1.0}}']);
    expect(await rows(page).first().getAttribute('class')).toContain('level-error');
    expect(await log(page).locator('.fg-2.bold').textContent()).toBe('green');
    const rgb = log(page).getByText('rgb', { exact: true });
    const color = await rgb.evaluate((span) => span.ownerDocument.defaultView?.getComputedStyle(span).color);
    expect(color).toBe('rgb(1, 2, 3)');
    await page.getByRole('button', { name: 'Unfold JSON' }).click();
    await expect
      .poll(() => log(page).locator('.json-lines div').allTextContents())
      .toEqual(['{', '  "id": 12345678901234567890,', '  "a": {', '    "b": 1.0', '  }', '}']);
    await page.getByRole('button', { name: 'Fold JSON', exact: true }).click();
    await expect.poll(() => log(page).locator('.json-lines').count()).toBe(0);
  });

  it('follows, stays where a reader has scrolled to, and says how much is new', async () => {
    const at = await server();
    await at.put('/streamfs/app', lines(0, 500));
    const page = await opened(at, '/streamfs/app');
    await expect.poll(() => texts(page).then((all) => all.at(-1))).toBe('line 499');
    await at.put('/streamfs/app', lines(500, 600));
    await expect.poll(() => texts(page).then((all) => all.at(-1))).toBe('line 599');

    await log(page).hover();
    await page.mouse.wheel(0, -2000);
    await page.getByTestId('pill').waitFor();
    await expect.poll(() => isAtEnd(page)).toBe(false);
    // The scroll position stays, while more arrives than fits on a screen.
    const top = await untilStill(page);
    const before = await texts(page);
    await at.put('/streamfs/app', lines(600, 900));
    await page.getByText('300 new lines').waitFor();
    expect(await texts(page)).toEqual(before);
    expect(await log(page).evaluate((list) => list.scrollTop)).toBe(top);

    await page.getByTestId('pill').click();
    await expect.poll(() => texts(page).then((all) => all.at(-1))).toBe('line 899');
    expect(await page.getByTestId('pill').count()).toBe(0);
  });

  it('stays when a scrolling reader and new lines meet in the same frame', async () => {
    const at = await server();
    await at.put('/streamfs/app', lines(0, 500));
    const page = await opened(at, '/streamfs/app');
    let isWriting = true;
    const writing = (async () => {
      for (let i = 500; isWriting; i += 20) await at.put('/streamfs/app', lines(i, i + 20));
    })();
    await log(page).hover();
    for (let i = 0; i < 5; i++) await page.mouse.wheel(0, -300);
    await page.getByTestId('pill').waitFor();
    await untilStill(page);
    const newLines = async () =>
      Number(/\d+/.exec((await page.getByTestId('pill').textContent())!.replaceAll(',', ''))?.[0]);
    const [first] = await texts(page);
    const before = await newLines();
    await expect.poll(newLines).toBeGreaterThan(before + 200);
    expect((await texts(page))[0]).toBe(first);
    isWriting = false;
    await writing;
  });

  it('keeps 100,000 lines and few elements, and what is read stays in place when older lines go', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '32MB', channel_buffer_size: '32MB' } });
    const some = 'lorem ipsum dolor sit amet consectetur';
    for (let i = 0; i < 100_000; i += 10_000) await at.put('/streamfs/app', lines(i, i + 10_000, some));
    const page = await opened(at, '/streamfs/app', '?from=earliest');
    await expect.poll(() => page.getByTestId('log-status').textContent()).toContain('100,000 lines');
    const elements = () => page.evaluate<number>(`document.querySelectorAll('*').length`);
    expect(await elements()).toBeLessThan(150);

    await page.keyboard.press('g');
    await expect.poll(() => texts(page).then((all) => all[0])).toBe(`${some} 0`);
    await log(page).evaluate((list) => list.scrollTo(0, 18 * 50_000));
    const inSight = () =>
      log(page).evaluate((list) => {
        const top = list.getBoundingClientRect().top;
        const row = [...list.querySelectorAll('.row')].find((each) => each.getBoundingClientRect().bottom > top + 1);
        return row?.textContent;
      });
    await expect.poll(inSight).toBe(`${some} 50000`);
    for (let i = 100_000; i < 120_000; i += 5000) await at.put('/streamfs/app', lines(i, i + 5000, some));
    await expect.poll(() => page.getByTestId('log-status').textContent()).toContain('20,000 older ones dropped');
    await expect.poll(inSight).toBe(`${some} 50000`);
    expect(await elements()).toBeLessThan(150);
  });

  it('shows a loss where it happened, counts it, and says where it starts', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '16KB', channel_buffer_size: '16KB' } });
    const proxy = await cuttableProxyTo(at.port);
    await at.put('/streamfs/app', lines(0, 3000));
    const { written } = (await at.facts('/streamfs/app'))!;
    const page = await openPage(proxy, { at: '#/s/streamfs/app?offset=0', expected: [UNREACHABLE] });
    await expect.poll(() => phase(page)).toBe('live');
    await page.keyboard.press('g');
    await expect.poll(() => texts(page).then((all) => all[0])).toMatch(/^starts at offset [\d,]+: earlier bytes/);
    await page.keyboard.press('Shift+G');

    proxy.refuse();
    await expect.poll(() => phase(page)).toBe('reconnecting');
    await at.put('/streamfs/app', lines(3000, 6000));
    const end = (await at.facts('/streamfs/app'))!.written;
    proxy.accept();
    await expect.poll(() => phase(page)).toBe('live');
    await expect.poll(() => page.getByTestId('log-status').textContent()).toContain('lost');
    const all = await allRows(page);
    const gap = all.findIndex((text) => text.includes('lost between'));
    expect(all[gap - 2]).toBe('line 2999');
    expect(all[gap - 1]).toMatch(/^\[reconnected at offset/);
    const [, from, to] = /between offsets ([\d,]+) and ([\d,]+)/
      .exec(all[gap]!)!
      .map((text) => text.replaceAll(',', ''));
    expect(Number(from)).toBe(written);
    // The first line after it is the remainder of one, from exactly that offset on.
    const rest = all.slice(gap + 1).join('\n');
    expect(rest.length + 1).toBe(end - Number(to));
    expect(all.at(-1)).toBe('line 5999');
  });

  it('doubles and loses no line over cuts', async () => {
    const at = await server();
    const proxy = await cuttableProxyTo(at.port);
    await at.put('/streamfs/app', lines(0, 10));
    const page = await openPage(proxy, { at: '#/s/streamfs/app', expected: [UNREACHABLE] });
    await expect.poll(() => phase(page)).toBe('live');
    for (let round = 0; round < 3; round++) {
      await at.put('/streamfs/app', lines(10 + round * 200, 110 + round * 200));
      proxy.refuse();
      await expect.poll(() => phase(page)).toBe('reconnecting');
      await page
        .getByText(/^reconnecting/)
        .first()
        .waitFor();
      await at.put('/streamfs/app', lines(110 + round * 200, 210 + round * 200));
      proxy.accept();
      await expect.poll(() => phase(page)).toBe('live');
    }
    await expect.poll(() => texts(page).then((all) => all.at(-1))).toBe('line 609');
    const all = await allRows(page);
    expect(all.filter((text) => text.startsWith('line'))).toEqual(lines(0, 610).split('\n').slice(0, -1));
    expect(all.filter((text) => text.startsWith('[reconnected'))).toHaveLength(3);
  });

  it('says that the server is gone, and goes on with the new stream of one that is back', async () => {
    const at = await server();
    await at.put('/streamfs/app', 'of the first life\n');
    const page = await openPage(at, {
      at: '#/s/streamfs/app',
      expected: [UNREACHABLE, REFUSED],
    });
    await expect.poll(() => phase(page)).toBe('live');
    await at.process.end();
    await expect.poll(() => phase(page), { timeout: 2000 }).toBe('reconnecting');
    const again = await server({ port: at.port });
    await again.put('/streamfs/app', 'of the second life\n');
    await page.getByText('of the second life').waitFor();
    await expect.poll(() => phase(page)).toBe('live');
    expect((await texts(page)).filter((text) => !text.startsWith('[') && text.includes('life'))).toEqual([
      'of the first life',
      'of the second life',
    ]);
    expect((await texts(page)).join('\n')).toContain('a new stream has this path');
  });

  it('says that its stream was removed, and goes on with the next one of this name by itself, again and again', async () => {
    const at = await server();
    await at.put('/streamfs/app', 'of life 0\n');
    const page = await opened(at, '/streamfs/app', '?from=earliest', { expected: [REFUSED] });
    for (const life of [1, 2]) {
      await at.json('DELETE', '/files?path=/streamfs/app');
      await expect.poll(() => phase(page)).toBe('gone');
      expect(await page.getByTestId('reading').textContent()).toContain('waiting for another stream with this name');
      expect(await page.getByRole('button', { name: 'Read again' }).count()).toBe(0);
      // It is waited for, not created.
      await page.waitForResponse((response) => response.status() === 404 && response.url().includes('/stat?'));
      await at.put('/streamfs/app', `of life ${life}\n`);
      await page.getByText(`of life ${life}`).waitFor();
      await expect.poll(() => phase(page)).toBe('live');
    }
    await at.put('/streamfs/app', 'and more\n');
    await page.getByText('and more').waitFor();
    const next = 'a new stream has this path; the previous one was read up to offset 10';
    const removed = 'the stream was removed at offset 10';
    expect(await texts(page)).toEqual([
      'of life 0',
      removed,
      next,
      'of life 1',
      removed,
      next,
      'of life 2',
      'and more',
    ]);
  });

  it('says that nothing comes, where the server is there and silent', async () => {
    const at = await server();
    await at.put('/streamfs/app', 'hello\n');
    const page = await opened(at, '/streamfs/app');
    process.kill(at.process.pid, 'SIGSTOP');
    try {
      await page.getByText('nothing from the server for').waitFor();
    } finally {
      process.kill(at.process.pid, 'SIGCONT');
    }
    await expect.poll(() => page.getByTestId('reading').textContent()).toContain('live');
  });

  it('says how a stream ended', async () => {
    const at = await server();
    await at.put('/streamfs/app', 'no line end');
    const page = await opened(at, '/streamfs/app');
    await page.getByText('no line end').waitFor();
    await at.json('POST', '/end?path=/streamfs/app&end_status=exit%203');
    await page.getByText('the stream ended (exit 3) at offset 11').waitFor();
    expect(await page.getByTestId('reading').textContent()).toContain('its writer ended it: exit 3');
    expect(await texts(page)).toHaveLength(2);
  });

  it('finds hits in both directions, with keys', async () => {
    const at = await server();
    await at.put('/streamfs/app', lines(0, 2000).replaceAll(/(line \d+00)\n/g, '$1 needle\n'));
    const page = await opened(at, '/streamfs/app');
    await page.keyboard.press('/');
    await page.keyboard.type('needle');
    await expect.poll(() => page.getByTestId('hits').textContent()).toMatch(/of 19$/);
    const current = () => log(page).locator('.row.current').textContent();
    await page.getByRole('button', { name: 'Next match' }).focus();
    await page.keyboard.press('g');
    for (const key of ['n', 'n', 'Shift+N']) {
      const before = await page.getByTestId('hits').textContent();
      await page.keyboard.press(key);
      await expect.poll(() => page.getByTestId('hits').textContent()).not.toBe(before);
      expect(await current()).toContain('needle');
      expect(await log(page).locator('.row.current mark').textContent()).toBe('needle');
    }
    // Keys faster than the list is drawn: it shows the match of the last one.
    await page.evaluate(`(async () => {
      for (const key of ['n', 'N']) document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    })()`);
    await expect
      .poll(async () => `${await current()} is ${await page.getByTestId('hits').textContent()}`)
      .toMatch(/^line (\d+)00 needle is \1 of 19$/);
    await page.getByRole('searchbox', { name: 'Search in lines' }).fill('(');
    await page.getByRole('button', { name: 'Regular expression' }).click();
    await expect.poll(() => page.getByTestId('hits').textContent()).toMatch(/\(/);
  });

  it('says that the stream has not reached the requested offset, and continues when it has', async () => {
    const at = await server();
    await at.put('/streamfs/app', 'one\n');
    const page = await openPage(at, { at: '#/s/streamfs/app?offset=8' });
    await page.getByTestId('reading').filter({ hasText: 'the stream ends 4 bytes before this offset' }).waitFor();
    await page.getByText('The stream has not reached this offset yet.').waitFor();
    await at.put('/streamfs/app', 'two\nthree\n');
    await page.getByText('three', { exact: true }).waitFor();
    expect(await page.getByText('two', { exact: true }).count()).toBe(0);
    await page.getByTestId('reading').filter({ hasText: 'live' }).waitFor();
  });

  it('filters with lines around hits, leaves what happened, and keeps the state in the address', async () => {
    const at = await server();
    await at.put('/streamfs/app', lines(0, 300).replace('line 150\n', 'line 150 needle\n'));
    const page = await opened(at, '/streamfs/app', '?q=needle&filter=1&context=1');
    await expect.poll(() => texts(page)).toEqual(['149 lines left out', 'line 149', 'line 150 needle', 'line 151']);
    await at.put('/streamfs/app', 'another needle\n');
    await expect.poll(() => texts(page)).toHaveLength(7);
    await page.getByText('line 150 needle').click();
    await page.getByRole('button', { name: 'Among all lines' }).click();
    await page.getByText('line 145', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Wrap long lines' }).click();
    await expect.poll(() => page.url()).toMatch(/#\/s\/streamfs\/app\?q=needle&context=1&wrap=1$/);
    // The match is still selected, among all lines.
    await page.reload();
    await expect.poll(() => page.getByTestId('hits').textContent()).toMatch(/2$/);
    await expect.poll(() => rows(page).count()).toBeGreaterThan(20);
  });

  it('wraps long lines and still ends at the last one', async () => {
    const at = await server();
    const long = (i: number) => `${i} ${'0123456789'.repeat((i * 7) % 60)} end of ${i}\n`;
    await at.put('/streamfs/app', Array.from({ length: 400 }, (_, i) => long(i)).join(''));
    const page = await opened(at, '/streamfs/app', '?wrap=1');
    const lastIsInSight = () =>
      log(page).evaluate((list) => {
        const last = list.querySelector('.row:last-child')!;
        return [
          last.textContent?.endsWith('end of 399'),
          last.getBoundingClientRect().bottom <= list.getBoundingClientRect().bottom + 1,
        ];
      });
    await expect.poll(lastIsInSight).toEqual([true, true]);
    expect(await log(page).evaluate((list) => list.scrollWidth <= list.clientWidth)).toBe(true);
    await page.keyboard.press('g');
    await expect.poll(() => texts(page).then((all) => all[0])).toBe('0  end of 0');
    await page.keyboard.press('Shift+G');
    await expect.poll(lastIsInSight).toEqual([true, true]);
  });

  it('wraps long lines on a narrow screen, between words, and what happened between them too, unless that is turned off', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '16KB', channel_buffer_size: '16KB' } });
    const words = 'request to a service took longer than it may have taken ';
    await at.put(
      '/streamfs/app',
      Array.from({ length: 300 }, (_, i) => `${i} ${words.repeat(i % 5)}end of ${i}\n`).join(''),
    );
    const page = await opened(at, '/streamfs/app', '?offset=5', { size: { width: 360, height: 740 } });
    const isCut = () => log(page).evaluate((list) => list.scrollWidth > list.clientWidth);
    const lastIsInSight = () =>
      log(page).evaluate(
        (list) =>
          list.querySelector('.row:last-child')!.getBoundingClientRect().bottom <=
          list.getBoundingClientRect().bottom + 1,
      );
    await page.getByText('end of 299').waitFor();
    expect(await isCut()).toBe(false);
    await expect.poll(lastIsInSight).toBe(true);
    await page.keyboard.press('g');
    await log(page).locator('.row.notice').waitFor();
    // Rows do not overlap, whatever their heights.
    const overlaps = () =>
      log(page).evaluate((list) => {
        const boxes = [...list.querySelectorAll('.row')].map((row) => row.getBoundingClientRect());
        return boxes.filter((box, n) => n > 0 && box.top < boxes[n - 1]!.bottom - 1).length;
      });
    expect(await overlaps()).toBe(0);
    expect(await isCut()).toBe(false);
    await page.getByLabel('How to search and show lines').click();
    await page.getByRole('button', { name: 'Wrap long lines' }).click();
    await expect.poll(() => page.url()).toMatch(/wrap=0$/);
    await expect.poll(isCut).toBe(true);
  });

  it('shows when lines were received, and starts at a selected line', async () => {
    const at = await server();
    await at.put('/streamfs/app', lines(0, 10));
    const page = await opened(at, '/streamfs/app', '?time=utc');
    expect(await rows(page).first().getAttribute('data-time')).toMatch(/^\d\d:\d\d:\d\d\.\d{3}Z$/);
    await page.getByRole('combobox', { name: /received by this page/ }).selectOption('relative');
    await expect.poll(() => rows(page).first().getAttribute('data-time')).toMatch(/^\d+ s ago$/);
    await page.getByText('line 5').click();
    await page.getByRole('button', { name: 'Start here' }).click();
    await expect.poll(() => texts(page).then((all) => all.slice(0, 2))).toEqual(['starts at offset 35', 'line 5']);
    expect(page.url()).toContain('offset=35');
  });
});
