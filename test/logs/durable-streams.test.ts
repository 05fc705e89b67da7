/** Durable Streams on several nodes of one log: each request goes to a different node than the one before (contract 105, 106). */
import { describe, expect, it } from 'vitest';
import { follow, type Running } from '../server/harness.ts';
import { cluster } from './shared-streams.ts';

const durableStreams = { mount: '/s', prefixes: ['/api/v1x'], longPollTimeout: 50 };

type Headers = Record<string, string>;

/** Sends each request to the next node. */
async function nodes(count = 2) {
  const { nodes: all } = await cluster(count, { durableStreams });
  let requests = 0;
  const send = async (method: string, target: string, body?: string, headers: Headers = {}) => {
    const node: Running = all[requests++ % count]!;
    const response = await node.call(method, `/api/v1x${target}`, { ...(body === undefined ? {} : { body }), headers });
    const { 'stream-next-offset': next, 'stream-closed': closed } = response.headers as Headers;
    return { ...response, next: next as string, closed };
  };
  const typed = (type: string, more: Headers = {}) => ({ 'Content-Type': type, ...more });
  return { send, typed, call: all[0]!.call };
}

const producer = (seq: number, epoch = 0) => ({
  'Producer-Id': 'p',
  'Producer-Epoch': String(epoch),
  'Producer-Seq': String(seq),
});

