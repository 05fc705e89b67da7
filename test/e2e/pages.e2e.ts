/** Pages of other origins, in a real browser, with a server on loopback without tokens (contract 94). */
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { hasBrowser, site, startBrowser } from './harness/browser.ts';
import { type ServerProcess, server } from './harness/server.ts';

const PATH = '/streamfs/secret';
const SECRET = 'what the handle was to read';

/** The machine's name, and a foreign name that resolves to 127.0.0.1. */
const NAMES = ['devbox', 'stranger.example'];
const HOSTS = ['127.0.0.1', 'localhost', '0.0.0.0', '[::ffff:127.0.0.1]', ...NAMES];

/** Every way in which a page can cause a fetch, as a script that is given `url`. */
const ELEMENTS: Record<string, string> = {
  image: 'new Image().src = url',
  script: "add('script', { src: url })",
  style: "add('link', { rel: 'stylesheet', href: url })",
  video: "add('video', { src: url })",
  audio: "add('audio', { src: url })",
  frame: "add('iframe', { src: url })",
  object: "add('object', { data: url })",
  embed: "add('embed', { src: url })",
  fetch: "fetch(url, { mode: 'no-cors' }).catch(() => {})",
};

/** Every way in which a page can navigate its browser, or make it save something. */
const NAVIGATIONS: Record<string, string> = {
  location: 'location.href = url',
  download: "add('a', { href: url, download: 'x' }).click()",
  link: "add('a', { href: url, rel: 'noreferrer' }).click()",
  refresh: "add('meta', { httpEquiv: 'refresh', content: '0;url=' + url })",
  form: "add('form', { action: url.split('?')[0] }).submit()",
  // The last one, because its requests would be attributed to the next.
  repeated: 'setInterval(() => { location.href = url + Math.random() }, 50)',
};

const PAGE = `<!doctype html><title>a stranger</title><body><script>
  const add = (tag, properties) => document.body.appendChild(Object.assign(document.createElement(tag), properties));
</script>`;

async function world() {
  const at = await server({ server: { log_level: 'debug', log_format: 'json' } });
  await at.put(PATH, SECRET);
  const opened = await at.json('POST', `/handles/open?path=${PATH}&flags=0`);
  const read = `/api/v1/handles/${opened.handle_id}/read?timeout=0&`;
  return { at, read, port: await site(PAGE) };
}

/** What the handle has left to read, for the program that owns it. */
async function rest(at: ServerProcess, read: string): Promise<string> {
  return await (await fetch(`${at.url}${read}size=-1`)).text();
}

const responses = (at: ServerProcess) => at.logged('request').length;

describe.runIf(hasBrowser)('contract 94: a page of a stranger, in Chromium', () => {
  let chromium: Browser;
  /** For pages that do not navigate: creating a context takes longer than everything done with a page of it. */
  let context: BrowserContext;
  beforeAll(async () => {
    chromium = await startBrowser(NAMES);
    context = await chromium.newContext();
  });
  afterAll(() => chromium?.close());

  it.each(HOSTS)('takes nothing of a handle by anything it embeds, from %s', async (host) => {
    const { at, read, port } = await world();
    const page = await context.newPage();
    await page.goto(`http://page.localhost:${port}/`);
    for (const [name, script] of Object.entries(ELEMENTS)) {
      const before = responses(at);
      await page.evaluate(`{ const url = 'http://${host}:${at.port}${read}${name}'; ${script} }`);
      await waitFor(`the request of an element: ${name}`, () => responses(at) > before);
    }
    await page.close();
    expect(await rest(at, read)).toBe(SECRET);
  });

  it.each(HOSTS)('takes nothing of a handle by where it sends its browser, on %s', async (host) => {
    const { at, read, port } = await world();
    // Closed together: a page that has navigated may take another page of its context with it.
    const pages = await chromium.newContext();
    for (const [name, script] of Object.entries(NAVIGATIONS)) {
      const page = await pages.newPage();
      await page.goto(`http://127.0.0.1:${port}/`);
      const before = responses(at);
      await page.evaluate(`setTimeout(() => { const url = 'http://${host}:${at.port}${read}${name}'; ${script} })`);
      await waitFor(`the request of a navigation: ${name}`, () => responses(at) > before);
    }
    await pages.close();
    expect(await rest(at, read)).toBe(SECRET);
  });

  it('makes no stream by where it sends its browser, and can link to one that is there', async () => {
    const { at, port } = await world();
    for (const name of ['location', 'download', 'link', 'form']) {
      const page = await chromium.newPage();
      await page.goto(`http://127.0.0.1:${port}/`);
      const before = responses(at);
      const url = `${at.url}/api/v1/files?path=/streamfs/new&stream=true&create=true`;
      await page.evaluate(`setTimeout(() => { const url = '${url}'; ${NAVIGATIONS[name]} })`);
      await waitFor(`the request of a navigation: ${name}`, () => responses(at) > before);
      await page.close();
    }
    expect((await at.json('GET', '/stat?path=/streamfs/new')).status).toBe(404);

    const page = await chromium.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    const download = page.waitForEvent('download');
    const url = `${at.url}/api/v1/files?path=${PATH}&snapshot=true`;
    await page.evaluate(`setTimeout(() => { const url = '${url}'; ${NAVIGATIONS.link} })`);
    const saved = await (await download).createReadStream();
    let text = '';
    for await (const piece of saved) text += piece;
    expect(text).toBe(SECRET);
  });
});
