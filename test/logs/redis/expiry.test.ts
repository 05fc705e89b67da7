/** When Redis itself deletes the keys of a stream: always all at once, however its life is extended. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestMirror, TestNode } from './nodes.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

const HOUR_MS = 60 * 60 * 1000;
const PATH = '/a';

interface Opened {
  readonly node: TestNode;
  readonly generation: string;
  readonly expiries: () => Promise<Map<string, number>>;
  readonly append: (seq: number, options?: { isLast?: boolean; size?: number }) => Promise<unknown>;
}

/** A stream with a time to live of an hour, and what its keys are called and when they expire. */
async function open(facts = 'unclaimed'): Promise<Opened> {
  const prefix = `${randomUUID()}:`;
  const node = await TestNode.start({ url: redis.url, prefix, name: 'a' });
  const { stream } = await node.log.create({
    ...{ path: PATH, retention: 1 << 20, ttl: HOUR_MS, expiresAt: undefined, facts },
  });
  const { generation } = stream;
  const expiries = async () => {
    const keys = (await redis.command('KEYS', `${prefix}{*`)).split('\r\n').filter((line) => line.startsWith(prefix));
    const times = await Promise.all(keys.map((key) => redis.command('PEXPIRETIME', key)));
    return new Map(keys.map((key, n) => [key.slice(prefix.length), Number(times[n])]));
  };
  const append: Opened['append'] = (seq, { isLast = true, size = 100 } = {}) =>
    node.log.append({
      ...{ path: PATH, generation, chunks: [Buffer.alloc(size, 'x')] },
      producer: { id: isLast ? 'p' : 'broken', epoch: 0, seq, from: 0, isLast },
    });
  return { node, generation, expiries, append };
}

/** Requires that all keys expire at one time, later than `after`. @returns that time */
async function together({ expiries }: Opened, keys: number, after = 0): Promise<number> {
  const found = await expiries();
  expect(found.size).toBe(keys);
  const times = [...new Set(found.values())];
  expect(times, JSON.stringify([...found])).toHaveLength(1);
  expect(times[0]).toBeGreaterThan(after);
  return times[0]!;
}

const later = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('the keys of a stream with a time to live', () => {
  it('expire together after appends of every kind, and after a renewal', async () => {
    const opened = await open();
    let at = await together(opened, 1);
    const changes = [
      { keys: 3, change: () => opened.append(0) },
      { keys: 5, change: () => opened.append(0, { isLast: false, size: 600 }) },
      { keys: 5, change: () => opened.append(0) },
      { keys: 5, change: () => opened.node.log.update(PATH, opened.generation, {}) },
      { keys: 5, change: () => opened.node.log.update(PATH, opened.generation, { isTouched: true }) },
    ];
    for (const { change, keys } of changes) {
      await later();
      await change();
      at = await together(opened, keys, at);
    }
    await opened.node.close();
  });

  it('stay together, without an expiry, after a claim without a time to live', async () => {
    const opened = await open();
    await opened.append(0, { size: 600 });
    const terms = { retention: 100, ttl: undefined, expiresAt: undefined, facts: 'claimed' };
    await opened.node.log.update(PATH, opened.generation, { claim: { terms, from: 'unclaimed' } });
    expect(new Set((await opened.expiries()).values())).toEqual(new Set([-1]));
    await opened.node.close();
  });

  it('expire together after Redis has lost them and a node has restored them', async () => {
    const opened = await open();
    const mirror = new TestMirror(opened.generation, 1 << 20);
    await opened.node.log.follow(PATH, opened.generation, mirror).caughtUp;
    await opened.append(0, { size: 600 });
    await opened.append(0, { isLast: false });
    await redis.command('FLUSHALL');
    await opened.append(1);
    await together(opened, 5);
    await opened.node.close();
  });
});
