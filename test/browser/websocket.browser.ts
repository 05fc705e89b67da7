/** The WebSocket of real browsers: in a page of a listed origin, and in one of an unlisted origin (contract 101). */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasBrowser, site, startBrowser } from '../e2e/harness/browser.ts';
import { type ServerProcess, server } from '../e2e/harness/server.ts';
import { waitFor } from '../harness/wait.ts';
import { hasFirefox, startFirefox } from './harness/firefox.ts';

const PATH = '/streamfs/log';

/** Reads with exact resume, as in docs/websocket.md; and writes each append once. */
const PAGE = `<!doctype html><title>a page</title><script>
  const seen = { records: [], text: '', closes: [], protocol: '' };
  let at, generation, socket;
  function follow(url, protocols = ['streamfs.v1']) {
    const resume = at === undefined ? '' : '&offset=' + at + '&generation=' + generation;
    const decoder = new TextDecoder();
    socket = new WebSocket(url + resume, protocols);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { seen.protocol = socket.protocol; };
    socket.onmessage = ({ data }) => {
      if (typeof data !== 'string') {
        at += data.byteLength;
        seen.text += decoder.decode(data);
        return;
      }
      const record = JSON.parse(data);
      seen.records.push(record);
      if (record.type === 'open') ({ offset: at, generation } = record);
      if (record.type === 'gap') at = record.to;
    };
    socket.onclose = ({ code, reason, wasClean }) => {
      seen.closes.push({ code, reason, wasClean });
      if (code === 1008) follow(url, protocols);
    };
  }
  const acks = [];
  function write(url, messages, protocols = ['streamfs.v1']) {
    socket = new WebSocket(url, protocols);
    socket.onopen = () => { for (const message of messages) socket.send(new TextEncoder().encode(message)); };
    socket.onmessage = ({ data }) => { acks.push(JSON.parse(data)); };
    socket.onclose = ({ code }) => { seen.closes.push({ code }); };
  }
</script>`;

interface Seen {
  records: ({ type: string } & Record<string, unknown>)[];
  text: string;
  closes: { code: number; reason?: string; wasClean?: boolean }[];
  protocol: string;
}

/** A page, of either browser. */
interface AnyPage {
  evaluate: (script: string) => Promise<unknown>;
}

const seenBy = async (page: AnyPage) => (await page.evaluate('seen')) as Seen;
const acksOf = async (page: AnyPage) => (await page.evaluate('acks')) as Seen['records'];
const address = (at: ServerProcess, more = '') => `ws://127.0.0.1:${at.port}/api/v1/ws?path=${PATH}${more}`;

async function world() {
  const origin = `http://127.0.0.1:${await site(PAGE)}`;
  return { origin, at: await server({ server: { cors: { origins: [origin] } } }) };
}

/** Follows, is kicked repeatedly, and has every byte once; then writes. */
async function readsAndWrites(page: AnyPage, at: ServerProcess): Promise<void> {
  await page.evaluate(`follow('${address(at)}')`);
  let text = '';
  for (let n = 0; n < 40; n++) {
    const line = `line ${n} é🙂\n`;
    text += line;
    await at.put(PATH, line);
    if (n % 15 !== 10) continue;
    await at.untilReaders(PATH, 1);
    const { readers } = (await at.json('GET', '/readers')) as unknown as { readers: { id: number }[] };
    for (const { id } of readers) await at.json('DELETE', `/readers/${id}`);
  }
  await waitFor('all lines', async () => (await seenBy(page)).text.length >= text.length);
  await at.json('POST', `/end?path=${PATH}&end_status=exit%200`);
  await waitFor('the end', async () => (await seenBy(page)).closes.some(({ code }) => code === 1000));
  const { closes, protocol, records, text: got } = await seenBy(page);
  expect(got).toBe(text);
  expect(protocol).toBe('streamfs.v1');
  expect(closes.filter(({ code }) => code === 1008).length).toBeGreaterThan(0);
  expect(closes.at(-1)).toEqual({ code: 1000, reason: 'ended', wasClean: true });
  expect(records.at(-1)).toMatchObject({ type: 'end', reason: 'ended', status: 'exit 0' });
  expect(records.filter(({ type }) => type === 'gap')).toEqual([]);
  const to = `ws://127.0.0.1:${at.port}/api/v1/ws?path=/streamfs/written&mode=write&end=true`;
  await page.evaluate(`write('${to}', ['one ', 'two ', 'three'])`);
  await waitFor('three acknowledgements', async () => (await acksOf(page)).length === 4);
  await page.evaluate('socket.close()');
  await waitFor('the end of what was written', async () => (await at.facts('/streamfs/written'))?.state === 'ended');
  const written = await fetch(at.api('/files?path=/streamfs/written&snapshot=true'));
  expect(await written.text()).toBe('one two three');
}

/** A page of an unlisted origin gets nothing of the server. */
async function isRefused(page: AnyPage, at: ServerProcess): Promise<void> {
  await page.evaluate(`follow('${address(at)}')`);
  await waitFor('the refusal', async () => (await seenBy(page)).closes.length > 0);
  await page.evaluate(`write('${address(at, '&mode=write')}', ['an intruder'])`);
  await waitFor('the other refusal', async () => (await seenBy(page)).closes.length > 1);
  const { closes, records } = await seenBy(page);
  expect(closes.map(({ code }) => code)).toEqual([1006, 1006]);
  expect(records).toEqual([]);
  const response = await fetch(at.api(`/files?path=${PATH}&snapshot=true`));
  expect(await response.text()).toBe('a secret');
}

describe.runIf(hasBrowser)('contract 101: WebSocket in Chromium', () => {
  let chromium: Browser;
  beforeAll(async () => {
    chromium = await startBrowser();
  });
  afterAll(() => chromium?.close());

  async function pageAt(origin: string): Promise<Page> {
    const page = await (await chromium.newContext()).newPage();
    onTestFinished(() => page.context().close());
    await page.goto(origin);
    return page;
  }

  it('follows with exact resume, and writes', async () => {
    const { at, origin } = await world();
    await readsAndWrites(await pageAt(origin), at);
  });

  it('is refused to the page of a stranger, reading and writing', async () => {
    const at = await server();
    await at.put(PATH, 'a secret');
    await isRefused(await pageAt(`http://127.0.0.1:${await site(PAGE)}`), at);
  });

  it('of more than six streams at once keeps nothing waiting', async () => {
    const { at, origin } = await world();
    const page = await pageAt(origin);
    const urls = Array.from({ length: 12 }, (_, n) => address(at, `/${n}`));
    const states = `Promise.all(${JSON.stringify(urls)}.map((url) => new Promise((resolve) => {
      const one = new WebSocket(url, ['streamfs.v1']);
      one.onopen = () => resolve(one.readyState);
      one.onerror = () => resolve('refused');
    })))`;
    expect(await page.evaluate(states)).toEqual(urls.map(() => 1));
  });
});

describe.runIf(hasFirefox)('contract 101: WebSocket in Firefox', () => {
  it('follows with exact resume, and writes; a page of a stranger is refused', async () => {
    const { at, origin } = await world();
    const firefox = await startFirefox();
    onTestFinished(() => firefox.close());
    const page = await firefox.newPage();
    await page.goto(origin);
    await readsAndWrites(page, at);
    const other = await server();
    await other.put(PATH, 'a secret');
    const stranger = await firefox.newPage();
    await stranger.goto(`http://127.0.0.1:${await site(PAGE)}`);
    await isRefused(stranger, other);
  });
});
