/** Appends of producers over HTTP (contract 72). */

import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { connectTo } from '../harness/wire.ts';
import { type Running, start } from './harness.ts';

const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };
const TARGET = '/files?path=/s/a';

function put(
  at: Running,
  seq: number | string,
  body: string,
  more: { epoch?: number; id?: string; query?: string } = {},
) {
  const { epoch = 0, id = 'p', query = '' } = more;
  const headers = { 'Producer-Id': id, 'Producer-Epoch': String(epoch), 'Producer-Seq': String(seq) };
  return at.call('PUT', TARGET + query, { body, headers });
}

const content = async (at: Running) => (await at.call('GET', `${TARGET}&snapshot=true`)).text;

/** The beginning of an append whose body does not end by itself. */
async function begin(at: Running, seq: number, framing: string, text: string, id = 'p') {
  const wire = await connectTo(at.port);
  wire.send(
    `PUT /api/v1${TARGET} HTTP/1.1\r\nHost: 127.0.0.1\r\nProducer-Id: ${id}\r\nProducer-Epoch: 0\r\n` +
      `Producer-Seq: ${seq}\r\n${framing}\r\n\r\n${text}`,
  );
  return wire;
}

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

describe('contract 72: appends of a producer', () => {
  it('are applied once; a repetition is 204, with the highest number applied', async () => {
    const at = await start(STREAMS);
    const first = await put(at, 0, 'one');
    expect([first.status, first.headers['producer-epoch'], first.headers['producer-seq']]).toEqual([200, '0', '0']);
    await put(at, 1, 'two');
    const again = await put(at, 0, 'one');
    expect([again.status, again.text, again.headers['producer-seq']]).toEqual([204, '', '1']);
    expect(again.headers['x-stream-end-offset']).toBe('6');
    expect(await content(at)).toBe('onetwo');
  });

  it('a gap is 409 with both numbers, and applies nothing', async () => {
    const at = await start(STREAMS);
    await put(at, 0, 'one');
    const gap = await put(at, 2, 'three');
    expect(gap.status).toBe(409);
    expect(gap.json()).toMatchObject({ code: 'PRODUCER_GAP', expected_seq: 1, received_seq: 2 });
    expect([gap.headers['producer-expected-seq'], gap.headers['producer-received-seq']]).toEqual(['1', '2']);
    expect(await content(at)).toBe('one');
  });

  it('a stream that is gone expects 0, and is not made by an append that is refused', async () => {
    const at = await start(STREAMS);
    await put(at, 0, 'one');
    await at.call('DELETE', TARGET);
    const gap = await put(at, 1, 'two');
    expect([gap.status, gap.headers['producer-expected-seq']]).toEqual([409, '0']);
    expect((await at.call('GET', '/stat?path=/s/a')).status).toBe(404);
  });

  it('at a path that can be no stream the response says that, whatever the number', async () => {
    const at = await start(STREAMS);
    await at.call('PUT', '/files?path=/s/dir/a', { body: 'x' });
    const headers = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '7' };
    for (const [path, code] of [
      ['/s/dir', 'IS_A_DIRECTORY'],
      ['/s/dir/a/b', 'NOT_A_DIRECTORY'],
    ]) {
      expect((await at.call('PUT', `/files?path=${path}`, { headers, body: 'x' })).json().code).toBe(code);
    }
  });

  it('an older epoch is 403 with the current one; a newer one begins with 0', async () => {
    const at = await start(STREAMS);
    await put(at, 0, 'a', { epoch: 1 });
    const old = await put(at, 1, 'x', { epoch: 0 });
    expect([old.status, old.headers['producer-epoch'], old.json().code]).toEqual([403, '1', 'PRODUCER_FENCED']);
    const wrong = await put(at, 1, 'x', { epoch: 2 });
    expect([wrong.status, wrong.json().code]).toEqual([400, 'PRODUCER_EPOCH_START']);
    expect((await put(at, 0, 'b', { epoch: 2 })).status).toBe(200);
    expect(await content(at)).toBe('ab');
  });

  it('headers come all three or not at all, and each is held to its range', async () => {
    const at = await start(STREAMS);
    const only = await at.call('PUT', TARGET, { body: 'x', headers: { 'Producer-Seq': '0' } });
    expect([only.status, only.json().code]).toEqual([400, 'PRODUCER_HEADERS']);
    expect(only.json().error).toContain('Producer-Id and Producer-Epoch are missing');
    for (const seq of ['-1', '1.5', 'x', '9007199254740992', '']) expect((await put(at, seq, 'x')).status).toBe(400);
    for (const id of ['a b', 'x'.repeat(129), '']) expect((await put(at, 0, 'x', { id })).status).toBe(400);
    expect((await at.call('GET', '/stat?path=/s/a')).status).toBe(404);
  });

  it('a file that is not a stream answers 501, and stays as it was', async () => {
    const at = await start(STREAMS);
    await at.call('PUT', '/files?path=/mem/f', { body: 'old' });
    const headers = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
    const response = await at.call('PUT', '/files?path=/mem/f', { body: 'new', headers });
    expect([response.status, response.json().code]).toEqual([501, 'PRODUCERS_NOT_SUPPORTED']);
    expect((await at.call('GET', '/files?path=/mem/f')).text).toBe('old');
  });

  it('the write that ends the stream is acknowledged again, although the stream has ended', async () => {
    const at = await start(STREAMS);
    expect((await put(at, 0, 'all', { query: '&end=true' })).status).toBe(200);
    expect((await put(at, 0, 'all', { query: '&end=true' })).status).toBe(204);
    const next = await put(at, 1, 'more');
    expect([next.status, next.json().code]).toEqual([409, 'STREAM_CLOSED']);
  });

  it('of a short body that breaks off nothing is applied', async () => {
    const at = await start(STREAMS);
    await put(at, 0, 'one');
    const attempt = await begin(at, 1, 'Content-Length: 6', 'two');
    attempt.socket.end();
    expect(await attempt.closed()).toContain('"written":0');
    expect(await content(at)).toBe('one');
    expect((await put(at, 1, 'twotwo')).status).toBe(200);
    expect(await content(at)).toBe('onetwotwo');
  });

  it('a long body that breaks off continues after the applied bytes', async () => {
    const at = await start(STREAMS);
    const attempt = await begin(at, 0, 'Transfer-Encoding: chunked', chunk('onetwo'));
    await waitFor(async () => (await content(at)) === 'onetwo');
    attempt.socket.destroy();
    const retry = await put(at, 0, 'onetwothree');
    expect([retry.status, retry.json().message]).toEqual([200, 'Written 11 bytes']);
    expect((await put(at, 0, 'onetwothree')).status).toBe(204);
    expect(await content(at)).toBe('onetwothree');
  });

  it('a newer attempt cuts the one under way and continues in its place', async () => {
    const at = await start(STREAMS);
    const attempt = await begin(at, 0, 'Transfer-Encoding: chunked', chunk('onetwo'));
    await waitFor(async () => (await content(at)) === 'onetwo');
    expect((await put(at, 0, 'onetwothree')).status).toBe(200);
    attempt.socket.end(`${chunk('three')}0\r\n\r\n`);
    expect(await attempt.closed()).toContain('PRODUCER_SUPERSEDED');
    expect(await content(at)).toBe('onetwothree');
  });

  it('a repetition shorter than what is applied is refused: it is another append', async () => {
    const at = await start(STREAMS);
    const attempt = await begin(at, 0, 'Transfer-Encoding: chunked', chunk('onetwo'));
    await waitFor(async () => (await content(at)) === 'onetwo');
    attempt.socket.destroy();
    const wrong = await put(at, 0, 'one');
    expect([wrong.status, wrong.json().code]).toEqual([400, 'PRODUCER_MISMATCH']);
    expect((await put(at, 0, 'onetwo')).status).toBe(200);
    expect(await content(at)).toBe('onetwo');
  });

  it('contract 89: any number of producers with an append open are remembered, beyond max_producers and producer_ttl', async () => {
    const config = { max_producers: 1, producer_ttl: '1ms' };
    const at = await start({ mounted: { '/s': { fstype: 'streamfs', config } } });
    const all = ['p', 'q', 'r'];
    const sockets = [];
    for (const id of all) sockets.push(await begin(at, 0, 'Transfer-Encoding: chunked', chunk(id), id));
    await waitFor(async () => (await content(at)).length === 3);
    for (const { socket } of sockets) socket.end(`${chunk('.')}0\r\n\r\n`);
    for (const wire of sockets) expect(await wire.closed()).toContain('HTTP/1.1 200');
    expect(await content(at)).toMatch(/^[pqr]{3}\.\.\.$/);
  });

  it('contract 89: with a generation, a removed stream is distinguished from one that was lost with another process', async () => {
    const at = await start(STREAMS);
    const { headers } = await put(at, 0, 'one');
    const own = headers['x-stream-generation'];
    const other = `${own!.toString().startsWith('0') ? '1' : '0'}${own!.slice(1)}`;
    const again = async (generation: unknown) => {
      const { status, ...response } = await put(at, 1, 'two', { query: `&generation=${generation}` });
      const { code, server_restarted } = response.json();
      return [status, code, server_restarted];
    };
    await at.call('DELETE', TARGET);
    expect(await again(own)).toEqual([404, 'STREAM_NOT_FOUND', undefined]);
    expect(await again(other)).toEqual([404, 'STREAM_NOT_FOUND', true]);
    await at.call('PUT', TARGET, { body: 'new' });
    expect(await again(own)).toEqual([409, 'STREAM_RECREATED', undefined]);
    expect(await again(other)).toEqual([409, 'STREAM_RECREATED', true]);
    expect(await content(at)).toBe('new');
  });

  it('contract 89: a shutdown is distinguished from an end and a removal, also in the middle of a body', async () => {
    const at = await start(STREAMS);
    const during = async (act: () => unknown) => {
      const wire = await begin(at, 0, 'Transfer-Encoding: chunked', chunk('x'));
      await waitFor(async () => (await content(at)) === 'x');
      await act();
      const response = await wire.closed();
      const { code, reason, written } = JSON.parse(
        response.slice(response.indexOf('{'), response.lastIndexOf('}') + 1),
      );
      return [response.slice(9, 12), code, reason, written];
    };
    expect(await during(() => at.call('POST', '/end?path=/s/a'))).toEqual(['409', 'STREAM_CLOSED', 'ended', 1]);
    const late = await put(at, 0, 'y', { id: 'q' });
    expect([late.status, late.json()]).toMatchObject([409, { code: 'STREAM_CLOSED', reason: 'ended' }]);
    await at.call('DELETE', TARGET);
    expect(await during(() => at.call('DELETE', TARGET))).toEqual(['409', 'STREAM_CLOSED', 'removed', 1]);
    expect(await during(() => at.post('/unmount', { path: '/s' }))).toEqual(['503', 'STREAM_SHUT_DOWN', undefined, 1]);
  });

  it('max_producers bounds what is remembered', async () => {
    const at = await start({ mounted: { '/s': { fstype: 'streamfs', config: { max_producers: 1 } } } });
    await put(at, 0, 'a', { id: 'p' });
    await put(at, 0, 'b', { id: 'q' });
    const forgotten = await put(at, 1, 'c', { id: 'p' });
    expect([forgotten.status, forgotten.headers['producer-expected-seq']]).toEqual([409, '0']);
  });
});
