/**
 * Pages of another origin in a real browser: how their `EventSource` resumes after broken connections (contract 101), and how they
 * use Durable Streams by `fetch` (contract 105).
 */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasBrowser, site, startBrowser } from '../e2e/harness/browser.ts';
import { type ServerProcess, server } from '../e2e/harness/server.ts';
import { waitFor } from '../harness/wait.ts';

const PATH = '/streamfs/log';

interface Seen {
  type: string;
  data: string;
  id: string;
}

/** Follows an address, and records everything received. */
const PAGE = `<!doctype html><title>a page</title><script>
  const seen = [];
  let source;
  function follow(url, closes) {
    source = new EventSource(url);
    for (const type of ['message', 'gap', 'caught-up', 'recreated', 'end']) {
      source.addEventListener(type, (event) => {
        seen.push({ type, data: event.data, id: event.lastEventId });
        if (type === 'end' && closes) source.close();
      });
    }
  }
</script>`;

const follow = (page: Page, at: ServerProcess, more: string, closes = true) =>
  page.evaluate(`follow('${at.api(`/files?path=${PATH}&stream=true&format=sse&${more}`)}', ${closes})`);
const seenBy = (page: Page) => page.evaluate<Seen[]>('seen');
const state = (page: Page) => page.evaluate<number>('source.readyState');

async function kickAll(at: ServerProcess): Promise<void> {
  const { readers } = (await at.json('GET', '/readers')) as unknown as { readers: { id: number }[] };
  for (const { id } of readers) await at.json('DELETE', `/readers/${id}`);
}

/** The data of a page: each message by its offset in the stream, and the reported losses. */
function account(seen: readonly Seen[]): { lines: string[]; skipped: number } {
  const lines: string[] = [];
  let skipped = 0;
  for (const { type, data } of seen) {
    if (type === 'message') lines.push(data);
    if (type === 'gap') skipped += JSON.parse(data).to - JSON.parse(data).from;
  }
  return { lines, skipped };
}

/** Creates, appends and reads in every mode, as a program in a page does, and returns what it has seen. */
const USE_DURABLE_STREAMS = `async (address) => {
  const seen = [];
  const ask = async (more, init) => {
    const answer = await fetch(address + more, init);
    const headers = Object.fromEntries([...answer.headers].filter(([name]) => !/^(cache|content)-/.test(name)));
    const text = answer.status === 200 && !more.includes('sse') ? await answer.text() : '';
    seen.push([answer.status, text, ...Object.keys(headers).sort()].join(' ').trim());
    return { answer, offset: headers['stream-next-offset'], etag: headers.etag };
  };
  const type = { 'Content-Type': 'application/json' };
  await ask('', { method: 'PUT', headers: { ...type, 'Stream-TTL': '3600' } });
  const by = { 'Producer-Id': 'page', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
  await ask('', { method: 'POST', headers: { ...type, ...by, 'Stream-Seq': '1' }, body: '{"n":1}' });
  const { etag, offset } = await ask('?offset=-1');
  await ask('?offset=-1', { headers: { 'If-None-Match': etag }, cache: 'no-store' });
  const waiting = ask('?offset=' + offset + '&live=long-poll');
  const { answer } = await ask('?offset=' + offset + '&live=sse');
  await ask('', { method: 'POST', headers: { ...type, 'Stream-Closed': 'true' }, body: '{"n":2}' });
  await waiting;
  const events = await answer.text();
  await ask('', { method: 'HEAD' });
  await ask('', { method: 'DELETE' });
  await ask('?offset=-1');
  return { seen, events };
}`;

