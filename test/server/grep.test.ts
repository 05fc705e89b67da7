import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Account } from '../../src/fs/index.ts';
import { LineSplitter, MAX_LINE } from '../../src/server/grep/lines.ts';
import { Matcher } from '../../src/server/grep/matcher.ts';
import { parsePattern } from '../../src/server/grep/pattern.ts';
import { Slots } from '../../src/server/grep/slots.ts';
import { type Running, start } from './harness.ts';

async function withFiles(files: Record<string, string>, options = {}): Promise<Running> {
  const server = await start({ mounted: { '/mem': 'memfs', '/dev': 'devfs' }, ...options });
  await server.call('POST', '/mkdir?path=/mem/d');
  for (const [path, body] of Object.entries(files)) await server.call('PUT', `/files?path=${path}`, { body });
  return server;
}

describe('POST /grep', () => {
  it('contract 66: finds the lines of a file', async () => {
    const { post } = await withFiles({ '/mem/a': 'one\r\ntwo\nthree\n\nfour two' });
    const response = await post('/grep', { path: '/mem/a', pattern: '^t|two$' });
    expect(response.json()).toEqual({
      matches: [
        { file: '/mem/a', line: 2, content: 'two' },
        { file: '/mem/a', line: 3, content: 'three' },
        { file: '/mem/a', line: 5, content: 'four two' },
      ],
      count: 3,
    });
    expect((await post('/grep', { path: '/mem/a', pattern: 'five' })).json()).toEqual({ matches: [], count: 0 });
  });

  it('contract 66: recursive searches a directory, skips what has no end, and limit stops it', async () => {
    const { post } = await withFiles({ '/mem/a': 'x1\nx2', '/mem/d/b': 'x3' });
    const all = (await post('/grep', { path: '/', pattern: 'x', recursive: true })).json();
    expect(all).toMatchObject({ count: 3 });
    expect(all.matches).toContainEqual({ file: '/mem/d/b', line: 1, content: 'x3' });
    expect((await post('/grep', { path: '/mem', pattern: 'x', recursive: true, limit: 2 })).json()).toMatchObject({
      count: 2,
    });
  });

  it('contract 66: case_insensitive, and (?i) as Go and Python write it', async () => {
    const { post } = await withFiles({ '/mem/a': 'Error\nerror' });
    const count = async (json: object) => (await post('/grep', { path: '/mem/a', ...json })).json().count;
    expect(await count({ pattern: 'error' })).toBe(1);
    expect(await count({ pattern: 'error', case_insensitive: true })).toBe(2);
    expect(await count({ pattern: '(?i)ERROR' })).toBe(2);
  });

  it('contract 66: stream sends each match as a line of JSON, then a summary', async () => {
    const { post } = await withFiles({ '/mem/a': 'x1\ny\nx2' });
    const response = await post('/grep', { path: '/mem/a', pattern: 'x', stream: true });
    expect(response.headers['content-type']).toBe('application/x-ndjson');
    expect(
      response.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { file: '/mem/a', line: 1, content: 'x1' },
      { file: '/mem/a', line: 3, content: 'x2' },
      { type: 'summary', count: 2 },
    ]);
  });

  it('a path that cannot be searched is refused with the texts of the original', async () => {
    const { post } = await withFiles({ '/mem/a': 'x' });
    const refused = async (json: unknown) => {
      const response = await post('/grep', json);
      return [response.status, response.json().error];
    };
    expect(await refused({ path: '/mem', pattern: 'x' })).toEqual([
      400,
      'path is a directory, use recursive=true to search',
    ]);
    expect(await refused({ path: '/mem', pattern: 'x', stream: true })).toEqual([
      400,
      'path is a directory, use recursive=true to search',
    ]);
    expect(await refused({ path: '/mem/no', pattern: 'x' })).toEqual([404, 'failed to stat path: file not found: /no']);
    expect(await refused({ path: '/mem/a', pattern: '(' })).toEqual([
      400,
      expect.stringMatching(/^invalid regex pattern: .*Unterminated group/),
    ]);
    expect(await refused({ pattern: 'x' })).toEqual([400, 'path is required']);
    expect(await refused({ path: '/mem/a' })).toEqual([400, 'pattern is required']);
    expect(await refused({ path: '/mem/a', pattern: 'x', limit: -1 })).toEqual([
      400,
      'invalid request body: "limit" must be a whole number from 0 to 9007199254740991, not -1',
    ]);
    expect(await refused({ path: '/dev/zero', pattern: 'x' })).toEqual([501, 'grep not supported by devfs']);
  });

  it('a pattern that would run for years is stopped, and delays no other request meanwhile', async () => {
    const { post, call } = await withFiles({ '/mem/a': `${'a'.repeat(60)}!` }, { grepTimeLimit: 700 });
    const search = post('/grep', { path: '/mem/a', pattern: '^(a+)+$' });
    let over = false;
    const watch = search.then(() => {
      over = true;
    });
    let responses = 0;
    while (!over) {
      expect((await call('GET', '/health')).status).toBe(200);
      responses++;
    }
    await watch;
    expect(responses).toBeGreaterThan(10);
    const response = await search;
    expect([response.status, response.json()]).toEqual([
      400,
      {
        error: 'grep failed: search took longer than 0.7 seconds: use a simpler pattern or search less',
        code: 'GREP_TOO_SLOW',
      },
    ]);
  });

  it('a streamed search that takes too long ends with a summary that says so', async () => {
    const { post } = await withFiles({ '/mem/a': `b\n${'a'.repeat(60)}!` }, { grepTimeLimit: 300 });
    const response = await post('/grep', { path: '/mem', pattern: '^(a+)+$', stream: true, recursive: true });
    expect(JSON.parse(response.text)).toMatchObject({ type: 'summary', count: 0, code: 'GREP_TOO_SLOW' });
  });

  it('contract 42, 47: a recursive grep of a streamfs finds README and skips streams; a stream is refused', async () => {
    const { call, post } = await start({ mounted: { '/streamfs': 'streamfs' } });
    await call('PUT', '/files?path=/streamfs/live', { body: 'ring_buffer_size' });
    const found = (await post('/grep', { path: '/streamfs', pattern: 'ring_buffer_size', recursive: true })).json();
    const files = new Set((found.matches as { file: string }[]).map(({ file }) => file));
    expect([...files]).toEqual(['/streamfs/README']);
    const refused = await post('/grep', { path: '/streamfs/live', pattern: 'x' });
    expect([refused.status, refused.json().error]).toEqual([
      400,
      'grep failed: use stream mode for reading stream files',
    ]);
    const digest = await post('/digest', { path: '/streamfs/live', algorithm: 'md5' });
    expect([digest.status, digest.json().error]).toEqual([
      400,
      'failed to calculate digest: use stream mode for reading stream files',
    ]);
  });
});

