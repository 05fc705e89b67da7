/** The viewer's other views, its protection against hostile content, and the actions on a whole stream. */
import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { type ServerProcess, server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, REFUSED, useBrowser } from './harness/page.ts';

const TOKEN = 'a-token-for-tests-0123456789';

const phase = (page: Page) => page.getByTestId('reading').getAttribute('data-phase');

async function opened(at: ServerProcess, path: string, query = '', options: Parameters<typeof openPage>[1] = {}) {
  const page = await openPage(at, { ...options, at: `#/s${path}${query}` });
  await expect.poll(() => phase(page)).toBe('live');
  return page;
}

/** Texts that would run scripts if anything of a stream became markup. */
const HOSTILE = [
  '<img src=x onerror="globalThis.hacked=1">',
  '<script>globalThis.hacked=1</script>',
  '<svg/onload=globalThis.hacked=1>',
  '"><iframe srcdoc="<script>parent.hacked=1</script>">',
  "javascript:globalThis.hacked=1//';globalThis.hacked=1//",
  '<a href="javascript:globalThis.hacked=1">click</a>',
  '</textarea><style>*{display:none}</style><base href="http://127.0.0.1:9">',
  '{{constructor.constructor("globalThis.hacked=1")()}}',
  '\x1b]8;;javascript:globalThis.hacked=1\x1b\\link\x1b]8;;\x1b\\',
  '\x1b]0;<img src=x onerror=globalThis.hacked=1>\x07',
  '\x1b]52;c;aGFja2Vk\x07',
  '\x1b[31"><script>globalThis.hacked=1</script>m',
  '{"<img src=x onerror=globalThis.hacked=1>":"<script>globalThis.hacked=1</script>","__proto__":{"hacked":1}}',
  '\u202e\u2066\u2028<b>bidi</b>\u2029',
  '%3Cscript%3Eglobal.hacked=1%3C/script%3E &lt;script&gt; \\x3cscript\\x3e',
];

