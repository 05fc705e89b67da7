/** The list of streams, and its actions. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { cuttableProxyTo } from '../e2e/harness/cuttable-proxy.ts';
import { type ServerProcess, server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, REFUSED, useBrowser } from './harness/page.ts';

const row = (page: Page, path: string) =>
  page.getByRole('row').filter({ has: page.getByRole('link', { name: path, exact: true }) });

async function create(at: ServerProcess, ...paths: string[]): Promise<void> {
  for (const path of paths) await at.json('POST', `/files?path=${encodeURIComponent(path)}`);
}

/** Records from now on which rows change (except for the age of the last write), and how many are inserted. */
const WATCH = `{
  globalThis.changed = new Set(); globalThis.added = 0; globalThis.watching?.disconnect();
  globalThis.watching = new MutationObserver((records) => {
    for (const { target, addedNodes } of records) {
      const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
      if (element?.closest('[data-column=age]')) continue;
      const row = element?.closest('[role=row]');
      if (row) changed.add(row.querySelector('a').textContent);
      else added += addedNodes.length;
    }
  });
  watching.observe(document.querySelector('.table-space'), { subtree: true, childList: true, characterData: true, attributes: true });
}`;
/** Names of streams that are not entirely visible. */
const NAMES_CUT = `[...document.querySelectorAll('.stream-name')].filter((link) => {
  const leaf = link.lastElementChild ?? link;
  const cell = link.closest('[role=cell]').getBoundingClientRect();
  return leaf.scrollWidth > leaf.clientWidth + 1 || leaf.getBoundingClientRect().right > cell.right + 1;
}).map((link) => link.textContent)`;
const CHANGED = '[...changed]';

