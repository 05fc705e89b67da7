/** Data that a client sends after a request that is still being answered: unread bodies, and further requests. */

import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/core/index.ts';
import { LimitCounters } from '../../src/fs/index.ts';
import { DEFAULT_LIMITS } from '../../src/server/index.ts';
import { waitFor } from '../harness/wait.ts';
import { connectTo } from '../harness/wire.ts';
import { type Running, start } from './harness.ts';

const MAX_WAITING = DEFAULT_LIMITS.waitingRequests;
const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };
const LIVE = 'GET /api/v1/files?path=/s/live&stream=true HTTP/1.1\r\nHost: x\r\n';
const readersOf = ({ mounts }: Running) => mounts.totals()[0]!.totals.readers;
const put = (path: string, body: string) =>
  `PUT /api/v1/files?path=${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('requests after a live read', () => {
  it.each([
    ['what is not a request', `\r\n${'x'.repeat(1_000_000)}`],
    ['a write that is not all there', `\r\n${put('/s/other', 'x'.repeat(9_000_000)).slice(0, 1_000_000)}`],
    ['more live reads', `\r\n${`${LIVE}\r\n`.repeat(50)}`],
  ])('contract 26: %s does not hide that its client has gone', async (_, rest) => {
    const server = await start(STREAMS);
    const one = await connectTo(server.port);
    one.send(LIVE);
    one.send(rest);
    await one.until('HTTP/1.1 200');
    // Whatever was sent with it, there is one reader, and it is served.
    await waitFor(() => readersOf(server) === 1);
    await server.call('PUT', '/files?path=/s/live', { body: 'here' });
    await one.until('here');
    one.socket.destroy();
    await waitFor(() => readersOf(server) === 0);
  });

  it('is not carried out: the response says that it is the last', async () => {
    const server = await start(STREAMS);
    const one = await connectTo(server.port);
    one.send(`${LIVE}\r\n${put('/s/with', 'x')}`);
    expect((await one.until('\r\n\r\n')).toLowerCase()).toContain('connection: close');
    one.send(put('/s/later', 'x'));
    await server.call('PUT', '/files?path=/s/live', { body: 'x' });
    await server.call('POST', '/end?path=/s/live');
    const text = await one.closed();
    expect(text.match(/HTTP\/1.1/g)).toHaveLength(1);
    for (const path of ['/s/with', '/s/later']) {
      expect((await server.call('GET', `/stat?path=${path}`)).status).toBe(404);
    }
  });
});

describe('requests that are sent without waiting for responses', () => {
  it('are carried out one after the other', async () => {
    const server = await start(STREAMS);
    const one = await connectTo(server.port);
    const lines = Array.from({ length: 50 }, (_, n) => `line ${n}\n`);
    one.send(lines.map((line) => put('/s/a', line)).join(''));
    one.send('GET /api/v1/files?path=/s/a&snapshot=true HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await one.closed()).toContain(lines.join(''));
  });

  it('wait in the order in which they came, also for one that takes its time', async () => {
    const server = await start(STREAMS);
    const { handle_id: id } = (await server.call('POST', '/handles/open?path=/s/a')).json();
    const one = await connectTo(server.port);
    one.send(`GET /api/v1/handles/${id}/read?timeout=60s HTTP/1.1\r\nHost: x\r\n\r\n${put('/s/b', 'behind')}`);
    await waitFor(async () => (await server.call('GET', '/stats')).json().connections === 2);
    expect((await server.call('GET', '/stat?path=/s/b')).status).toBe(404);
    await server.call('PUT', '/files?path=/s/a', { body: 'first' });
    const text = await one.until('Written 6 bytes');
    expect(text.indexOf('first')).toBeGreaterThan(0);
    one.socket.destroy();
  });

  it('whose body breaks while they wait are refused when it is their turn', async () => {
    const server = await start(STREAMS);
    const { handle_id: id } = (await server.call('POST', '/handles/open?path=/s/a')).json();
    const one = await connectTo(server.port);
    one.send(`GET /api/v1/handles/${id}/read?timeout=60s HTTP/1.1\r\nHost: x\r\n\r\n`);
    one.send('PUT /api/v1/files?path=/s/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n');
    await waitFor(async () => (await server.call('GET', '/stats')).json().connections === 2);
    await server.call('PUT', '/files?path=/s/a', { body: 'first' });
    expect(await one.closed()).toContain('BODY_BROKE_OFF');
  });

  it('are limited: a connection with one too many gets the responses before it, a refusal, and is closed', async () => {
    const memory = new MemoryBudget(64 * 1024 * 1024);
    const counters = new LimitCounters();
    const server = await start({ ...STREAMS, memory, counters });
    const before = memory.fixed;
    const { handle_id: id } = (await server.call('POST', '/handles/open?path=/s/a')).json();
    const opened = memory.fixed;
    const version = 'GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n';
    const first = `GET /api/v1/handles/${id}/read?timeout=60s HTTP/1.1\r\nHost: x\r\n\r\n`;
    const patient = await connectTo(server.port);
    patient.send(first + version.repeat(MAX_WAITING));
    // Each is charged while it waits.
    await waitFor(() => memory.fixed > opened + MAX_WAITING * 1024);
    const greedy = await connectTo(server.port);
    greedy.send(first + version.repeat(MAX_WAITING + 500));
    await waitFor(async () => (await server.call('GET', '/stats')).json().connections === 3);
    expect(memory.fixed).toBeLessThan(opened + 3 * MAX_WAITING * 4096);
    await server.call('PUT', '/files?path=/s/a', { body: 'x' });
    // One of the two readers of the handle gets these bytes, the other the next ones.
    await server.call('PUT', '/files?path=/s/a', { body: 'y' });
    const text = await greedy.closed();
    expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(1 + MAX_WAITING);
    expect(text).toMatch(/HTTP\/1.1 429 Too Many Requests[\s\S]*Retry-After: 1\r\n/);
    expect(JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n')))).toMatchObject({
      ...{ code: 'WAITING_LIMIT', limit: 'waiting_requests', max: MAX_WAITING },
    });
    expect(counters.get('waiting_requests')).toBe(1);
    await waitFor(() => memory.fixed < opened + 64 * 1024);
    patient.socket.destroy();
    await server.call('DELETE', `/handles/${id}`);
    await server.call('DELETE', '/files?path=/s/a');
    await waitFor(() => memory.fixed === before);
  });

  it('contract 28: learn that the server stops', async () => {
    const server = await start(STREAMS);
    const { handle_id: id } = (await server.call('POST', '/handles/open?path=/s/a')).json();
    const one = await connectTo(server.port);
    one.send(`GET /api/v1/handles/${id}/read?timeout=60s HTTP/1.1\r\nHost: x\r\n\r\n${put('/s/b', 'behind')}`);
    await waitFor(async () => (await server.call('GET', '/stats')).json().connections === 2);
    const stopped = server.stop();
    const text = await one.closed();
    expect(text).toMatch(/HTTP\/1.1 200[\s\S]*HTTP\/1.1 503[\s\S]*SHUTTING_DOWN/);
    await stopped;
  });
});
