/** Server-sent events of the AGFS API (contract 101): what a page receives, and how it resumes after a broken connection. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReaderInfo } from '../../src/protocol/index.ts';
import { Origins, Tokens } from '../../src/server/index.ts';
import { waitFor } from '../harness/wait.ts';
import { facts, messages, type ParsedEvents, parseEventStream } from './event-source.ts';
import { follow, type Running, type StartOptions, start } from './harness.ts';

const EVENTS = { Accept: 'text/event-stream' };

const streams = (config: Record<string, unknown> = {}, options: StartOptions = {}) =>
  start({ mounted: { '/s': { fstype: 'streamfs', config }, '/mem': 'memfs' }, ...options });

const READ = (more = '', path = '/s/a') => `/files?path=${path}&stream=true${more}`;

/** A complete response. */
async function read(at: Running, more = '', headers: Record<string, string> = {}, path?: string) {
  const response = await at.call('GET', READ(more, path), { headers: { ...EVENTS, ...headers } });
  return { ...response, ...parseEventStream(response.body) };
}

/** The data of a continuing response, once `done` accepts it. */
async function until(at: Running, more: string, headers: Record<string, string>, done: (so: ParsedEvents) => boolean) {
  const live = await follow(at.port, READ(more), { ...EVENTS, ...headers });
  const parsed = () => parseEventStream(Buffer.from(text, 'latin1'));
  let text = '';
  for (let bytes = 1; !done(parsed()); bytes = text.length + 1) text = await live.until(bytes);
  live.cut();
  return { ...parsed(), headers: live.res.headers };
}

const put = (at: Running, body: string | Uint8Array, more = '', path = '/s/a') =>
  at.call('PUT', `/files?path=${path}${more}`, { body });
const generationOf = async (at: Running) => (await at.call('HEAD', READ())).headers['x-stream-generation'] as string;

const PLAIN = '&type=text/plain';

