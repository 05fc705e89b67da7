/** Names, facts and bytes that contain code, or that imitate something else, in every view (contract 103). */
import { describe, expect, it } from 'vitest';
import { type ServerProcess, server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, REFUSED, useBrowser } from './harness/page.ts';

/** Runs if any of these is treated as code. */
const RUN = 'globalThis.ran=1';

const CORPUS = [
  `<img src=x onerror="${RUN}">`,
  `<script>${RUN}</script>`,
  `"><svg onload=${RUN}>`,
  `'-${RUN}-'`,
  `javascript:${RUN}`,
  `{{constructor.constructor('${RUN}')()}}`,
  `\${${RUN}}`,
  `<iframe srcdoc="<script>parent.ran=1</script>">`,
  `\u202e<b>right to left`,
  `&lt;img src=x onerror=${RUN}&gt;`,
  '__proto__',
  'constructor',
  '%3Cscript%3E',
  'a?b#c',
];

/** As one part of a path. */
const named = CORPUS.map((text) => text.replaceAll('/', '∕'));

async function fill(at: ServerProcess): Promise<string[]> {
  const made: string[] = [];
  for (const [index, name] of named.entries()) {
    const path = `/streamfs/x/${name}`;
    const response = await fetch(at.api(`/files?path=${encodeURIComponent(path)}`), {
      method: 'PUT',
      body: `${CORPUS.join('\n')}\n\u001b[31m${CORPUS[index]}\u001b[0m\n{"html": ${JSON.stringify(CORPUS[index])}}\n`,
    });
    await response.arrayBuffer();
    if (response.ok) made.push(path);
  }
  return made;
}

describe.runIf(hasBrowser)('hostile content', () => {
  useBrowser();

  it('contract 103: is shown as text in the list, the tree, dialogs, health and the viewer, and never runs', async () => {
    const at = await server();
    const made = await fill(at);
    expect(made.length).toBeGreaterThan(8);
    const readings = await Promise.all(
      made.map((path) => fetch(at.api(`/files?path=${encodeURIComponent(path)}&stream=true`))),
    );
    const page = await openPage(at, { expected: [REFUSED] });
    const ran = () => page.evaluate('globalThis.ran');
    await page.getByRole('heading', { name: `Streams ${made.length}` }).waitFor();
    expect(await page.locator('main img, main iframe, main script').count()).toBe(0);
    // No character that changes the writing direction is left.
    expect(await page.locator('main').textContent()).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
    await page.getByRole('button', { name: 'Tree' }).click();
    await page.getByRole('button', { name: 'streamfs/x/', exact: true }).waitFor();
    await page
      .getByRole('button', { name: /^Details of/ })
      .first()
      .click();
    await page.getByRole('dialog').waitFor();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.keyboard.press('Escape');
    await page.goto(`${at.url}/ui/#/?q=${encodeURIComponent(CORPUS[0]!)}`);
    await page.goto(`${at.url}/ui/#/health`);
    await page.getByRole('heading', { name: `Readers ${made.length}` }).waitFor();
    expect(await ran()).toBeUndefined();

    for (const path of made) {
      const parts = path.split('/').slice(1).map(encodeURIComponent);
      await page.goto(`${at.url}/ui/#/s/${parts.join('/')}`);
      await page.getByText('{{constructor').first().waitFor();
      expect(await page.locator('main img, main script').count()).toBe(0);
    }
    for (const view of ['json', 'hex', 'text', 'log']) {
      const parts = made[0]!.split('/').slice(1).map(encodeURIComponent);
      await page.goto(`${at.url}/ui/#/s/${parts.join('/')}?view=${view}`);
      await expect.poll(() => page.locator('main').textContent()).toContain('img');
    }
    expect(await ran()).toBeUndefined();
    for (const reading of readings) await reading.body?.cancel();
  });

  it('contract 103: is shown as text where the server refuses it, in the order in which it stands', async () => {
    const at = await server();
    const page = await openPage(at, { at: '#/s/streamfs/none\u202ereversed', expected: [REFUSED] });
    await expect.poll(() => page.getByTestId('reading').textContent()).toContain('there is no stream with this name');
    const shown = await page.locator('main').textContent();
    expect(shown).toMatch(/none.*reversed/);
    expect(shown).not.toContain('\u202e');
  });

  it('contract 103: in an address of the page is taken for text as well', async () => {
    const at = await server();
    const page = await openPage(at, { expected: [REFUSED] });
    for (const text of CORPUS) {
      for (const hash of [
        `#/${text}`,
        `#/s/${text}`,
        `#/s/x?view=${encodeURIComponent(text)}`,
        `#/?sort=${text}&q=${text}`,
      ]) {
        await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
      }
    }
    await page.evaluate(`location.hash = '#/'`);
    await page.getByText('There are no streams yet').waitFor();
    expect(await page.evaluate('globalThis.ran')).toBeUndefined();
  });
});