describe('lines', () => {
  it('are the same however the content is cut into pieces', () => {
    const content = fc.array(fc.constantFrom('a', 'ü', '😀', '\n', '\r\n', 'long line '), { maxLength: 60 });
    fc.assert(
      fc.property(content, fc.infiniteStream(fc.integer({ min: 1, max: 7 })), (parts, sizes) => {
        const text = parts.join('');
        const bytes = Buffer.from(text);
        const splitter = new LineSplitter();
        const lines: string[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value as number;
          lines.push(...splitter.take(bytes.subarray(at, at + size)));
          at += size;
        }
        lines.push(...splitter.end());
        const expected = text.split('\n').map((line) => line.replace(/\r$/, ''));
        if (text === '' || text.endsWith('\n')) expected.pop();
        expect(lines).toEqual(expected);
      }),
    );
  });

  it('are cut at a limit, however long they are', () => {
    const splitter = new LineSplitter();
    for (let n = 0; n < 100; n++) expect(splitter.take(Buffer.alloc(10_000, 'x'))).toEqual([]);
    expect(splitter.take(Buffer.from('y\nnext\n'))).toEqual(['x'.repeat(MAX_LINE), 'next']);
  });
});

describe('patterns', () => {
  it('are read in Unicode mode where they can be', () => {
    expect(parsePattern('^.$', false)).toEqual({ source: '^.$', flags: 'u' });
    expect(parsePattern('(?im)a', true)).toEqual({ source: 'a', flags: 'imu' });
  });

  it('that escape a character that needs none are read all the same, as Go does', () => {
    expect(parsePattern('a\\-b\\"', false)).toEqual({ source: 'a\\-b\\"', flags: '' });
    expect(() => parsePattern('\\p{L}\\-', false)).toThrow(/^invalid regex pattern: /);
  });

  it('have a largest length', () => {
    // Each is a table that is built in the server's own thread: hundreds would block everybody.
    expect(() => parsePattern('\\p{L}'.repeat(33), false)).toThrow('it has 33 properties such as \\p{L}, at most 32');
    expect(parsePattern('\\P{L}'.repeat(32), false).flags).toBe('u');
    expect(() => parsePattern('a'.repeat(4097), false)).toThrow(
      'invalid regex pattern: it is 4097 characters long, at most 4096 are allowed',
    );
  });
});