describe('a read as server-sent events', () => {
  // A header that the fast path does not know makes node:http response.
  it.each([
    ['read off the socket', {}],
    ['served by node:http', { 'X-Other': '1' }],
  ])('contract 101: is asked for by Accept or by format, and says what it is: %s', async (_way, more) => {
    const at = await streams();
    await put(at, 'one\n two\n', `${PLAIN}&end=true`);
    const generation = await generationOf(at);
    const byAccept = await read(at, '', more as Record<string, string>);
    expect(byAccept.status).toBe(200);
    expect(byAccept.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-stream-offset': '0',
      'x-stream-generation': generation,
      connection: 'close',
    });
    expect(byAccept.headers['stream-sse-data-encoding']).toBeUndefined();
    expect(byAccept.retry).toBe(2000);
    expect(byAccept.text.startsWith(`retry: 2000\n: open\nid:${generation}:0\n\n`)).toBe(true);
    expect(messages(byAccept)).toBe('one\n two\n');
    expect(byAccept.lastEventId).toBe(`${generation}:9`);
    expect(facts(byAccept)).toEqual([['end', { reason: 'ended', offset: 9 }]]);
    const byFormat = await at.call('GET', READ('&format=sse'), { headers: more as Record<string, string> });
    expect(byFormat.text).toBe(byAccept.text);
    const head = await at.call('HEAD', READ(), { headers: { ...EVENTS, ...more } });
    expect([head.status, head.headers['content-type']]).toEqual([200, 'text/event-stream']);
  });

  it('contract 101: what accepts everything gets the bytes, and format counts more than Accept', async () => {
    const at = await streams();
    await put(at, 'bytes', `${PLAIN}&end=true`);
    const { call } = at;
    for (const accept of ['*/*', 'text/html, */*;q=0.8', 'text/event-stream;q=0', 'text/event-stream;q=0.1, */*']) {
      expect((await call('GET', READ(), { headers: { Accept: accept } })).text).toBe('bytes');
    }
    expect((await call('GET', READ('&format=raw'), { headers: EVENTS })).text).toBe('bytes');
    expect((await call('GET', READ('&snapshot=true').replace('&stream=true', ''), { headers: EVENTS })).text).toBe(
      'bytes',
    );
  });

  it('contract 101: bytes other than text are sent in base64, by the type of their stream or on request', async () => {
    const at = await streams();
    const bytes = Buffer.from([0, 255, 10, 13, 32, 200]);
    await put(at, bytes, '&end=true');
    const binary = await read(at);
    expect(binary.headers['stream-sse-data-encoding']).toBe('base64');
    expect(Buffer.from(messages(binary), 'base64')).toEqual(bytes);
    await put(at, 'text', '&end=true', '/s/text');
    const text = await read(at, '&encoding=text', {}, '/s/text');
    expect([messages(text), text.headers['stream-sse-data-encoding']]).toEqual(['text', undefined]);
    await put(at, 'text', `${PLAIN}&end=true`, '/s/plain');
    const encoded = await read(at, '&encoding=base64', {}, '/s/plain');
    expect([messages(encoded), encoded.headers['stream-sse-data-encoding']]).toEqual(['dGV4dA==', 'base64']);
  });

  it('contract 101: with lines=true each complete line is an event', async () => {
    const at = await streams();
    const seen = until(at, '&lines=true', {}, ({ events }) => events.length >= 4);
    await waitFor(async () => (await at.call('GET', '/readers')).json().count === 1);
    for (const body of ['one\ntw', 'o\r\n', '\n', ' indented\nunfinished']) await put(at, body);
    const { events } = await seen;
    const generation = await generationOf(at);
    expect(
      events
        .filter(({ type }) => type === 'message')
        .map(({ data }) => data)
        .slice(0, 3),
    ).toEqual(['one', 'two', '']);
    await at.call('POST', '/end?path=/s/a&end_status=exit%203');
    const whole = await read(at, '&lines=true');
    expect(whole.events).toEqual([
      ...['one', 'two', '', ' indented'].map((data, n) => ({
        ...{ type: 'message', data },
        lastEventId: `${generation}:${[4, 9, 10, 20][n]}`,
      })),
      // The line that its writer has left unfinished comes with the end.
      { type: 'message', data: 'unfinished', lastEventId: `${generation}:30` },
      { type: 'end', data: '{"reason":"ended","offset":30,"end_status":"exit 3"}', lastEventId: `${generation}:30` },
    ]);
  });

  it('says that it has caught up, also before a line that is not complete, and heartbeats carry the offset', async () => {
    const at = await streams();
    await put(at, 'one\nunfinished', PLAIN);
    const generation = await generationOf(at);
    const seen = await until(at, '&lines=true&heartbeat=20ms', {}, ({ comments }) => comments.includes('heartbeat'));
    expect(seen.events.map(({ type, data }) => [type, data])).toEqual([
      ['message', 'one'],
      ['caught-up', '{"offset":4}'],
    ]);
    expect(seen.lastEventId).toBe(`${generation}:4`);
    const none = await read(at, '&lines=true&heartbeat=0&timeout=30ms');
    expect(none.comments).toEqual(['open']);
    expect(facts(none).at(-1)).toEqual(['end', { reason: 'timeout', offset: 4 }]);
  });

  it('a file that is not a stream is sent to its end, and resumes where the page was disconnected', async () => {
    const at = await streams();
    await put(at, 'a file\nof text', '', '/mem/f');
    const whole = await read(at, '&encoding=text', {}, '/mem/f');
    expect([messages(whole), whole.lastEventId]).toEqual(['a file\nof text', '14']);
    const rest = await read(at, '&encoding=text', { 'Last-Event-ID': '7' }, '/mem/f');
    expect([messages(rest), rest.lastEventId, rest.headers['x-stream-offset']]).toEqual(['of text', '14', '7']);
  });

  it('is a form of the live read of a handle too, from the position of the handle', async () => {
    const at = await streams();
    await put(at, '0123456789', `${PLAIN}&end=true`);
    const { handle_id: id } = (await at.call('POST', '/handles/open?path=/s/a')).json();
    await at.call('POST', `/handles/${String(id)}/seek?offset=6`);
    const response = await at.call('GET', `/handles/${String(id)}/stream`, {
      headers: { ...EVENTS, 'Last-Event-ID': '2' },
    });
    expect([response.headers['content-type'], messages(parseEventStream(response.body))]).toEqual([
      'text/event-stream',
      '6789',
    ]);
  });

  it('goes to a client of HTTP/1.0 as well', async () => {
    const at = await streams();
    await put(at, 'old', `${PLAIN}&end=true`);
    const response = await fetch(`http://127.0.0.1:${at.port}/api/v1${READ('&format=sse')}`);
    expect(messages(parseEventStream(Buffer.from(await response.arrayBuffer())))).toBe('old');
  });

  it.each([
    ['&format=raw&lines=true', 'invalid lines parameter: it is for server-sent events: add format=sse'],
    ['&format=frames&encoding=text', 'invalid encoding parameter: it is for server-sent events: add format=sse'],
    ['&lines=true&encoding=base64', 'invalid lines parameter: lines are text: leave out encoding=base64'],
    ['&encoding=hex', 'invalid encoding parameter: must be one of text, base64; got hex'],
    ['&lines=yes', 'invalid lines parameter: must be true or false, got yes'],
    ['&format=see', 'invalid format parameter: must be one of raw, frames, sse; got see'],
  ])('refuses %s and says what would be right', async (more, error) => {
    const at = await streams();
    const response = await read(at, more);
    expect([response.status, response.json().error]).toEqual([400, error]);
  });
});

