import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/core/index.ts';
import { HeapMemory } from '../../../src/server/limits/heap-memory.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo, type Wire } from '../../harness/wire.ts';
import { start } from '../harness.ts';

const KB = 1024;
const MB = 1024 * KB;

const lines = (count: number) => Array.from({ length: count }, (_, n) => `a${n}: ${n}\r\n`).join('');
const request = (headers = '', target = '/health') => `GET /api/v1${target} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
const statusesIn = (text: string) => [...text.matchAll(/HTTP\/1.1 (\d+) /g)].map((match) => Number(match[1]));

/** A connection on which requests wait after a read of a handle, until the stream is written to. */
async function held(
  port: number,
  call: (method: string, target: string) => Promise<{ json: () => Record<string, unknown> }>,
): Promise<Wire> {
  const { id } = (await call('POST', '/handles/open?path=/s/a')).json();
  const client = await connectTo(port);
  client.send(request('', `/handles/${id}/read`));
  return client;
}

describe('header lines', () => {
  it.each([
    ['of a request that node:http reads', ''],
    ['of a live read', '/files?path=/s/a&stream=true'],
  ])('contract 95: %s: as many as are allowed are taken, one more is 431 and the end', async (_, target) => {
    const server = await start({ mounted: { '/s': 'streamfs' }, limits: { headerLines: 20 } });
    const asked = target === '' ? '/health' : target;
    const good = await connectTo(server.port);
    good.send(request(lines(19), asked));
    expect(statusesIn(await good.until('\r\n\r\n'))).toEqual([200]);
    good.socket.destroy();
    const bad = await connectTo(server.port);
    bad.send(request(lines(20), asked) + request());
    const response = await bad.closed();
    expect(statusesIn(response)).toEqual([431]);
    expect(response).toMatch(/^Connection: close\r$/m);
    expect(JSON.parse(response.slice(response.indexOf('\r\n\r\n')))).toMatchObject({
      error: 'request has too many header lines: 20 are allowed',
      code: 'TOO_MANY_HEADERS',
      limit: 'header_lines',
      max: 20,
    });
  });

  it('contract 95: too many are refused by default also where they are many hundred, and nothing is done', async () => {
    const server = await start({ mounted: { '/s': 'streamfs' } });
    for (const count of [100, 150, 1000]) {
      const client = await connectTo(server.port);
      client.send(`POST /api/v1/files?path=/s/new HTTP/1.1\r\nHost: x\r\n${lines(count)}\r\n`);
      expect(statusesIn(await client.closed())).toEqual([431]);
    }
    expect((await server.call('GET', '/stat?path=/s/new')).status).toBe(404);
  });

  it('are not bounded where the limit is 0', async () => {
    const server = await start({ limits: { headerLines: 0 } });
    const client = await connectTo(server.port);
    client.send(request(lines(1200)));
    expect(statusesIn(await client.until('\r\n\r\n'))).toEqual([200]);
    client.socket.destroy();
  });
});

describe('requests that wait', () => {
  it('contract 95: are charged for their heads, and refused in their turn if there is no memory', async () => {
    const memory = new MemoryBudget(2 * MB);
    const server = await start({ mounted: { '/s': 'streamfs' }, memory });
    const client = await held(server.port, server.call);
    const head = request(`Long: ${'x'.repeat(12 * KB)}\r\n`);
    client.send(head.repeat(10));
    await waitFor(() => memory.fixed >= 10 * 2 * 12 * KB);
    const before = memory.fixed;
    client.send(head.repeat(80));
    await waitFor(() => memory.fixed > MB);
    expect(memory.fixed - before).toBeLessThan(80 * 2 * 12 * KB);
    // There is no room for another connection's either.
    await server.mounts.write('/s/a', Buffer.from('x'));
    const statuses = statusesIn(await client.closed());
    expect(statuses.at(-1)).toBe(503);
    expect(new Set(statuses.slice(0, -1))).toEqual(new Set([200]));
    await waitFor(() => memory.fixed < 100 * KB);
  });

  it('contract 95: give their memory back with their connection', async () => {
    const memory = new MemoryBudget(8 * MB);
    const server = await start({ mounted: { '/s': 'streamfs' }, memory });
    const client = await held(server.port, server.call);
    client.send(request(lines(90)).repeat(50));
    await waitFor(() => memory.fixed > 50 * 90 * 100);
    client.socket.destroy();
    await waitFor(() => memory.fixed < 100 * KB);
  });

  it('contract 95: a long head is charged also where its request does not wait', async () => {
    const memory = new MemoryBudget(8 * MB);
    const server = await start({ mounted: { '/s': 'streamfs' }, memory });
    const { id } = (await server.call('POST', '/handles/open?path=/s/a')).json();
    const before = memory.fixed;
    const client = await connectTo(server.port);
    client.send(request(`Long: ${'x'.repeat(12 * KB)}\r\n`, `/handles/${id}/read`));
    await waitFor(() => memory.fixed > before + 16 * KB + 12 * KB);
    await server.call('PUT', '/files?path=/s/a', { body: 'x' });
    await client.until('X-EOF');
    await waitFor(() => memory.fixed < before + 20 * KB);
    client.socket.destroy();
  });
});

describe('memory in the heap', () => {
  it('contract 95: is bounded by a quarter of the heap, however much there is besides', () => {
    const heap = new HeapMemory(new MemoryBudget(0), 4 * MB);
    expect([heap.tryTake(MB), heap.tryTake(1), heap.limit]).toEqual([true, false, MB]);
    heap.give(MB);
    expect(heap.tryTake(MB)).toBe(true);
  });

  it('is part of the memory of the server', () => {
    const memory = new MemoryBudget(2 * MB);
    const heap = new HeapMemory(memory, 100 * MB);
    expect([heap.tryTake(MB), memory.fixed]).toEqual([true, MB]);
    expect([heap.tryTake(MB), memory.fixed]).toEqual([false, MB]);
    heap.give(MB);
    expect(memory.fixed).toBe(0);
  });
});
