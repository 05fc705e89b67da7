/** Redis without memory left: what goes on, and how it shows. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisLog } from '../../../src/logs/redis/index.ts';
import { TestNode } from './nodes.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

const setMemory = (bytes: string) => redis.command('CONFIG', 'SET', 'maxmemory', bytes);

describe.each([
  ['small', 100],
  ['large', 100_000],
])('a %s stream in a Redis that is full', (_, size) => {
  it('cannot be appended to, but renewed, touched, claimed, ended and removed', async () => {
    const { log } = await TestNode.start({ url: redis.url, prefix: `${randomUUID()}:`, name: 'a' });
    const terms = { retention: 1 << 20, ttl: 60_000, expiresAt: undefined, facts: 'unclaimed' };
    const { generation } = (await log.create({ path: '/a', ...terms })).stream;
    const chunks = [Buffer.alloc(size, 'x').subarray(0, Math.min(size, 65_536))];
    const append = () => log.append({ path: '/a', generation, chunks, producer: undefined });
    await append();
    await setMemory('1');
    try {
      await expect(append()).rejects.toMatchObject({ code: 'LOG_FULL' });
      await log.update('/a', generation, { isTouched: true });
      const claim = { terms: { ...terms, facts: 'claimed' }, from: 'unclaimed' };
      expect((await log.update('/a', generation, { claim })).facts).toBe('claimed');
      const ended = await log.finish('/a', generation, { reason: 'ended', status: 'done' });
      expect(ended).toMatchObject({ endOffset: chunks[0]!.length, end: { reason: 'ended', status: 'done' } });
      await log.finish('/a', generation, { reason: 'removed', status: undefined });
      expect([await log.find('/a'), await log.list('/', undefined, 10)]).toEqual([undefined, []]);
      // A repetition finds what is left of it: a node that was away does not take the stream for lost.
      const again = await log.finish('/a', generation, { reason: 'removed', status: undefined });
      expect(again.endOffset).toBe(chunks[0]!.length);
    } finally {
      await setMemory('0');
      await log.close();
    }
  });
});

it('a Redis that is full is a problem of the log until there is room, and is reported once', async () => {
  const told: string[] = [];
  const tell = (message: string) => void told.push(message);
  const logger = { debug: tell, info: tell, warn: tell, error: tell };
  const limits = { maxStreams: 10, maxProducers: 10, producerTtl: 0 };
  const url = new URL(redis.url);
  const log = createRedisLog({ url, node: 'n', prefix: `${randomUUID()}:`, deadline: 5000, limits, logger });
  await log.start();
  const create = (path: string) =>
    log.create({ path, retention: 100, ttl: undefined, expiresAt: undefined, facts: '{}' });
  await setMemory('1');
  try {
    for (const path of ['/a', '/b', '/c']) await expect(create(path)).rejects.toMatchObject({ code: 'LOG_FULL' });
    const problem = expect.stringContaining('no memory left');
    expect([log.state, told]).toEqual([expect.objectContaining({ isConnected: true, problem }), ['log is full']]);
  } finally {
    await setMemory('0');
  }
  await expect.poll(() => log.state.problem, { timeout: 5000 }).toBeUndefined();
  await create('/a');
  await log.close();
});
