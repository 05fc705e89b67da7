/**
 * A browser that sends a token by itself, as the password of Basic (contract 93). The server never asks a browser for one, but a
 * proxy in front of it may: then the browser sends the password with every request to that origin, whichever page asks.
 */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { hasBrowser, site, startBrowser } from './harness/browser.ts';
import { curl } from './harness/curl.ts';
import { type ServerProcess, server } from './harness/server.ts';

const TOKEN = 'a-token-of-sixteen-and-more';
const PATH = '/streamfs/secret';
const SECRET = 'what the handle was to read';
const TOKENS = [{ name: 'all', token: TOKEN, rights: ['read', 'write', 'admin'], paths: ['/**'] }];

async function guarded() {
  const at = await server({ server: { tokens: TOKENS } });
  const ask = async (method: string, path: string, body?: string) => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const response = await fetch(at.api(path), { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, text: await response.text() };
  };
  await ask('PUT', `/files?path=${PATH}`, SECRET);
  const opened = await ask('POST', `/handles/open?path=${PATH}&flags=2`);
  return { at, ask, id: (JSON.parse(opened.text) as { id: number }).id };
}

describe('contract 93: curl', () => {
  it('gets in with a password, in the address or next to it, also where it waits to be asked', async () => {
    const { at } = await guarded();
    const path = `/api/v1/files?path=${PATH}&snapshot=true`;
    const inAddress = `http://anyone:${TOKEN}@127.0.0.1:${at.port}${path}`;
    for (const args of [['-u', `x:${TOKEN}`, at.url + path], [inAddress], ['--anyauth', inAddress]]) {
      expect((await curl(args)).text).toBe(SECRET);
    }
    const wrong = await curl(['--anyauth', `http://x:wrong-token-here@127.0.0.1:${at.port}${path}`]);
    expect([wrong.status, wrong.json.code]).toEqual([401, 'UNAUTHORIZED']);
  });
});

interface Passed {
  url: string;
  hadPassword: boolean;
  status: number;
}

/** A proxy that asks for a password once, on its own page, and passes everything else on unchanged. */
async function proxy(at: ServerProcess): Promise<{ port: number; passed: readonly Passed[] }> {
  const passed: Passed[] = [];
  const door = createServer((req, res) => {
    const hadPassword = req.headers.authorization?.startsWith('Basic ') === true;
    const { url = '' } = req;
    if (url === '/login') {
      res.writeHead(hadPassword ? 200 : 401, {
        'WWW-Authenticate': 'Basic realm="a proxy"',
        'Content-Type': 'text/html',
      });
      res.end('<!doctype html><title>in</title><body>');
      return;
    }
    const on = request({ host: '127.0.0.1', port: at.port, method: req.method, path: url, headers: req.headers });
    on.on('response', (response) => {
      if (url.startsWith('/api/')) passed.push({ url, hadPassword, status: response.statusCode ?? 0 });
      response.pipe(res.writeHead(response.statusCode ?? 500, response.headers));
    });
    on.on('error', () => res.destroy());
    res.on('close', () => on.destroy());
    req.pipe(on);
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    door.closeAllConnections();
    door.close();
  });
  return { port: (door.address() as AddressInfo).port, passed };
}

/** Requests that a page of another origin may try, as a script that is given `url` and `write`. */
const ATTEMPTS: Record<string, string> = {
  image: 'new Image().src = url',
  script: "add('script', { src: url })",
  video: "add('video', { src: url })",
  frame: "add('iframe', { src: url })",
  read: "fetch(url, { mode: 'no-cors', credentials: 'include' }).catch(() => {})",
  post: "fetch(write, { mode: 'no-cors', credentials: 'include', method: 'POST', body: 'x' }).catch(() => {})",
  form: "add('form', { action: write, method: 'POST', target: '_blank' }).submit()",
  window: 'window.open(url)',
  location: 'location.href = url',
};

const PAGE = `<!doctype html><title>another origin</title><body><script>
  const add = (tag, properties) => document.body.appendChild(Object.assign(document.createElement(tag), properties));
</script>`;

describe.runIf(hasBrowser)('contract 93: a password that Chromium remembers', () => {
  let chromium: Browser;
  let context: BrowserContext;
  beforeAll(async () => {
    chromium = await startBrowser(['stranger.example']);
  });
  afterAll(() => chromium?.close());

  async function loggedIn() {
    const world = await guarded();
    const { port, passed } = await proxy(world.at);
    context = await chromium.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`http://me:${TOKEN}@127.0.0.1:${port}/login`);
    await page.goto(`http://127.0.0.1:${port}/login`);
    expect(await page.title()).toBe('in');
    return { ...world, port, passed, page };
  }

  it('lets a page of the same origin in', async () => {
    const { page, ask } = await loggedIn();
    const script = `fetch('/api/v1/files?path=${PATH}&snapshot=true').then((answer) => answer.text())`;
    expect(await page.evaluate(script)).toBe(SECRET);
    const put = `fetch('/api/v1/files?path=/streamfs/mine', { method: 'PUT', body: 'x' }).then((one) => one.status)`;
    expect(await page.evaluate(put)).toBe(200);
    expect((await ask('GET', '/stat?path=/streamfs/mine')).status).toBe(200);
  });

  it.each(['127.0.0.1', 'stranger.example'])('gains a page of another origin at %s nothing', async (host) => {
    const { ask, id, port, passed } = await loggedIn();
    const origin = `http://${host}:${await site(PAGE)}`;
    for (const [name, script] of Object.entries(ATTEMPTS)) {
      // Its pages are closed with the context.
      const page = await context.newPage();
      await page.goto(`${origin}/`);
      const target = `http://127.0.0.1:${port}/api/v1`;
      await page.evaluate(`setTimeout(() => {
        const url = '${target}/handles/${id}/read?timeout=0&${name}';
        const write = '${target}/write?path=/streamfs/theirs&${name}';
        ${script};
      })`);
      const asked = () => passed.filter(({ url }) => url.endsWith(`&${name}`));
      await waitFor(`the request of ${name}`, () => asked().length > 0);
      for (const { status } of asked()) expect([name, [401, 403].includes(status)]).toEqual([name, true]);
    }
    // A check that the browser did send the password, without which the test would show nothing.
    expect(passed.some(({ hadPassword }) => hadPassword)).toBe(true);
    expect((await ask('GET', `/handles/${id}/read?timeout=0`)).text).toBe(SECRET);
    expect((await ask('GET', '/stat?path=/streamfs/theirs')).status).toBe(404);
  });

  it('reads nothing for a page that sends its browser to a stream', async () => {
    const { port, passed } = await loggedIn();
    const page = await context.newPage();
    await page.goto(`http://stranger.example:${await site(PAGE)}/`);
    await page.evaluate(`setTimeout(() => {
      location.href = 'http://127.0.0.1:${port}/api/v1/files?path=${PATH}&snapshot=true';
    })`);
    await waitFor('the request', () => passed.length > 0);
    expect(passed).toEqual([{ url: expect.stringContaining(PATH), hadPassword: true, status: 401 }]);
  });

  it('is never asked for by the server itself', async () => {
    const { at } = await guarded();
    const page = await chromium.newPage();
    const address = `http://me:${TOKEN}@127.0.0.1:${at.port}/api/v1/files?path=${PATH}&snapshot=true`;
    const response = await page.goto(address);
    await page.close();
    expect([response?.status(), response?.headers()['www-authenticate']]).toEqual([401, 'Bearer']);
  });
});
