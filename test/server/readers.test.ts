import { describe, expect, it } from 'vitest';

import { type Clock, systemClock } from '../../src/fs/index.ts';
import type { ReaderInfo } from '../../src/protocol/index.ts';
import { FakeClock } from '../fs/fake-clock.ts';
import { waitFor } from '../harness/wait.ts';
import { connectTo } from '../harness/wire.ts';
import { follow, type Running, start } from './harness.ts';

const MB = 1024 * 1024;
const SECOND = 1000;
const READ = (path: string, more = '') => `/files?path=${path}&stream=true${more}`;

interface List {
  readers: ReaderInfo[];
  count: number;
  next?: number;
}

const streams = (config: Record<string, unknown> = {}, clock: Clock = systemClock) =>
  start({ mounted: { '/s': { fstype: 'streamfs', config }, '/t': 'streamfs', '/mem': 'memfs' }, clock });
const list = async (at: Running, query = '') => (await at.call('GET', `/readers${query}`)).json() as unknown as List;
const paths = async (at: Running, query = '') => (await list(at, query)).readers.map(({ path }) => path);

describe('GET /readers', () => {
  it('contract 8, 19: says of each where it stands, what it got and what it lost', async () => {
    const at = await streams({ ring_buffer_size: '10B', channel_buffer_size: '10B' });
    await at.call('PUT', '/files?path=/s/a', { body: '0123456789' });
    const raw = await follow(at.port, READ('/s/a', '&on_lag=drop-newest'));
    const framed = await follow(at.port, READ('/s/a', '&format=frames&from=live'));
    const handle = (await at.call('POST', '/handles/open?path=/s/a')).json();
    await raw.until(10);
    await at.call('PUT', '/files?path=/s/a', { body: 'abc' });
    await raw.until(13);
    const { readers, count, next } = await list(at);
    const { generation, ...rest } = readers[0]!;
    expect(rest).toEqual({
      ...{ id: expect.any(Number), path: '/s/a', address: `127.0.0.1:${raw.res.socket.localPort}`, kind: 'raw' },
      ...{ since: expect.stringMatching(/^\d{4}-.*T.*\.\d{3}Z$/), policy: 'drop-newest', state: 'live' },
      ...{ offset: 13, lag: 0, allowed_lag: 10, bytes: 13, skipped_bytes: 0, skipped_chunks: 0 },
    });
    expect(generation).toBe(raw.res.headers['x-stream-generation']);
    expect(readers[1]).toMatchObject({ kind: 'frames', bytes: 3, offset: 13, policy: 'drop-oldest' });
    expect(readers[2]).toMatchObject({
      ...{ kind: 'handle', handle: handle.handle_id, state: 'catching-up', offset: 0, lag: 13, bytes: 0 },
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    expect({ count, next }).toEqual({ count: 3, next: undefined });
    expect(readers.map(({ id }) => id)).toEqual(readers.map(({ id }) => id).sort((a, b) => a - b));
    for (let n = 0; n < 3; n++) await at.call('PUT', '/files?path=/s/a', { body: 'abcdef'.repeat(200) });
    await at.call('GET', `/handles/${String(handle.handle_id)}/read`);
    const after = (await list(at)).readers;
    const sum = (key: 'skipped_bytes' | 'skipped_chunks') => after.reduce((all, reader) => all + reader[key], 0);
    const stat = (await at.call('GET', '/stat?path=/s/a')).json().meta as { Content: Record<string, string> };
    expect(after[2]!.skipped_bytes).toBeGreaterThan(0);
    expect(stat.Content).toMatchObject({
      skipped_bytes: String(sum('skipped_bytes')),
      skipped_chunks: String(sum('skipped_chunks')),
    });
    raw.cut();
    framed.cut();
    await waitFor(() => at.mounts.totals()[0]!.totals.readers === 1);
    expect(await paths(at)).toEqual(['/s/a']);
  });

  it('contract 41: answers 404 for a path that does not exist, as stat does', async () => {
    const at = await streams();
    for (const path of ['/s/absent', '/mem/absent', '/absent']) {
      const [list, stat] = [await at.call('GET', `/readers?path=${path}`), await at.call('GET', `/stat?path=${path}`)];
      expect([list.status, list.json()], path).toEqual([404, stat.json()]);
    }
  });

  it('lists those of a stream, a directory or a mount, and in parts', async () => {
    const at = await streams();
    for (const path of ['/s/a', '/s/a', '/s/b/c', '/s/b/d', '/t/a', '/s/ab']) {
      await (await follow(at.port, READ(path))).until(0);
    }
    await waitFor(() => at.mounts.totals().reduce((sum, { totals }) => sum + totals.readers, 0) === 6);
    expect(await paths(at, '?path=/s/a')).toEqual(['/s/a', '/s/a']);
    expect(await paths(at, '?path=s/b/')).toEqual(['/s/b/c', '/s/b/d']);
    expect(await paths(at, '?path=/t')).toEqual(['/t/a']);
    expect(await paths(at, '?path=/')).toHaveLength(6);
    await at.call('PUT', '/files?path=/s/unread', { body: 'x' });
    expect(await paths(at, '?path=/s/unread')).toEqual([]);
    expect(await paths(at, '?path=/mem')).toEqual([]);
    const first = await list(at, '?path=/s&limit=2');
    expect(first).toMatchObject({ count: 5, next: first.readers[1]!.id });
    const second = await list(at, `?path=/s&limit=3&after=${first.next}`);
    expect(second.next).toBeUndefined();
    expect([...first.readers, ...second.readers].map(({ path }) => path)).toEqual(await paths(at, '?path=/s'));
    for (const wrong of ['limit=0', 'limit=10001', 'limit=x', 'after=-1', 'path=/a/../b', 'path=']) {
      expect((await at.call('GET', `/readers?${wrong}`)).status, wrong).toBe(400);
    }
  });

  it('knows a handle that is being sent as a stream as one reader, with its connection', async () => {
    const at = await streams();
    const { handle_id: id } = (await at.call('POST', '/handles/open?path=/s/a')).json();
    const live = await follow(at.port, `/handles/${String(id)}/stream`);
    await at.call('PUT', '/files?path=/s/a', { body: 'abc' });
    await live.until(3);
    expect((await list(at)).readers).toMatchObject([
      { kind: 'raw', handle: id, bytes: 3, address: `127.0.0.1:${live.res.socket.localPort}` },
    ]);
    live.cut();
    await waitFor(() => at.mounts.totals()[0]!.totals.readers === 0);
  });

  it('shows a reader whose stream was removed while it was behind, and that its peer takes nothing', async () => {
    const clock = new FakeClock();
    const at = await streams({ ring_buffer_size: '32MB', channel_buffer_size: '32MB' }, clock);
    await at.call('PUT', '/files?path=/s/a', { body: Buffer.alloc(24 * MB) });
    const stalled = await connectTo(at.port);
    stalled.socket.pause();
    stalled.send(`GET /api/v1${READ('/s/a')} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waitFor(() => at.mounts.totals()[0]!.totals.readers === 1);
    const one = async () => (await list(at)).readers[0]!;
    expect((await one()).state).toBe('catching-up');
    await at.call('DELETE', '/files?path=/s/a');
    expect(await one()).toMatchObject({ path: '/s/a', state: 'ending' });
    expect(await paths(at, '?path=/s/a')).toEqual(['/s/a']);
    while ((await one()).state !== 'stalled') clock.advance(SECOND);
    expect((await one()).lag).toBeGreaterThan(0);
    stalled.socket.destroy();
    await waitFor(() => at.mounts.totals()[0]!.totals.readers === 0);
    expect(await list(at)).toEqual({ readers: [], count: 0 });
    expect((await at.call('GET', '/readers?path=/s/a')).status).toBe(404);
  });
});

describe('DELETE /readers/ID', () => {
  it('ends a live read with the reason in its trailer or end frame, and no other read', async () => {
    const at = await streams();
    await at.call('PUT', '/files?path=/s/a', { body: 'abc' });
    const [raw, framed, stays] = [
      await follow(at.port, READ('/s/a')),
      await follow(at.port, READ('/s/a', '&format=frames')),
      await follow(at.port, READ('/s/a')),
    ];
    for (const one of [raw, framed, stays]) await one.until(3);
    const { readers } = await list(at);
    for (const { id } of readers.slice(0, 2)) {
      const response = await at.call('DELETE', `/readers/${id}`);
      expect(response).toMatchObject({ status: 200, text: '{"message":"reader kicked"}\n' });
    }
    expect(await raw.end()).toBe('abc');
    expect(raw.res.trailers).toMatchObject({ 'x-stream-end': 'kicked', 'x-stream-end-offset': '3' });
    expect((await framed.end()).endsWith('kicked')).toBe(true);
    await at.call('PUT', '/files?path=/s/a', { body: 'def' });
    expect(await stays.until(6)).toBe('abcdef');
    expect((await list(at)).readers.map(({ id }) => id)).toEqual([readers[2]!.id]);
    expect(at.log.filter(({ message }) => message === 'reader kicked').map(({ facts }) => facts)).toMatchObject([
      { reader: readers[0]!.id, stream: '/s/a', address: readers[0]!.address },
      { reader: readers[1]!.id },
    ]);
  });

  it('closes a handle, ends the read that waits on it, and the live read of it', async () => {
    const at = await streams();
    const open = async () => String((await at.call('POST', '/handles/open?path=/s/a')).json().handle_id);
    const [waits, streamed] = [await open(), await open()];
    const waiting = at.call('GET', `/handles/${waits}/read`);
    const live = await follow(at.port, `/handles/${streamed}/stream`);
    await live.until(0);
    for (const { id } of (await list(at)).readers) await at.call('DELETE', `/readers/${id}`);
    expect((await waiting).status).toBe(404);
    await live.end();
    expect(live.res.trailers).toMatchObject({ 'x-stream-end': 'kicked' });
    expect(at.handles.size).toBe(0);
    expect(await list(at)).toEqual({ readers: [], count: 0 });
  });

  it('cuts a peer that does not take in the end, so that nothing of it is left', async () => {
    const clock = new FakeClock();
    const at = await streams({ ring_buffer_size: '32MB', channel_buffer_size: '32MB' }, clock);
    await at.call('PUT', '/files?path=/s/a', { body: Buffer.alloc(24 * MB) });
    const stalled = await connectTo(at.port);
    stalled.socket.pause();
    stalled.send(`GET /api/v1${READ('/s/a')} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waitFor(() => at.mounts.totals()[0]!.totals.readers === 1);
    const [{ id }] = (await list(at)).readers as [ReaderInfo];
    expect((await at.call('DELETE', `/readers/${id}`)).status).toBe(200);
    expect(at.mounts.totals()[0]!.totals.readers).toBe(0);
    const connections = async () => Number((await at.call('GET', '/stats')).json().connections);
    clock.advance(4 * SECOND);
    expect(await connections()).toBe(2);
    clock.advance(SECOND);
    await waitFor('the connection to be cut', async () => (await connections()) === 1);
    expect((await at.call('DELETE', `/readers/${id}`)).json()).toMatchObject({ code: 'READER_NOT_FOUND' });
  });

  it('refuses what is not a number, and numbers that no reader has', async () => {
    const at = await streams();
    expect((await at.call('DELETE', '/readers/7x')).json()).toMatchObject({ code: 'INVALID_PARAMETER' });
    expect((await at.call('DELETE', '/readers/123456789')).json()).toEqual({
      error: 'no such reader: 123456789',
      code: 'READER_NOT_FOUND',
    });
    expect((await at.call('GET', '/readers/1')).status).toBe(405);
  });
});