describe('contract 106: Durable Streams on a log', () => {
  it('are created with their first bytes, once, and are the same at each node', async () => {
    const { send, typed } = await nodes();
    const created = await send('PUT', '/a', 'first', typed('text/plain'));
    expect([created.status, created.headers['content-type']]).toEqual([201, 'text/plain']);
    expect((await send('PUT', '/a', 'others', typed('text/plain'))).status).toBe(200);
    const differs = await send('PUT', '/a', '', typed('application/json'));
    expect([differs.status, differs.json().code]).toEqual([409, 'STREAM_SETTINGS_DIFFER']);
    const { next, status } = await send('POST', '/a', ' second', typed('text/plain'));
    expect(status).toBe(204);
    const head = await send('HEAD', '/a');
    expect([head.status, head.next, head.headers['content-type']]).toEqual([200, next, 'text/plain']);
    for (let node = 0; node < 2; node++) {
      const read = await send('GET', '/a?offset=-1');
      expect([read.text, read.next, read.headers['stream-up-to-date']]).toEqual(['first second', next, 'true']);
    }
    const below = await send('PUT', '/a/b', '', typed('text/plain'));
    expect([below.status, below.json().code]).toEqual([409, 'STREAM_NAME_TAKEN']);
  });

  describe.each([
    ['that does not exist', false],
    ['that a reader on a third node has opened', true],
  ])('a stream %s, created at once on two nodes', (_, isOpened) => {
    /** Sends two creations at the same time, and returns their responses: first the one that created the stream. */
    async function race(first: [string, string, Headers?], second: [string, string, Headers?]) {
      const { nodes: all } = await cluster(3, { durableStreams });
      const reader = isOpened ? await follow(all[2]!.port, '/files?path=/s/a&stream=true&create=true') : undefined;
      const responses = await Promise.all(
        [first, second].map(async ([type, body, headers], n) => {
          const parts = { body, headers: { 'Content-Type': type, ...headers } };
          const response = await all[n]!.call('PUT', '/api/v1x/a', parts);
          return { ...response, type, body };
        }),
      );
      const [created, other] = responses.sort(
        (one, two) => (two.status === 201 ? 1 : 0) - (one.status === 201 ? 1 : 0),
      );
      const heads = await Promise.all(all.map(({ call }) => call('HEAD', '/api/v1x/a')));
      const reads = await Promise.all(all.map(({ call }) => call('GET', '/api/v1x/a?offset=-1')));
      reader?.cut();
      return { created: created!, other: other!, heads, texts: reads.map(({ text }) => text) };
    }

    it('has the type and the bytes of one of them on all nodes, and the other is a conflict', async () => {
      for (let round = 0; round < 10; round++) {
        const { created, heads, other, texts } = await race(['text/plain', 'one'], ['text/html', 'two']);
        expect([created.status, other.status, other.json().code]).toEqual([201, 409, 'STREAM_SETTINGS_DIFFER']);
        expect(heads.map(({ headers }) => headers['content-type'])).toEqual([created.type, created.type, created.type]);
        expect(texts).toEqual([created.body, created.body, created.body]);
      }
    });

    it('has the time to live of one of them, and the other is a conflict', async () => {
      const { created, heads, other } = await race(
        ['text/plain', '', { 'Stream-TTL': '100' }],
        ['text/plain', '', { 'Stream-TTL': '200' }],
      );
      expect([created.status, other.status, other.json().code]).toEqual([201, 409, 'STREAM_SETTINGS_DIFFER']);
      const ttls = new Set(heads.map(({ headers }) => headers['stream-ttl']));
      expect([...ttls]).toEqual([created.headers['stream-ttl'] ?? [...ttls][0]]);
    });

    it('with the same settings is created by one of them, with its bytes, and is there for the other', async () => {
      for (let round = 0; round < 10; round++) {
        const { created, other, texts } = await race(['text/plain', 'one'], ['text/plain', '']);
        expect([created.status, other.status]).toEqual([201, 200]);
        expect(texts).toEqual([created.body, created.body, created.body]);
      }
    });
  });

  it('are closed with the last bytes in one step, for all nodes, and closing again is harmless', async () => {
    const { send, typed } = await nodes();
    await send('PUT', '/a', '', typed('text/plain'));
    const { closed, next } = await send('POST', '/a', 'last', typed('text/plain', { 'Stream-Closed': 'true' }));
    expect(closed).toBe('true');
    const refused = await send('POST', '/a', 'more', typed('text/plain'));
    expect([refused.status, refused.json().code, refused.closed, refused.next]).toEqual([
      409,
      'STREAM_CLOSED',
      'true',
      next,
    ]);
    expect((await send('POST', '/a', undefined, { 'Stream-Closed': 'true' })).status).toBe(204);
    const read = await send('GET', '/a?offset=-1');
    expect([read.text, read.closed]).toEqual(['last', 'true']);
    const whole = await send('PUT', '/b', 'all of it', typed('text/plain', { 'Stream-Closed': 'true' }));
    expect([whole.status, whole.closed]).toEqual([201, 'true']);
    expect((await send('GET', '/b?offset=-1')).text).toBe('all of it');
  });

  it('contract 88: complete an append with a newline where their lines are kept whole', async () => {
    const { call, send, typed } = await nodes();
    await call('POST', '/files?path=/s/a&atomic=lines&type=text%2Fplain');
    await send('POST', '/a', 'one\ntwo', typed('text/plain'));
    await send('POST', '/a', 'three\n', typed('text/plain'));
    await send('POST', '/a', 'four', typed('text/plain', { 'Stream-Closed': 'true' }));
    expect((await send('GET', '/a')).text).toBe('one\ntwo\nthree\nfour\n');
  });

  it('take messages of JSON whole, in the order of all nodes, and nothing else', async () => {
    const { send, typed } = await nodes(3);
    const json = typed('application/json');
    await send('PUT', '/j', '[{"n":0}]', json);
    await send('POST', '/j', '[{"n":1},{"n":2}]', json);
    await send('POST', '/j', '{"n":3}', json);
    for (const body of ['[]', '{"n":', '']) expect((await send('POST', '/j', body, json)).status).toBe(400);
    const other = await send('POST', '/j', 'text', typed('text/plain'));
    expect([other.status, other.json().code]).toEqual([409, 'CONTENT_TYPE_DIFFERS']);
    expect((await send('GET', '/j?offset=-1')).json()).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('apply what a producer repeats once, and refuse what is out of order, whichever node is asked', async () => {
    const { send, typed } = await nodes();
    await send('PUT', '/p', '', typed('text/plain'));
    const append = (body: string, more: Headers) => send('POST', '/p', body, typed('text/plain', more));
    expect((await append('a', producer(0))).status).toBe(200);
    const again = await append('a', producer(0));
    expect([again.status, again.headers['producer-seq']]).toEqual([204, '0']);
    const gap = await append('c', producer(2));
    expect([gap.status, gap.headers['producer-expected-seq']]).toEqual([409, '1']);
    expect((await append('b', producer(0, 1))).status).toBe(200);
    const fenced = await append('x', producer(1));
    expect([fenced.status, fenced.headers['producer-epoch']]).toEqual([403, '1']);
    expect((await append('1', { 'Stream-Seq': '0001' })).status).toBe(204);
    const late = await append('0', { 'Stream-Seq': '0001' });
    expect([late.status, late.json().code]).toEqual([409, 'STREAM_SEQ_ORDER']);
    expect((await append('2', { 'Stream-Seq': '0002' })).status).toBe(204);
    const closing = { ...producer(1, 1), 'Stream-Closed': 'true' };
    expect((await append('!', closing)).closed).toBe('true');
    expect((await append('!', closing)).status).toBe(204);
    expect((await send('GET', '/p?offset=-1')).text).toBe('ab12!');
  });

  it('are appended to where that is expected to be the end, or not at all, whichever node is asked', async () => {
    const { send, typed } = await nodes();
    const { next: empty } = await send('PUT', '/e', '', typed('text/plain'));
    const append = (offset: string, more: Headers = {}) =>
      send('POST', '/e', 'a', typed('text/plain', { 'Stream-Expected-Offset': offset, ...more }));
    const all = await Promise.all(Array.from({ length: 6 }, () => append(empty)));
    expect(all.map(({ status }) => status).sort()).toEqual([204, 409, 409, 409, 409, 409]);
    const tail = (await send('HEAD', '/e')).next;
    const late = await append(empty);
    expect([late.json().code, late.next, late.closed]).toEqual(['EXPECTED_OFFSET', tail, undefined]);
    const first = await append(tail, producer(0));
    expect([first.status, (await append(tail, producer(0))).status]).toEqual([200, 204]);
    await send('DELETE', '/e');
    const { next: again } = await send('PUT', '/e', 'aa', typed('text/plain'));
    expect((await append(first.next)).json().code).toBe('EXPECTED_OFFSET');
    expect((await append(again)).status).toBe(204);
  });

  it('are not forked, and say so', async () => {
    const { send, typed } = await nodes();
    await send('PUT', '/a', 'source', typed('text/plain'));
    const fork = await send('PUT', '/b', '', typed('text/plain', { 'Stream-Forked-From': '/api/v1x/a' }));
    expect([fork.status, fork.json().code]).toEqual([501, 'LOG_NOT_SUPPORTED']);
    expect((await send('HEAD', '/b')).status).toBe(404);
  });
});