describe.runIf(hasBrowser)('the list of streams', () => {
  useBrowser();

  it('tells a new user what to type, and shows a stream as soon as it is written to', async () => {
    const at = await server();
    const page = await openPage(at);
    await page.getByText('There are no streams yet').waitFor();
    await page.getByText(`date | streamfs --url ${at.url} write --stream /streamfs/hello`).waitFor();
    await at.put('/streamfs/hello', 'a line\n');
    await row(page, '/streamfs/hello').waitFor();
    expect(await row(page, '/streamfs/hello').textContent()).toContain('7 B');
  });

  it('shows live rates, readers, what was lost and how it ended', async () => {
    const at = await server();
    await create(at, '/streamfs/live', '/streamfs/done');
    await at.put('/streamfs/live', 'x');
    await at.json('POST', '/end?path=/streamfs/done&end_status=exit%203');
    const page = await openPage(at);
    const reading = await fetch(at.api('/files?path=/streamfs/live&stream=true'));
    const live = row(page, '/streamfs/live');
    await expect.poll(() => live.locator('[data-column=readers]').textContent()).toBe('1');
    // Bytes at each refresh, which result in a rate.
    await expect
      .poll(async () => {
        await at.put('/streamfs/live', 'x'.repeat(100_000));
        return await live.locator('[data-column=incoming]').textContent();
      })
      .toMatch(/[KM]B\/s$/);
    await expect.poll(() => live.locator('[data-column=state]').textContent()).toBe('live');
    expect(await row(page, '/streamfs/done').locator('[data-column=state]').textContent()).toBe('ended: exit 3');
    await reading.body?.cancel();
  });

  it('keeps 1,000 streams at hand with few rows in the page, sorted by any column and filtered', async () => {
    const at = await server();
    const paths = Array.from({ length: 1000 }, (_, n) => `/streamfs/many/s${String(n).padStart(4, '0')}`);
    for (let n = 0; n < paths.length; n += 50)
      await Promise.all(paths.slice(n, n + 50).map((path) => create(at, path)));
    await at.put('/streamfs/many/s0500', 'the only one with bytes in it');
    const page = await openPage(at);
    await page.getByRole('heading', { name: 'Streams 1,000' }).waitFor();
    const rows = page.locator('.table-body [role=row]');
    expect(await rows.count()).toBeLessThan(50);
    expect(await page.evaluate('document.querySelectorAll("*").length')).toBeLessThan(1500);

    await page.getByRole('button', { name: 'Size' }).click();
    await expect.poll(() => rows.first().textContent()).toContain('s0500');
    await page.getByRole('button', { name: 'Stream', exact: true }).click();
    await row(page, '/streamfs/many/s0000').waitFor();
    await page.evaluate(`document.querySelector('.table-body').scrollTop = 1e6`);
    await row(page, '/streamfs/many/s0999').waitFor();
    expect(await rows.count()).toBeLessThan(50);

    await page.getByRole('searchbox').fill('s012');
    await expect.poll(() => rows.count()).toBe(10);
    expect(page.url()).toContain('q=s012');
    await page.reload();
    await expect.poll(() => rows.count()).toBe(10);
  });

  it('draws again only what has changed: a row that was written to, and rows that come into sight', async () => {
    const at = await server();
    const name = (n: number) => `/streamfs/s${String(n).padStart(3, '0')}`;
    await create(at, ...Array.from({ length: 200 }, (_, n) => name(n)));
    // Narrower than the column for ages, which change all the time.
    const page = await openPage(at, { size: { width: 1200, height: 900 } });
    await page.getByRole('heading', { name: 'Streams 200' }).waitFor();
    const incoming = (n: number) => row(page, name(n)).locator('[data-column=incoming]').textContent();
    await expect.poll(() => incoming(3)).toBe('0');

    await page.evaluate(WATCH);
    await at.put(name(3), 'bytes');
    await expect.poll(() => row(page, name(3)).locator('[data-column=size]').textContent()).toBe('5 B');
    await expect.poll(() => incoming(3)).toBe('0');
    expect(await page.evaluate(CHANGED)).toEqual([name(3)]);

    const rows = page.locator('.table-body [role=row]');
    const before = await rows.count();
    await page.evaluate(`document.querySelector('.table-body').scrollTop = 38 * 40`);
    await row(page, name(60)).waitFor();
    expect(await rows.count()).toBeLessThan(before + 15);
    await page.evaluate(WATCH);
    await page.evaluate(`document.querySelector('.table-body').scrollTop += 38 * 8`);
    await row(page, name(72)).waitFor();
    // No change in rows that stay; eight are added, a few at a time.
    expect(await page.evaluate(CHANGED)).toEqual([]);
    expect(await page.evaluate<number>('added')).toBeLessThanOrEqual(12);
  });

  it('shows names in full where paths do not fit, folds directories of its tree, and adds up what is below them', async () => {
    const at = await server();
    const deep = `/streamfs/c/${'directory/'.repeat(12)}leaf-at-the-end`;
    await create(at, '/streamfs/a/one', '/streamfs/a/two', '/streamfs/b', '/streamfs/c/x', deep);
    const page = await openPage(at);
    await row(page, deep).waitFor();
    expect(await page.evaluate(NAMES_CUT)).toEqual([]);
    await page.getByRole('button', { name: 'Tree' }).click();
    await page.getByRole('link', { name: 'leaf-at-the-end', exact: true }).waitFor();
    expect(await page.evaluate(NAMES_CUT)).toEqual([]);
    const folder = page.getByRole('button', { name: 'a/', exact: true });
    await expect.poll(() => folder.getAttribute('aria-expanded')).toBe('true');
    await page.getByRole('link', { name: 'one' }).waitFor();
    await folder.click();
    await page.getByRole('link', { name: 'one' }).waitFor({ state: 'detached' });
    expect(await page.getByRole('link', { name: 'b', exact: true }).count()).toBe(1);
  });

  it('goes on when all of its connections are half-open', async () => {
    const at = await server();
    const proxy = await cuttableProxyTo(at.port);
    await at.put('/streamfs/before', 'bytes');
    const page = await openPage(proxy);
    await row(page, '/streamfs/before').waitFor();
    proxy.freezeAll();
    await at.put('/streamfs/after', 'bytes');
    await row(page, '/streamfs/after').waitFor({ timeout: 60_000 });
  });

  it('adds up the streams that its filter shows', async () => {
    const at = await server();
    await at.put('/streamfs/with-reader', 'bytes');
    await at.put('/streamfs/without', 'bytes');
    const reading = await fetch(at.api('/files?path=/streamfs/with-reader&stream=true'));
    const page = await openPage(at);
    await page.getByText(/ · 1 reader · /).waitFor();
    await page.getByRole('searchbox').fill('without');
    await page.getByRole('heading', { name: 'Streams 1 of 2' }).waitFor();
    await page.getByText(/ · 0 readers · /).waitFor();
    await reading.body?.cancel();
  });

  it('makes a stream with settings, and says what the server has against it', async () => {
    const at = await server();
    const page = await openPage(at, { expected: [REFUSED] });
    await page.getByRole('button', { name: 'New stream' }).click();
    await page.getByText('/streamfs/build/log is in /streamfs/build.').waitFor();
    for (const [path, why] of [
      ['/nowhere/x', '/nowhere/x is not in a directory for streams. Begin the path with /streamfs/'],
      ['/memfs/x', '/memfs/x is not in a directory for streams. Begin the path with /streamfs/'],
      ['/streamfs/a/', '/streamfs/a/ is a directory. Add the name of the stream, such as /streamfs/a/log'],
    ] as const) {
      await page.getByRole('textbox', { name: 'Path' }).fill(path);
      await page.getByRole('button', { name: 'Create' }).click();
      await page.getByRole('alert').filter({ hasText: why }).waitFor();
    }
    await at.put('/streamfs/file', '');
    await page.getByRole('textbox', { name: 'Path' }).fill('/streamfs/file/below');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('not a directory: /streamfs/file', { exact: true }).waitFor();
    // By the path that was typed, though the server's text names the path below the mount.
    await create(at, '/streamfs/old');
    await page.getByRole('textbox', { name: 'Path' }).fill('/streamfs/old');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('stream already exists: /streamfs/old', { exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'Path' }).fill('/streamfs/news');
    await page.getByText('Settings of this stream').click();
    await page.getByLabel('Retained for late joiners').fill('64KB');
    await page.getByLabel('Readers may fall behind by').fill('lots');
    await page.getByLabel('Content type').selectOption('text/plain');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('alert').filter({ hasText: 'LOTS' }).waitFor();
    await page.getByLabel('Readers may fall behind by').fill('16KB');
    await page.getByRole('button', { name: 'Create' }).click();
    await expect.poll(() => new URL(page.url()).hash).toBe('#/s/streamfs/news');
    const { meta } = (await at.json('GET', '/stat?path=/streamfs/news')) as never as { meta: { Content: object } };
    expect(meta.Content).toMatchObject({ ring_buffer_size: '65536', channel_buffer_size: '16384', type: 'text/plain' });
  });

  it('ends a stream with a word, and removes it only when that is confirmed', async () => {
    const at = await server();
    await at.put('/streamfs/x', 'bytes');
    const page = await openPage(at);
    await page.getByRole('button', { name: 'Details of /streamfs/x' }).click();
    await page.getByText('streamfs', { exact: false }).first().waitFor();
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByLabel('How it ended').fill('exit 7');
    await page.getByRole('button', { name: 'End the stream' }).click();
    await page.getByText('It has ended').waitFor();
    expect(await at.facts('/streamfs/x')).toMatchObject({ state: 'ended' });
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    expect(await at.facts('/streamfs/x')).toBeDefined();
    await page.getByRole('button', { name: 'Details of /streamfs/x' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('button', { name: 'Remove /streamfs/x' }).click();
    await page.getByText('There are no streams yet').waitFor();
    expect(await at.facts('/streamfs/x')).toBeUndefined();
  });

  it('says that the plain address is the link, where no token is asked for', async () => {
    const at = await server();
    await at.put('/streamfs/x', 'bytes');
    const page = await openPage(at, { expected: [REFUSED] });
    await page.getByRole('button', { name: 'Details of /streamfs/x' }).click();
    await page.getByRole('button', { name: 'Link', exact: true }).click();
    await page.getByRole('button', { name: 'Make a link' }).click();
    await page.getByText('requires no token').waitFor();
  });

  it('makes a link, with which the page shows that stream to a visitor without a token', async () => {
    const TOKEN = 'a-token-for-tests-0123456789';
    const tokens = [{ name: 'all', token: TOKEN, rights: ['read', 'write', 'admin'], paths: ['/**'] }];
    const at = await server({ server: { tokens } });
    await fetch(at.api('/files?path=/streamfs/x'), {
      method: 'PUT',
      body: 'for guests\n',
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    const page = await openPage(at, { token: TOKEN });
    await page.getByRole('button', { name: 'Details of /streamfs/x' }).click();
    await page.getByRole('button', { name: 'Link', exact: true }).click();
    await page.getByRole('button', { name: 'Make a link' }).click();
    const link = await page.locator('.copyable code').first().textContent();
    expect(link).toContain('/ui/#/s/streamfs/x?expires=');
    const guest = await openPage(at, { at: new URL(link!).hash });
    await guest.getByText('for guests').first().waitFor();
    expect(await guest.getByRole('button', { name: 'Write', exact: true }).count()).toBe(0);
  });

  it('shows a visitor what a link is for, also after a look at what takes a token, and by a second link', async () => {
    const TOKEN = 'a-token-for-tests-0123456789';
    const tokens = [{ name: 'all', token: TOKEN, rights: ['read', 'write', 'admin'], paths: ['/**'] }];
    const at = await server({ server: { tokens } });
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const hashOf = async (path: string) => {
      await fetch(at.api(`/files?path=${path}`), { method: 'PUT', body: `bytes of ${path}\n`, headers });
      const response = await fetch(at.api('/links'), { method: 'POST', body: JSON.stringify({ path }), headers });
      const { url } = (await response.json()) as { url: string };
      const { searchParams } = new URL(url, at.url);
      const [expires = '', signature = ''] = [searchParams.get('expires'), searchParams.get('signature')].map(String);
      const link = new URLSearchParams({ expires, signature });
      return `#/s${path}?${link}`;
    };
    const [one, two] = [await hashOf('/streamfs/one'), await hashOf('/streamfs/two')];
    const page = await openPage(at, { at: one, expected: [REFUSED] });
    await page.getByText('bytes of /streamfs/one').first().waitFor();
    await page.getByRole('link', { name: 'Streams', exact: true }).click();
    await page.getByRole('textbox', { name: 'Token' }).waitFor();
    await page.goBack();
    await page.getByText('bytes of /streamfs/one').first().waitFor();
    await page.evaluate(`location.hash = ${JSON.stringify(one.replace(/signature=.*/, 'signature=x'))}`);
    await page.getByText('this link is not valid').waitFor();
    await page.evaluate(`location.hash = ${JSON.stringify(two)}`);
    await page.getByText('bytes of /streamfs/two').first().waitFor();
    await page.evaluate(`location.hash = ${JSON.stringify(one)}`);
    await page.getByText('bytes of /streamfs/one').first().waitFor();
  });

  it('writes a line and a file, with what the server said where it refuses', async () => {
    const at = await server();
    await at.put('/streamfs/x', '');
    const page = await openPage(at, { expected: [REFUSED] });
    await page.getByRole('button', { name: 'Details of /streamfs/x' }).click();
    await page.getByRole('button', { name: 'Write', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Text').fill('a line from the page');
    await page.keyboard.press('Enter');
    await dialog.getByText('21 B written').waitFor();
    const big = Buffer.alloc(5_000_000, 'abc\n');
    await dialog.getByLabel('Or a file').setInputFiles({ name: 'f.txt', mimeType: 'text/plain', buffer: big });
    await dialog.getByRole('button', { name: 'Write the file' }).click();
    await dialog.getByText('4.8 MB written').waitFor();
    expect(await at.facts('/streamfs/x')).toMatchObject({ written: 21 + big.length });
    await at.json('POST', '/end?path=/streamfs/x');
    await dialog.getByLabel('Text').fill('too late');
    await page.keyboard.press('Enter');
    await dialog
      .getByRole('alert')
      .filter({
        hasText: 'The stream has ended, and nothing more can be written to it. Remove it to use its name again.',
      })
      .waitFor();
  });
});