/** A picture of one colour. */
function png(width: number, height: number): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    crc.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, crc]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (1 + width * 3), 0x80);
  for (let y = 0; y < height; y++) rows[y * (1 + width * 3)] = 0;
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe.runIf(hasBrowser)('the views of a stream', () => {
  useBrowser();

  it.each(['log', 'json', 'hex', 'terminal', 'image', 'media'])(
    'run nothing of what a stream says, and break no policy: %s',
    async (view) => {
      const at = await server();
      const path = `/streamfs/${encodeURIComponent('<img src=x onerror=hacked=1>')}`;
      await at.put(decodeURIComponent(path), `${HOSTILE.join('\n')}\n`);
      const page = await openPage(at, { at: `#/s${path}?view=${view}&q=${encodeURIComponent('<img')}&time=local` });
      const tabs = page.context().pages().length;
      if (view === 'media') await page.getByRole('alert').waitFor();
      else await expect.poll(() => phase(page)).toBe('live');
      if (view === 'log') {
        await expect.poll(() => page.getByTestId('log').locator('.row').count()).toBe(HOSTILE.length);
        await page.getByRole('button', { name: 'Lay out JSON' }).click();
        await page.getByTestId('log').locator('.json-lines').waitFor();
        await page.getByText('link', { exact: false }).first().click();
      }
      if (view === 'terminal') {
        const shown = page.frameLocator('iframe').locator('.xterm-rows');
        await expect.poll(() => shown.textContent()).toContain('constructor.constructor');
        await shown.getByText('link').first().click({ force: true });
      }
      expect(await page.evaluate('globalThis.hacked')).toBeUndefined();
      expect(
        await page.locator('section img:not([data-testid]), section iframe:not([data-testid]), section script').count(),
      ).toBe(0);
      expect(page.context().pages()).toHaveLength(tabs);
    },
  );

  it('come up by what the bytes are, also of a stream that was empty, and are switched at will', async () => {
    const at = await server();
    await at.json('POST', '/files?path=/streamfs/x');
    const page = await opened(at, '/streamfs/x');
    await page.getByTestId('log').waitFor();
    await at.put(
      '/streamfs/x',
      Uint8Array.from({ length: 100 }, (_, i) => (i * 7) % 256),
    );
    await page.getByTestId('hex').waitFor();
    await page.getByRole('combobox', { name: 'View' }).selectOption('log');
    await page.getByTestId('log').waitFor();
    await expect.poll(() => page.url()).toContain('view=log');
    await page.getByRole('combobox', { name: 'View' }).selectOption('');
    await page.getByTestId('hex').waitFor();
    await expect.poll(() => page.url()).not.toContain('view=');
  });

  it('show bytes at their offsets, and those that come', async () => {
    const at = await server();
    await at.put(
      '/streamfs/x',
      Uint8Array.from({ length: 20 }, (_, i) => i),
    );
    const page = await opened(at, '/streamfs/x', '?offset=3');
    const rows = page.getByTestId('hex').locator('.row');
    await expect
      .poll(() => rows.allTextContents())
      .toEqual([
        '         03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f     ·············',
        '10 11 12 13                                       ····            ',
      ]);
    expect(await rows.nth(1).getAttribute('data-offset')).toBe('00000010');
    await at.put('/streamfs/x', 'AB');
    await expect.poll(() => rows.nth(1).textContent()).toContain('10 11 12 13 41 42');
  });

  it('show eight bytes a row where sixteen do not fit, so that nothing is beside the screen', async () => {
    const at = await server();
    await at.put(
      '/streamfs/x',
      Uint8Array.from({ length: 20 }, (_, i) => i + 0x40),
    );
    const page = await opened(at, '/streamfs/x', '?view=hex', { size: { width: 360, height: 740 } });
    const rows = page.getByTestId('hex').locator('.row');
    const narrow = [
      '40 41 42 43  44 45 46 47  @ABCDEFG',
      '48 49 4a 4b  4c 4d 4e 4f  HIJKLMNO',
      '50 51 52 53               PQRS    ',
    ];
    await expect.poll(() => rows.allTextContents()).toEqual(narrow);
    expect(await rows.nth(1).getAttribute('data-offset')).toBe('00000008');
    expect(await page.getByTestId('hex').evaluate((list) => list.scrollWidth - list.clientWidth)).toBe(0);
    await page.setViewportSize({ width: 900, height: 740 });
    await expect.poll(() => rows.count()).toBe(2);
    expect(await rows.first().textContent()).toContain('47  48 49');
    expect(await page.getByTestId('hex').evaluate((list) => list.scrollWidth - list.clientWidth)).toBe(0);
    await page.setViewportSize({ width: 360, height: 740 });
    await expect.poll(() => rows.allTextContents()).toEqual(narrow);
  });

  it('lay out JSON, one value after the other, with numbers as they were written', async () => {
    const at = await server();
    await at.put('/streamfs/x', '{\n "id": 12345678901234567890,\n "x": [1.0, {}]\n}\n{"b":2}\n');
    const page = await opened(at, '/streamfs/x');
    const shown = () => page.getByTestId('log').locator('.json-lines div').allTextContents();
    const first = ['{', '  "id": 12345678901234567890,', '  "x": [', '    1.0,', '    {}', '  ]', '}'];
    await expect.poll(shown).toEqual([...first, '{', '  "b": 2', '}']);
    await page.getByRole('button', { name: 'Lay out JSON' }).click();
    const rows = page.getByTestId('log').locator('.row');
    await expect
      .poll(() => rows.allTextContents())
      .toEqual(['{"id": 12345678901234567890, "x": [1.0, {}]}', '{"b": 2}']);
    await page.reload();
    await expect.poll(() => rows.count()).toBe(2);
  });

  it('show a terminal, in which what a program moves about is where it was moved to, and which keeps no key to itself', async () => {
    const at = await server();
    await at.put('/streamfs/x', '\x1b[2J\x1b[H\x1b[5;10Hmoved here\x1b[1;1Hfirst');
    const page = await opened(at, '/streamfs/x');
    const rows = page.frameLocator('iframe').locator('.xterm-rows > div');
    await expect.poll(() => rows.nth(0).textContent()).toMatch(/^first/);
    await expect.poll(() => rows.nth(4).textContent()).toMatch(/^ {9}moved here/);
    const focused = () => page.evaluate('document.activeElement?.tagName');
    await page.getByTestId('terminal').click();
    await expect.poll(focused).toBe('IFRAME');
    await page.keyboard.press('Shift+Tab');
    await expect.poll(focused).toBe('SELECT');
    await page.getByTestId('terminal').click();
    await page.keyboard.press('/');
    await expect.poll(focused).toBe('INPUT');
    await page.getByTestId('terminal').click();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: /^Streams/ }).waitFor();
  });

  /** What a view shows of a stream with this number, as bytes and as seen. */
  const GENERATIONS: readonly [
    view: string,
    bytes: (number: number) => string | Uint8Array,
    shown: (page: Page) => Promise<string>,
    seen: (number: number) => string,
  ][] = [
    ['log', (number) => `of stream ${number}\n`, (page) => textOf(page, 'log'), (number) => `of stream ${number}`],
    ['json', (number) => `{"stream":${number}}`, (page) => textOf(page, 'log'), (number) => `"stream": ${number}`],
    ['hex', (number) => `of stream ${number}`, (page) => textOf(page, 'hex'), (number) => `of stream ${number}`],
    [
      'terminal',
      (number) => `${number === 1 ? '\x1b[2J\x1b[H' : ''}of stream ${number}`,
      (page) => page.frameLocator('iframe').locator('.xterm-rows').innerText(),
      (number) => `of stream ${number}`,
    ],
    [
      'image',
      (number) => png(10 * number, 10),
      (page) => page.locator('.picture').innerText(),
      (number) => `${10 * number} × 10`,
    ],
  ];
  const textOf = (page: Page, list: string) => page.getByTestId(list).innerText();

  it.each(GENERATIONS.flatMap((each) => (['removed', 'ended'] as const).map((how) => [how, ...each] as const)))(
    'go on by themselves with the next stream of a name where one was %s, and say so: %s',
    async (how, view, bytes, shown, seen) => {
      const at = await server();
      await at.put('/streamfs/x', bytes(1));
      const page = await openPage(at, { at: `#/s/streamfs/x?view=${view}&offset=0`, expected: [REFUSED] });
      await expect.poll(() => shown(page)).toContain(seen(1));
      for (const number of [2, 3]) {
        if (how === 'ended') {
          await at.json('POST', '/end?path=/streamfs/x');
          await expect.poll(() => phase(page)).toBe('ended');
          await at.json('DELETE', '/files?path=/streamfs/x');
        } else {
          await at.json('DELETE', '/files?path=/streamfs/x');
          await expect.poll(() => phase(page)).toBe('gone');
        }
        expect(await page.getByRole('button', { name: 'Read again' }).count()).toBe(0);
        await at.put('/streamfs/x', bytes(number));
        await expect.poll(() => shown(page)).toContain(seen(number));
        await expect.poll(() => phase(page)).toBe('live');
        expect(await page.getByTestId('new-generation').textContent()).toContain('new stream since');
        // What is still shown of the previous stream comes before a mark.
        const all = await shown(page);
        if (view !== 'image') expect(all).toContain('a new stream has this path');
        const [old = '', current = ''] = all.split(/a new stream has this path.*(?![\s\S]*a new stream has this path)/);
        if (view !== 'image') expect(old).not.toContain(seen(number));
        expect(view === 'image' ? all : current).not.toContain(seen(number - 1));
      }
    },
  );

  it('hold a stream back that is faster than the terminal', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '16MB', channel_buffer_size: '16MB' } });
    const line = `\x1b[3${1}m${'many words of a flood '.repeat(4)}\x1b[0m\r\n`;
    for (let i = 0; i < 8; i++) await at.put('/streamfs/x', line.repeat(Math.floor((1024 * 1024) / line.length)));
    await at.put('/streamfs/x', 'the very end\r\n');
    const page = await openPage(at, { at: '#/s/streamfs/x?view=terminal&from=earliest' });
    let most = 0;
    const rows = page.frameLocator('iframe').locator('.xterm-rows');
    await expect
      .poll(async () => {
        most = Math.max(most, Number(await page.getByTestId('terminal').getAttribute('data-pending')));
        return rows.textContent();
      })
      .toContain('the very end');
    expect(most).toBeGreaterThan(0);
    // One piece more than the limit at which it stops.
    expect(most).toBeLessThanOrEqual(288 * 1024);
  });

  it('show the latest of pictures that follow each other', async () => {
    const at = await server();
    await at.put('/streamfs/x', png(40, 30));
    const page = await opened(at, '/streamfs/x');
    const size = () =>
      page
        .getByTestId('picture')
        .evaluate((image) => (image instanceof Object && 'naturalWidth' in image ? image.naturalWidth : 0));
    await expect.poll(size).toBe(40);
    await at.put(
      '/streamfs/x',
      Buffer.concat([Buffer.from('\r\n--x\r\nContent-Type: image/png\r\n\r\n'), png(60, 30)]),
    );
    await expect.poll(size).toBe(60);
    await page.getByText('picture 2 · 60 × 30').waitFor();
    const broken = png(50, 30);
    broken.fill(0, 40, broken.length - 12);
    await at.put('/streamfs/x', broken);
    await page.getByText('picture 2 · 60 × 30').getByText('a newer one could not be decoded').waitFor();
    await at.put('/streamfs/x', png(70, 30));
    await page.getByText('picture 4 · 70 × 30').waitFor();
    expect(await page.getByText('could not be decoded').count()).toBe(0);
  });

  it('say at once that there is no picture, and why, and offer other ways after a while', async () => {
    const at = await server();
    await at.json('POST', '/files?path=/streamfs/x');
    const page = await openPage(at, { at: '#/s/streamfs/x?view=image' });
    await page.getByText('Nothing has been written yet.').waitFor();
    await at.put('/streamfs/x', 'no picture at all\n');
    await page.getByText('Looking for a picture in what comes').waitFor();
    expect(await page.getByText('Nothing has been written yet.').count()).toBe(0);
    await page.getByRole('alert').getByRole('button', { name: 'Show bytes' }).waitFor();
    expect(await page.getByText('Looking for a picture').count()).toBe(0);
    await at.put('/streamfs/x', png(40, 30));
    await page.getByText('picture 1 · 40 × 30').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('say what is wrong where nothing plays, and offer other ways', async () => {
    const at = await server();
    await at.put('/streamfs/x', 'no video at all\n');
    const page = await openPage(at, { at: '#/s/streamfs/x?view=media' });
    await page.getByRole('alert').waitFor();
    await page.getByRole('alert').getByRole('button', { name: 'Show bytes' }).click();
    await page.getByTestId('hex').waitFor();
  });

  it('lead from a directory to its streams', async () => {
    const at = await server();
    await at.put('/streamfs/build/log', 'a line\n');
    await at.put('/streamfs/other', 'a line\n');
    const page = await openPage(at, { at: '#/s/streamfs/build', expected: [REFUSED] });
    await page.getByTestId('reading').filter({ hasText: 'this is a directory, not a stream' }).waitFor();
    await page.getByRole('link', { name: 'Show its streams' }).click();
    await page.getByRole('heading', { name: 'Streams 1 of 2' }).waitFor();
    await page.getByRole('link', { name: '/streamfs/build/log' }).waitFor();
  });

  it('say why a stream is refused, and can make one and wait for it', async () => {
    const at = await server();
    const page = await openPage(at, { at: '#/s/streamfs/none', expected: [REFUSED] });
    await expect.poll(() => phase(page)).toBe('refused');
    expect(await page.getByTestId('reading').textContent()).toContain('there is no stream with this name');
    await page.getByRole('button', { name: 'Create it and wait' }).click();
    await expect.poll(() => phase(page)).toBe('live');
    await page.getByText('Nothing has been written yet.').waitFor();
    await at.put('/streamfs/none', 'there it is\nand more');
    await page.getByText('there it is').first().waitFor();
    expect(await page.getByText('Nothing has been written yet.').count()).toBe(0);
    await expect.poll(() => page.getByTestId('log-status').textContent()).toBe('2 lines');
  });

  it.each(['log', 'media', 'hex', 'terminal', 'image'])(
    'show a missing stream as soon as it is created: %s',
    async (view) => {
      const at = await server();
      const page = await openPage(at, { at: `#/s/streamfs/later?view=${view}`, expected: [REFUSED] });
      await expect.poll(() => phase(page)).toBe('refused');
      await at.json('POST', '/files?path=/streamfs/later&type=audio/mpeg');
      await expect.poll(() => phase(page)).toMatch(/^(live|connecting|buffering)$/);
      await at.untilReaders('/streamfs/later', 1);
      expect(await page.getByRole('button', { name: 'Create it and wait' }).count()).toBe(0);
    },
  );

  it('are shared by an address that works without a token, for that one stream, and downloaded whole', async () => {
    const at = await server({
      server: { tokens: [{ name: 'all', token: TOKEN, rights: ['read', 'write', 'admin'], paths: ['/**'] }] },
    });
    const response = await fetch(at.api('/files?path=/streamfs/x'), {
      method: 'PUT',
      body: 'shared line\n',
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(response.status).toBe(200);
    const page = await opened(at, '/streamfs/x', '?time=utc', { token: TOKEN });
    await page.getByRole('button', { name: 'Share' }).click();
    const address = await page.getByTestId('shared').inputValue();
    expect(address).toContain('time=utc');
    expect(address).toContain('signature=');
    expect(address).not.toContain(TOKEN);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    const file = await download;
    expect(file.suggestedFilename()).toBe('x');
    expect(readFileSync(await file.path(), 'utf8')).toBe('shared line\n');

    const other = await openPage(at, { at: new URL(address).hash, expected: [REFUSED] });
    await other.getByText('shared line').first().waitFor();
    await expect.poll(() => phase(other)).toBe('live');
    await other.goto(`${at.url}/ui/#/s/streamfs/x`);
    await other.reload();
    await other.getByRole('textbox', { name: 'Token' }).waitFor();
  });

  it.each(['dark', 'light'] as const)('fit a telephone, %s', async (colorScheme) => {
    const at = await server();
    await at.put('/streamfs/a-rather-long-name-of-a-stream-that-goes-on', `${'a long line '.repeat(60)}\n`);
    const page = await opened(at, '/streamfs/a-rather-long-name-of-a-stream-that-goes-on', '?q=line&filter=1', {
      size: { width: 360, height: 740 },
      colorScheme,
    });
    for (const view of ['log', 'hex', 'terminal', 'json']) {
      await page.getByRole('combobox', { name: 'View' }).selectOption(view);
      await expect.poll(() => page.url()).toContain(`view=${view}`);
      await expect.poll(() => phase(page)).toBe('live');
      const [wide, high] = await page.evaluate<number[]>(
        '[document.scrollingElement.scrollWidth, document.querySelector(".list, iframe").clientHeight]',
      );
      expect(wide).toBeLessThanOrEqual(360);
      expect(high).toBeGreaterThan(250);
    }
  });

  it('are worked by the keyboard alone', async () => {
    const at = await server();
    await at.put('/streamfs/x', Array.from({ length: 300 }, (_, i) => `line ${i}\n`).join(''));
    const page = await opened(at, '/streamfs/x');
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    await page.keyboard.press('Space');
    await page.getByTestId('pill').waitFor();
    await page.keyboard.press('Shift+G');
    await expect.poll(() => page.getByTestId('pill').count()).toBe(0);
    await page.keyboard.press('/');
    await page.keyboard.type('line 42');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByTestId('log').locator('.row.current').textContent()).toBe('line 42');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.url()).not.toContain('q=');
  });
});
