/** Nodes with wrong clocks: everything that depends on time uses the clock of Redis. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { TestMirror, TestNode } from './nodes.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const TERMS = { retention: 1000, ttl: undefined, expiresAt: undefined, facts: '{}' };
const HOUR_MS = 60 * 60 * 1000;
const { now } = Date;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());
afterEach(() => vi.restoreAllMocks());

const setClocks = (by: number) => vi.spyOn(Date, 'now').mockImplementation(() => now() + by);
const hex = (time: number) => Math.floor(time).toString(16).padStart(12, '0');

describe('contract 106: a node whose clock is wrong', () => {
  it.each([-HOUR_MS, HOUR_MS])('by %i ms makes generations by the clock of Redis', async (by) => {
    const node = await TestNode.start({ url: redis.url, prefix: `${randomUUID()}:`, name: 'a' });
    setClocks(by);
    const { stream } = await node.log.create({ path: '/a', ...TERMS });
    expect(Math.abs(Number.parseInt(stream.generation.slice(0, 12), 16) - now())).toBeLessThan(60_000);
    await node.close();
  });

  it('by an hour ahead does not take for left behind what another is just making, and does what was left behind', async () => {
    const prefix = `${randomUUID()}:`;
    const node = await TestNode.start({ url: redis.url, prefix, name: 'a' });
    setClocks(HOUR_MS);
    const members = () => redis.command('ZRANGE', `${prefix}index`, '0', '-1');
    const reserve = (name: string, at: number) =>
      redis.command('ZADD', `${prefix}index`, '0', `\0${name}\0\0${hex(at)}deadbeef`);
    await reserve('new', now());
    await reserve('old', now() - 2 * 60_000);
    expect(await node.log.list('/', undefined, 10)).toEqual([]);
    expect(await members()).toMatch(/new/);
    expect(await members()).not.toMatch(/old/);
    // It does not become a directory either.
    await expect(node.log.create({ path: '/new/b', ...TERMS })).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
    await node.close();
  });

  it('by an hour ahead makes a stream again that Redis has lost, though by its own clock its time were over', async () => {
    const prefix = `${randomUUID()}:`;
    const node = await TestNode.start({ url: redis.url, prefix, name: 'a' });
    const terms = { ...TERMS, expiresAt: now() + HOUR_MS / 2 };
    const { stream } = await node.log.create({ path: '/a', ...terms });
    const mirror = new TestMirror(stream.generation, 1000);
    await node.log.follow('/a', stream.generation, mirror).caughtUp;
    setClocks(HOUR_MS);
    await redis.command('FLUSHALL');
    const found = await waitFor(() => node.log.find('/a'));
    expect([found.generation, mirror.end_]).toEqual([stream.generation, undefined]);
    await node.close();
  });

  it('lets a stream that Redis has lost be over where its time is over', async () => {
    const prefix = `${randomUUID()}:`;
    const node = await TestNode.start({ url: redis.url, prefix, name: 'a' });
    const { stream } = await node.log.create({ path: '/a', ...TERMS, expiresAt: now() + 700 });
    const mirror = new TestMirror(stream.generation, 1000);
    await node.log.follow('/a', stream.generation, mirror).caughtUp;
    await redis.command('FLUSHALL');
    setClocks(-HOUR_MS);
    await waitFor(() => mirror.end_ !== undefined);
    expect(mirror.end_).toMatchObject({ reason: 'expired' });
    await node.close();
  });
});