describe('Last-Event-ID', () => {
  it('contract 101: continues exactly there, whatever the address says of the start', async () => {
    const at = await streams();
    await put(at, '0123456789', PLAIN);
    const generation = await generationOf(at);
    for (const more of ['', '&offset=2', '&from=live', '&last=3', '&generation=another']) {
      const seen = await until(at, more, { 'Last-Event-ID': `${generation}:4` }, (so) => messages(so).length >= 6);
      expect(messages(seen)).toBe('456789');
      expect(seen.headers['x-stream-offset']).toBe('4');
    }
    const plain = await until(at, '&offset=2', { 'Last-Event-ID': '7' }, (so) => messages(so).length >= 3);
    expect(messages(plain)).toBe('789');
    const none = await until(at, '&offset=8', { 'Last-Event-ID': '' }, (so) => messages(so).length >= 2);
    expect(messages(none)).toBe('89');
    // Has no meaning for other encodings.
    const raw = await follow(at.port, READ('&offset=8'), { 'Last-Event-ID': '2' });
    expect(await raw.until(2)).toBe('89');
    raw.cut();
  });

  it('contract 101: receives the new generation of the stream, and begins with the earliest byte', async () => {
    const at = await streams();
    await put(at, 'the first generation', PLAIN);
    const previous = await generationOf(at);
    await at.call('DELETE', '/files?path=/s/a');
    await put(at, 'second', PLAIN);
    const generation = await generationOf(at);
    const seen = await until(at, '&from=live', { 'Last-Event-ID': `${previous}:9` }, (so) => messages(so).length >= 6);
    expect(seen.events[0]).toEqual({
      type: 'recreated',
      data: JSON.stringify({ generation, previous, offset: 0 }),
      lastEventId: `${generation}:0`,
    });
    expect(messages(seen)).toBe('second');
    // A stream that has not been written to is reported as well: the page waits for its first byte.
    await at.call('DELETE', '/files?path=/s/a');
    const empty = await until(at, '', { 'Last-Event-ID': `${previous}:9` }, ({ events }) => events.length === 2);
    expect(empty.events.map(({ type }) => type)).toEqual(['recreated', 'caught-up']);
    const absent = await read(at, '&create=false', { 'Last-Event-ID': `${previous}:9` });
    expect([absent.status, absent.json().code]).toEqual([404, 'STREAM_NOT_FOUND']);
  });

  it('contract 101: an offset that is no longer retained gives a gap up to the earliest retained byte', async () => {
    const at = await streams({ ring_buffer_size: '10B', channel_buffer_size: '10B' });
    await put(at, 'x'.repeat(100), PLAIN);
    const generation = await generationOf(at);
    const id = { 'Last-Event-ID': `${generation}:5` };
    const seen = await until(at, '&on_expired=error', id, (so) => messages(so).length >= 10);
    expect(seen.events[0]).toMatchObject({ type: 'gap', lastEventId: `${generation}:90` });
    expect(JSON.parse(seen.events[0]!.data)).toEqual({ from: 5, to: 90, chunks: 0 });
  });

  it('contract 101: at the end of an ended stream the page is told not to reconnect', async () => {
    const at = await streams();
    await put(at, 'all', `${PLAIN}&end=true`);
    const generation = await generationOf(at);
    for (const id of [`${generation}:3`, '3']) {
      for (const method of ['GET', 'HEAD']) {
        const response = await at.call(method, READ('&format=sse'), { headers: { 'Last-Event-ID': id } });
        expect([id, method, response.status, response.text]).toEqual([id, method, 204, '']);
      }
    }
    const beyond = await read(at, '', { 'Last-Event-ID': '99' });
    expect([beyond.status, beyond.json().code]).toEqual([416, 'OFFSET_BEYOND_END']);
    expect(messages(await read(at, '', { 'Last-Event-ID': `${generation}:2` }))).toBe('l');
    // Without an id it is an ordinary read, which ends at once.
    expect(facts(await read(at, '&from=live'))).toEqual([['end', { reason: 'ended', offset: 3 }]]);
    expect((await at.call('GET', '/readers')).json().count).toBe(0);
    await put(at, 'file', '', '/mem/f');
    expect((await read(at, '', { 'Last-Event-ID': '4' }, '/mem/f')).status).toBe(204);
  });

  it.each([
    'x',
    '-1',
    '1.5',
    'a:b',
    ':5',
    'a:',
    'a b:5',
    '99999999999999999999',
    '9007199254740993',
    'a:1, a:2',
    '0x5',
  ])('contract 101: %s is no id: 400, which says what one looks like', async (id) => {
    const at = await streams();
    const response = await read(at, '', { 'Last-Event-ID': id });
    expect([response.status, response.json().code]).toEqual([400, 'INVALID_LAST_EVENT_ID']);
    expect(response.json().error).toContain('such as 1a2b3c:4096');
    expect((await at.call('GET', '/stat?path=/s/a')).status).toBe(404);
  });

  it('contract 101: received and skipped is all that was appended, however often a page is cut off and comes back', async () => {
    const at = await streams({ ring_buffer_size: '2KB', channel_buffer_size: '1KB' });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ append: fc.integer({ min: 1, max: 900 }), cut: fc.boolean() }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.constantFrom('', '&lines=true', '&encoding=base64'),
        async (steps, more) => {
          const path = `/s/p${run++}`;
          await at.call('POST', `/files?path=${path}&type=text/plain`);
          /** Bytes by their offset: a line of the alphabet identifies its own offset. */
          const byte = (offset: number) => (offset % 7 === 6 ? 0x0a : 0x61 + (offset % 26));
          let end = 0;
          let id = '';
          let received = 0;
          let skipped = 0;
          /** The data of a connection, up to the last complete event. */
          const take = (bytes: Buffer) => {
            const { events, lastEventId } = parseEventStream(bytes, id);
            for (const { type, data, lastEventId: at } of events) {
              const to = Number(at.split(':').at(-1));
              if (type === 'gap') {
                const gap = JSON.parse(data) as { from: number; to: number };
                expect(gap.from).toBe(received + skipped);
                skipped += gap.to - gap.from;
              }
              if (type !== 'message') continue;
              const from = received + skipped;
              const expected = Buffer.from(Array.from({ length: to - from }, (_, n) => byte(from + n)));
              if (more === '&encoding=base64') expect(Buffer.from(data, 'base64')).toEqual(expected);
              else if (more === '') expect(data).toBe(expected.toString());
              else expect(data).toBe(expected.toString().replace(/\n$/, ''));
              received += expected.length;
            }
            id = lastEventId;
          };
          const connect = () =>
            follow(at.port, READ(more, path), { ...EVENTS, ...(id === '' ? {} : { 'Last-Event-ID': id }) });
          let live = await connect();
          for (const { append, cut } of steps) {
            await put(at, Buffer.from(Array.from({ length: append }, (_, n) => byte(end + n))), '', path);
            end += append;
            if (!cut) continue;
            // Cut anywhere: the page has what has arrived, whatever was in flight.
            const text = await live.until(1);
            live.cut();
            take(Buffer.from(text, 'latin1'));
            live = await connect();
          }
          await at.call('POST', `/end?path=${path}`);
          const rest = await live.end();
          take(Buffer.from(rest, 'latin1'));
          expect(received + skipped).toBe(end);
          if (live.res.statusCode === 204) return;
          expect(parseEventStream(Buffer.from(rest, 'latin1')).events.at(-1)?.type).toBe('end');
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('every request', () => {
  it('contract 101: readers are listed as what they are, and end when they are kicked', async () => {
    const at = await streams();
    await put(at, 'x', PLAIN);
    const live = await follow(at.port, READ(), EVENTS);
    const { readers } = (await at.call('GET', '/readers')).json() as unknown as { readers: ReaderInfo[] };
    expect(readers.map(({ kind, path }) => [kind, path])).toEqual([['sse', '/s/a']]);
    await at.call('DELETE', `/readers/${readers[0]!.id}`);
    const parsed = parseEventStream(Buffer.from(await live.end(), 'latin1'));
    expect(facts(parsed).at(-1)).toEqual(['end', { reason: 'kicked', offset: 1 }]);
  });

  it('contract 101: a page may read what its token or its link allows, and no more', async () => {
    const secret = 'secret-of-viewer';
    const sha256 = createHash('sha256').update(secret).digest('hex');
    const tokens = new Tokens([{ name: 'viewer', sha256, rights: ['read', 'write'], paths: ['/s/open'] }]);
    const at = await streams({}, { tokens });
    const authorization = `Bearer ${secret}`;
    const headers = { authorization };
    await at.call('PUT', '/files?path=/s/open&end=true&type=text/plain', { body: 'seen', headers });
    expect((await read(at, '', {}, '/s/open')).status).toBe(401);
    expect((await read(at, '', headers, '/s/closed')).status).toBe(403);
    expect(messages(await read(at, '', headers, '/s/open'))).toBe('seen');
    const link = await at.call('POST', '/links', { body: JSON.stringify({ path: '/s/open' }), headers });
    const url = `${link.json().url as string}&format=sse`;
    const byLink = await at.call('GET', url, { headers: { 'Last-Event-ID': '2' } });
    expect(messages(parseEventStream(byLink.body))).toBe('en');
  });

  it('contract 101: a page of a listed origin may send its Last-Event-ID', async () => {
    const at = await streams({}, { origins: new Origins(['https://app.example']) });
    const asked = await at.call('OPTIONS', READ(), {
      headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'GET' },
    });
    expect(asked.headers['access-control-allow-headers']).toContain('Last-Event-ID');
    await put(at, 'x', `${PLAIN}&end=true`);
    const response = await read(at, '', { Origin: 'https://app.example' });
    expect(response.headers['access-control-allow-origin']).toBe('https://app.example');
    expect((await read(at, '', { Origin: 'https://other.example' })).status).toBe(403);
  });

  it('contract 27: the number of live reads is limited, and one that gets 204 does not count', async () => {
    const at = await streams({}, { limits: { readers: 1 } });
    await put(at, 'x', `${PLAIN}&end=true`);
    for (let n = 0; n < 3; n++) expect((await read(at, '', { 'Last-Event-ID': '1' })).status).toBe(204);
    const live = await follow(at.port, READ('', '/s/b'), EVENTS);
    const refused = await read(at, '', {}, '/s/b');
    expect([refused.status, refused.json().code]).toEqual([503, 'READER_LIMIT']);
    live.cut();
  });

  it('is in the log of requests', async () => {
    const at = await streams();
    await put(at, 'x', `${PLAIN}&end=true`);
    await read(at);
    await waitFor(() => at.log.some(({ message, facts: of }) => message === 'read over' && of.end === 'ended'));
    await waitFor(() =>
      at.log.some(({ message, facts: of }) => message === 'request' && of.method === 'GET' && of.status === 200),
    );
  });
});

describe('readers at the same place', () => {
  it('contract 101: get the same bytes, and none is delayed by a stopped one', async () => {
    const at = await streams({ ring_buffer_size: '1MB', channel_buffer_size: '256KB' });
    await at.call('POST', '/files?path=/s/a&type=text/plain');
    const reads = await Promise.all(Array.from({ length: 5 }, () => follow(at.port, READ('&lines=true'), EVENTS)));
    const slow = reads[0]!;
    slow.res.pause();
    const line = `${'é'.repeat(500)}\n`;
    const body = line.repeat(1000);
    for (let n = 0; n < 12; n++) await put(at, body);
    const quick = await until(at, '&last_lines=1', {}, (so) => messages(so).length > 0);
    expect(messages(quick)).toBe(line);
    await at.call('POST', '/end?path=/s/a');
    slow.res.resume();
    const texts = await Promise.all(reads.map((live) => live.end()));
    for (const text of texts.slice(1)) {
      const parsed = parseEventStream(Buffer.from(text, 'latin1'));
      expect(parsed.lastEventId.split(':')[1]).toBe(String(12 * Buffer.byteLength(body)));
    }
    const parsed = parseEventStream(Buffer.from(texts[0]!, 'latin1'));
    const skipped = facts(parsed).reduce(
      (sum, [type, { from, to }]) => sum + (type === 'gap' ? Number(to) - Number(from) : 0),
      0,
    );
    const ids = parsed.events.filter(({ type }) => type === 'message').length;
    expect(skipped).toBeGreaterThan(0);
    expect(ids).toBeGreaterThan(0);
    expect(parsed.lastEventId.split(':')[1]).toBe(String(12 * Buffer.byteLength(body)));
  });
});
