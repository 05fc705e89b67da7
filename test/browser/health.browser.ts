/** Readers and health, and the page's view with a token that has fewer rights. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { server } from '../e2e/harness/server.ts';
import { startRedis } from '../logs/redis/redis-server.ts';
import { hasBrowser, openPage, REFUSED, useBrowser } from './harness/page.ts';

const ALL = 'a-token-for-all-0123456789';
const SOME = 'a-token-for-some-0123456789';

describe.runIf(hasBrowser)('readers and health', () => {
  useBrowser();

  it('shows who reads, and kicks a reader when that is confirmed', async () => {
    const at = await server();
    await at.put('/streamfs/x', 'bytes');
    const reading = await fetch(at.api('/files?path=/streamfs/x&stream=true'));
    const page = await openPage(at, { at: '#/health' });
    await page.getByRole('heading', { name: 'Readers 1' }).waitFor();
    await page.getByRole('button', { name: /^Kick 127\.0\.0\.1:\d+ of \/streamfs\/x$/ }).click();
    expect(await at.facts('/streamfs/x')).toMatchObject({ readers: 1 });
    await page.getByRole('button', { name: /^Really kick/ }).click();
    await page.getByText('Nobody reads.').waitFor();
    await reading.text().catch(() => '');
    await expect.poll(async () => (await at.facts('/streamfs/x'))?.readers).toBe(0);
  });

  it('kicks a reader on the node that listed it, and on no other', async () => {
    const log = await startRedis();
    onTestFinished(() => log.close());
    const nodes = [
      await server({ streamfs: { log: log.url, log_node: 'a' } }),
      await server({ streamfs: { log: log.url, log_node: 'b' } }),
    ] as const;
    await nodes[0].put('/streamfs/x', 'bytes');
    for (const { api } of nodes.map((node) => ({ api: node.api('/files?path=/streamfs/x&stream=true') }))) {
      const reading = await fetch(api);
      onTestFinished(() => void reading.body?.cancel().catch(() => {}));
    }
    // As behind a load balancer, another node answers when the reader is kicked.
    const page = await openPage(nodes[0], { at: '#/health', expected: [/status of 409/] });
    let answering: (typeof nodes)[number] = nodes[0];
    await page.route('**/api/v1/readers/*', async (route) => {
      const { pathname, search } = new URL(route.request().url());
      const response = await fetch(`${answering.url}${pathname}${search}`, { method: route.request().method() });
      await route.fulfill({ status: response.status, json: await response.json() });
    });
    await page.getByRole('heading', { name: 'Readers 1 of node a' }).waitFor();
    const kick = async () => {
      await page.getByRole('button', { name: /^Kick 127/ }).click();
      await page.getByRole('button', { name: /^Really kick/ }).click();
    };
    answering = nodes[1];
    await kick();
    await page
      .getByRole('alert')
      .filter({ hasText: /this is node b, not a: .* open this page at the address of that node/i })
      .waitFor();
    const readers = (at: (typeof nodes)[number]) => at.facts('/streamfs/x').then((facts) => facts?.readers);
    expect(await Promise.all(nodes.map(readers))).toEqual([1, 1]);
    answering = nodes[0];
    await kick();
    await page.getByText('Nobody reads.').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(await Promise.all(nodes.map(readers))).toEqual([0, 1]);
  });

  it('draws what was, with holes where nothing was asked while the tab was hidden', async () => {
    const at = await server();
    const page = await openPage(at, { at: '#/health' });
    await page.getByRole('region', { name: 'Memory' }).locator('canvas').waitFor();
    for (const title of ['In', 'Out', 'Event loop']) {
      expect(await page.getByRole('region', { name: title, exact: true }).locator('canvas').count()).toBe(1);
    }
    // While it is hidden, it sends no requests.
    await page.evaluate(`Object.defineProperty(document, 'hidden', { get: () => globalThis.isHidden, configurable: true });
      globalThis.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))`);
    let asked = 0;
    page.on('request', () => asked++);
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 3500))');
    expect(asked).toBeLessThanOrEqual(1);
    await page.evaluate(`globalThis.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))`);
    await expect.poll(() => asked).toBeGreaterThan(2);
  });

  it('says that a disk cannot be written, and why', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'streamfs-health-'));
    const at = await server({ streamfs: { persist: directory } });
    const write = () => fetch(at.api('/files?path=/streamfs/a'), { method: 'PUT', body: 'bytes' });
    await expect.poll(async () => (await write()).status).toBe(200);
    const page = await openPage(at, { at: '#/health' });
    await page.getByText('healthy').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    rmSync(directory, { recursive: true });
    await expect.poll(async () => (await write()).status).toBe(503);
    await page.getByRole('heading', { name: 'Health degraded' }).waitFor();
    await page.getByText('1 of 1 disks failed').waitFor();
    await page
      .getByRole('alert')
      .filter({ hasText: /^Disk of \/streamfs: .* has been removed/ })
      .waitFor();
  });

  it('shows a token what it may see, and says what it may not and why', async () => {
    const tokens = [
      { name: 'all', token: ALL, rights: ['read', 'write', 'admin'], paths: ['/**'] },
      { name: 'some', token: SOME, rights: ['read'], paths: ['/streamfs/open/**'] },
    ];
    const at = await server({ server: { tokens } });
    for (const path of ['/streamfs/open/a', '/streamfs/secret/b']) {
      const headers = { Authorization: `Bearer ${ALL}` };
      await fetch(at.api(`/files?path=${path}`), { method: 'PUT', body: 'hello\n', headers });
    }
    const page = await openPage(at, { token: SOME, expected: [REFUSED] });
    await page.getByRole('link', { name: '/streamfs/open/a' }).waitFor();
    expect(await page.getByText('secret').count()).toBe(0);

    await page.getByRole('link', { name: 'Health' }).click();
    const told = page.getByRole('alert');
    await told.filter({ hasText: 'admin' }).waitFor();
    await page.getByText('healthy').waitFor();
    // It does not repeat refused requests.
    let asked = 0;
    page.on('request', (request) => (request.url().includes('/stats') ? asked++ : 0));
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 3000))');
    expect(asked).toBe(0);

    await page.goto(`${at.url}/ui/#/s/streamfs/open/a`);
    await page.getByText('hello').first().waitFor();
    await page.getByRole('button', { name: 'Write', exact: true }).click();
    await page.getByLabel('Text').fill('not allowed');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('alert').filter({ hasText: 'some' }).waitFor();
  });
});
