/** Where Redis stores the entries of a stream while there are few of them; readers cannot tell the difference. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisLog } from '../../../src/logs/redis/index.ts';
import { waitFor } from '../../harness/wait.ts';
import { TestMirror, TestNode } from './nodes.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

const prefix = () => `${randomUUID()}:`;
const startNode = (name: string, names: string, retention?: number) =>
  TestNode.start({ url: redis.url, prefix: names, name, retention });

async function keysOf(names: string): Promise<string[]> {
  const reply = await redis.command('KEYS', `${names}{*`);
  return reply.split('\r\n').filter((line) => line.startsWith(names));
}

const text = (length: number, n: number) => Buffer.alloc(length, `${n},`);

async function append(node: TestNode, path: string, generation: string, ...chunks: readonly Buffer[]) {
  return (await node.log.append({ path, generation, chunks, producer: undefined })).endOffset;
}

describe('a small stream', () => {
  it('is one key, of at most 500 bytes with a chunk of 100 bytes', async () => {
    const names = prefix();
    const node = await startNode('a', names);
    const { generation } = await node.open('/s');
    await append(node, '/s', generation, text(100, 1));
    const keys = await keysOf(names);
    expect(keys).toHaveLength(1);
    expect(Number(await redis.command('MEMORY', 'USAGE', keys[0]!))).toBeLessThanOrEqual(500);
    await node.close();
  });

  it.each([
    { what: 'byte by byte', sizes: Array.from({ length: 40 }, () => 1) },
    { what: 'in pieces of 63 to 66 bytes', sizes: [63, 64, 65, 66, 64, 64, 64, 64, 64, 64] },
    { what: 'with one that is large from the beginning', sizes: [600, 1, 1] },
    { what: 'with one that is large after small ones', sizes: [5, 5, 70_000 - 10_000, 5] },
    { what: 'over 40 kB', sizes: Array.from({ length: 40 }, (_, n) => 1 + n * 53) },
  ])('is the same to who joins at any time as it grows $what', async ({ sizes }) => {
    const names = prefix();
    const writer = await startNode('a', names);
    const reader = await startNode('b', names);
    const { generation } = await writer.open('/s');
    const live = await reader.open('/s');
    const chunks: Buffer[] = [];
    for (const [n, size] of sizes.entries()) {
      chunks.push(text(size, n));
      const end = await append(writer, '/s', generation, chunks.at(-1)!);
      const late = new TestMirror(generation, 1 << 20);
      const node = await startNode(`c${n}`, names);
      const follower = node.log.follow('/s', generation, late);
      await follower.caughtUp;
      expect(late.endOffset).toBe(end);
      expect(late.chunks.map(({ bytes }) => Buffer.from(bytes))).toEqual(chunks);
      await node.close();
    }
    await waitFor(() => live.endOffset === writer.mirrors.get('/s')!.endOffset);
    expect(live.chunks.map(({ bytes }) => Buffer.from(bytes))).toEqual(chunks);
    expect(await keysOf(names)).toHaveLength(2);
    await writer.close();
    await reader.close();
  });

  it('keeps any bytes as they are, also such as look like numbers or have zeros', async () => {
    const names = prefix();
    const node = await startNode('a', names);
    const { generation } = await node.open('/s');
    const chunks = [
      Buffer.from('00000000000000000001'),
      Buffer.alloc(64),
      Buffer.alloc(70, '7'),
      Buffer.from([255, 0]),
    ];
    await append(node, '/s', generation, ...chunks);
    const late = new TestMirror(generation, 1 << 20);
    const other = await startNode('b', names);
    await other.log.follow('/s', generation, late).caughtUp;
    expect(late.chunks.map(({ bytes }) => Buffer.from(bytes))).toEqual(chunks);
    expect(await keysOf(names)).toHaveLength(1);
    await node.close();
    await other.close();
  });

  it('has no more of it than is retained', async () => {
    const names = prefix();
    const node = await startNode('a', names, 100);
    const { generation } = await node.open('/s');
    for (let n = 0; n < 9; n++) await append(node, '/s', generation, text(30, n));
    const late = new TestMirror(generation, 1 << 20);
    const other = await startNode('b', names, 100);
    await other.log.follow('/s', generation, late).caughtUp;
    expect(late.gaps).toEqual([{ from: 0, to: 170, chunks: 5 }]);
    expect(late.bytesFrom(170)).toEqual(
      Buffer.concat([text(30, 5).subarray(20), text(30, 6), text(30, 7), text(30, 8)]),
    );
    await node.close();
    await other.close();
  });

  it('gives a node that was behind what was appended before it was removed', async () => {
    const names = prefix();
    const node = await startNode('a', names);
    const { generation } = await node.open('/s');
    await append(node, '/s', generation, text(30, 1));
    await node.log.finish('/s', generation, { reason: 'removed', status: undefined });
    const late = new TestMirror(generation, 1 << 20);
    const other = await startNode('b', names);
    await other.log.follow('/s', generation, late).caughtUp;
    expect(late.bytesFrom(0)).toEqual(text(30, 1));
    expect(late.end_).toEqual({ reason: 'removed', status: undefined });
    await node.close();
    await other.close();
  });

  it('knows its producers', async () => {
    const names = prefix();
    const node = await startNode('a', names);
    const { generation } = await node.open('/s');
    const part = (seq: number) => ({ id: 'p', epoch: 0, seq, from: 0, isLast: true });
    const chunks = [text(20, 1)];
    for (const seq of [0, 1, 0, 1, 2]) await node.log.append({ path: '/s', generation, chunks, producer: part(seq) });
    const late = new TestMirror(generation, 1 << 20);
    const other = await startNode('b', names);
    await other.log.follow('/s', generation, late).caughtUp;
    expect([late.endOffset, late.chunkCount]).toEqual([60, 3]);
    await node.close();
    await other.close();
  });

  it('comes back from the nodes where Redis has lost it, which is logged with offset and bytes, and grows on', async () => {
    const own = await startRedis();
    const names = prefix();
    const warned: unknown[] = [];
    const node = createRedisLog({
      url: new URL(own.url),
      node: 'a',
      prefix: names,
      deadline: 20_000,
      limits: { maxStreams: 10, maxProducers: 10, producerTtl: 0 },
      logger: { ...console, warn: (message: string, facts?: object) => void warned.push({ message, ...facts }) },
    });
    await node.start();
    const terms = { retention: 1 << 20, ttl: undefined, expiresAt: undefined, facts: '{}' };
    const { stream } = await node.create({ path: '/s', ...terms });
    const { generation } = stream;
    const mirror = new TestMirror(generation, 1 << 20);
    await node.follow('/s', generation, mirror).caughtUp;
    const add = (n: number) => node.append({ path: '/s', generation, chunks: [text(90, n)], producer: undefined });
    for (let n = 0; n < 3; n++) await add(n);
    await own.kill();
    await own.restart();
    for (let n = 3; n < 9; n++) await add(n);
    const what = { path: '/s', offset: 0, bytes: 270, count: 1 };
    expect(warned).toContainEqual({ message: 'a stream lost by the log was restored', ...what });
    expect(warned).toContainEqual({ message: 'bytes lost by the log were restored', ...what });
    const late = new TestMirror(generation, 1 << 20);
    const other = await TestNode.start({ url: own.url, prefix: names, name: 'b' });
    await other.log.follow('/s', generation, late).caughtUp;
    expect(late.chunks.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      Array.from({ length: 9 }, (_, n) => text(90, n)),
    );
    await node.close();
    await other.close();
    await own.close();
  });
});