describe('a matcher', () => {
  it('blames the pattern where its thread dies of it', async () => {
    const matcher = new Matcher({ source: '(', flags: '' }, 5000);
    await expect(matcher.match(['x'])).rejects.toMatchObject({ code: 'INVALID_PATTERN' });
    await matcher.close();
  });

  it('that is closed rejects what waits for it', async () => {
    const matcher = new Matcher({ source: '^(a+)+$', flags: '' }, 60_000);
    const waiting = matcher.match([`${'a'.repeat(60)}!`]);
    const refused = expect(waiting).rejects.toThrow('the search was cancelled');
    await matcher.close();
    await refused;
  });
});

describe('slots', () => {
  it('run so many at once, the others in turn, and none that gave up', async () => {
    const slots = new Slots(1);
    const order: string[] = [];
    let release = () => {};
    const first = slots.run(
      new AbortController().signal,
      undefined,
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    const gone = new AbortController();
    const second = slots.run(gone.signal, undefined, async () => void order.push('second'));
    const third = slots.run(new AbortController().signal, undefined, async () => void order.push('third'));
    gone.abort();
    expect(order).toEqual([]);
    release();
    await Promise.all([first, second, third]);
    expect(order).toEqual(['third']);
  });

  it('contract 96: pass over an account that has as many as it may have, and let it in when its own is done', async () => {
    const slots = new Slots(2);
    const [greedy, other] = [new Account(), new Account()];
    const order: string[] = [];
    const releases = new Map<string, () => void>();
    let passedOver = 0;
    const run = (name: string, account: Account | undefined) =>
      slots.run(
        new AbortController().signal,
        account,
        () => {
          order.push(name);
          return new Promise<void>((resolve) => releases.set(name, resolve));
        },
        () => passedOver++,
      );
    const all = [run('greedy 1', greedy), run('greedy 2', greedy), run('greedy 3', greedy), run('other', other)];
    expect([order, passedOver]).toEqual([['greedy 1', 'other'], 2]);
    all.push(run('nobody', undefined));
    releases.get('other')!();
    await all[3];
    expect(order).toEqual(['greedy 1', 'other', 'nobody']);
    releases.get('greedy 1')!();
    await all[0];
    expect(order.at(-1)).toBe('greedy 2');
    for (const name of ['greedy 2', 'nobody']) releases.get(name)!();
    await all[1];
    releases.get('greedy 3')!();
    await Promise.all(all);
  });
});