describe.runIf(hasBrowser)('a page of another origin', () => {
  let chromium: Browser;
  beforeAll(async () => {
    chromium = await startBrowser();
  });
  afterAll(() => chromium?.close());

  /** A page of an origin that a server lists. */
  async function world(streamfs: Record<string, string> = {}) {
    const origin = `http://127.0.0.1:${await site(PAGE)}`;
    const start = (port = 0) => server({ port, streamfs, server: { cors: { origins: [origin] } } });
    const at = await start();
    const page = await (await chromium.newContext()).newPage();
    onTestFinished(() => page.context().close());
    await page.goto(origin);
    return { at, page, start };
  }

  it('contract 101: gets every line once and in order, however often it is cut off, and stops at the end', async () => {
    const { at, page } = await world();
    await follow(page, at, 'lines=true', false);
    const lines = Array.from({ length: 60 }, (_, n) => `line ${n} é🙂`);
    for (const [n, line] of lines.entries()) {
      await at.put(PATH, `${line}\n`);
      if (n % 25 === 20) {
        await at.untilReaders(PATH, 1);
        await kickAll(at);
      }
    }
    await at.json('POST', `/end?path=${PATH}&end_status=exit%200`);
    // It does not close by itself: it reconnects, and the server tells it not to.
    await expect.poll(() => state(page)).toBe(2);
    const seen = await seenBy(page);
    expect(account(seen)).toEqual({ lines, skipped: 0 });
    expect(seen.filter(({ type, data }) => type === 'end' && data.includes('"ended"'))).toHaveLength(1);
    expect(seen.filter(({ data }) => data.includes('kicked')).length).toBeGreaterThan(0);
  });

  it('contract 101: bytes lost while it was disconnected are a gap: received and skipped bytes add up to the appended ones', async () => {
    const { at, page } = await world({ ring_buffer_size: '4KB', channel_buffer_size: '4KB' });
    await follow(page, at, 'encoding=text', false);
    await at.untilReaders(PATH, 1);
    await at.put(PATH, 'first\n');
    await waitFor('the first line', async () => (await seenBy(page)).some(({ type }) => type === 'message'));
    await kickAll(at);
    await at.untilReaders(PATH, 0);
    const line = `${'x'.repeat(99)}\n`;
    // In one request: the browser reconnects after two seconds.
    await at.put(PATH, line.repeat(100));
    await at.untilReaders(PATH, 1);
    await at.json('POST', `/end?path=${PATH}`);
    await expect.poll(() => state(page)).toBe(2);
    const { lines, skipped } = account(await seenBy(page));
    expect(skipped).toBe(100 * line.length - 4096);
    expect(lines.join('').length + skipped).toBe('first\n'.length + 100 * line.length);
  });

  it('contract 101: receives a new generation of the stream after a restart of the server', async () => {
    const { at, page, start } = await world();
    await follow(page, at, 'lines=true&from=live', true);
    await at.untilReaders(PATH, 1);
    await at.put(PATH, 'before\n');
    await waitFor('the first line', async () => account(await seenBy(page)).lines.length === 1);
    await at.process.end();
    const next = await start(at.port);
    await next.put(PATH, 'after\n');
    await waitFor('the second line', async () => account(await seenBy(page)).lines.length === 2);
    const { generation } = (await next.facts(PATH))!;
    const told = (await seenBy(page)).filter(({ type }) => type === 'recreated');
    expect(told.map(({ data }) => JSON.parse(data).generation)).toEqual([generation]);
    await next.json('POST', `/end?path=${PATH}`);
    await expect.poll(() => state(page)).toBe(2);
    expect(account(await seenBy(page)).lines).toEqual(['before', 'after']);
  });

  it('contract 101: the sample of README shows tokens as they come, and stops at the end', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const sample = /```js\n([^`]*new EventSource\([^`]*)```/.exec(readme)?.[1];
    const at = await server();
    const page = await chromium.newPage();
    onTestFinished(() => page.close());
    await page.goto(`${at.url}/ui/`);
    await page.evaluate(`document.body.replaceChildren();\n${sample?.replace('const chat', 'globalThis.chat')}`);
    const shown = () => page.evaluate<string>('document.body.textContent');
    await at.put('/streamfs/chat', 'Once upon ');
    await waitFor('the first tokens', async () => (await shown()).endsWith('Once upon '));
    await at.put('/streamfs/chat', 'a time ü');
    await waitFor('what came next', async () => (await shown()).endsWith('Once upon a time ü'));
    await at.json('POST', '/end?path=/streamfs/chat');
    await waitFor('the end', async () => (await page.evaluate<number>('chat.readyState')) === 2);
  });

  it('contract 105: uses Durable Streams by fetch and sees its headers; one that is not listed can do nothing', async () => {
    const { at, page } = await world();
    const use = (one: ServerProcess) =>
      page.evaluate<{ seen: string[]; events: string }>(
        `(${USE_DURABLE_STREAMS})('${one.url}/v1/stream/chat').catch((error) => ({ seen: [], events: error.name }))`,
      );
    const { seen, events } = await use(at);
    expect(seen).toEqual([
      '201  location stream-next-offset',
      '200  producer-epoch producer-seq stream-next-offset',
      '200 [{"n":1}] etag stream-next-offset stream-up-to-date',
      '304  etag stream-next-offset stream-up-to-date',
      '200',
      '204  stream-closed stream-next-offset',
      '200 [{"n":2}] etag stream-closed stream-next-offset stream-up-to-date',
      '200  stream-closed stream-next-offset stream-ttl',
      '204',
      '404  x-request-id',
    ]);
    expect(events).toContain('event: data\ndata:[{"n":2}]');
    const stranger = await server();
    expect(await use(stranger)).toEqual({ seen: [], events: 'TypeError' });
    expect(await stranger.facts('/streamfs/chat')).toBeUndefined();
  });
});
