/** Redis loses that a producer's append was complete, which is not part of a batch and thus of no mirror. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { TestNode } from './nodes.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

describe('contract 106: a producer whose append a node has acknowledged', () => {
  it('continues on another node after Redis has lost everything', async () => {
    const prefix = `${randomUUID()}:`;
    const nodes = await Promise.all(['a', 'b'].map((name) => TestNode.start({ url: redis.url, prefix, name })));
    const mirrors = [await nodes[0]!.open('/a'), await nodes[1]!.open('/a')];
    const { generation } = mirrors[0]!;
    for (let seq = 0; seq < 4; seq++) {
      const { log } = nodes[seq % 2]!;
      const producer = { id: 'p', epoch: 0, seq, isLast: false };
      await log.append({ path: '/a', generation, chunks: [Buffer.from('xy')], producer: { ...producer, from: 0 } });
      const last = { ...producer, from: 2, isLast: true };
      expect(await log.append({ path: '/a', generation, chunks: [], producer: last })).toMatchObject({ lastSeq: seq });
      // It is published before the response, and arrives after it.
      const marker = await log.append({ path: '/a', generation, chunks: [Buffer.from('.')], producer: undefined });
      await waitFor('the other node has it', () => mirrors.every(({ endOffset }) => endOffset >= marker.endOffset));
      await redis.command('FLUSHALL');
    }
    expect(mirrors.map((mirror) => mirror.bytesFrom(0).toString())).toEqual(['xy.xy.xy.xy.', 'xy.xy.xy.xy.']);
    for (const node of nodes) await node.close();
  });

  it('continues with the next one after Redis has lost everything, and each is applied once', async () => {
    const prefix = `${randomUUID()}:`;
    const node = await TestNode.start({ url: redis.url, prefix, name: 'a' });
    const mirror = await node.open('/a');
    const { generation } = mirror;
    const part = (seq: number, from: number, text: string, isLast: boolean) =>
      node.log.append({
        ...{ path: '/a', generation, chunks: text === '' ? [] : [Buffer.from(text)] },
        producer: { id: 'p', epoch: 0, seq, from, isLast },
      });
    for (let seq = 0; seq < 3; seq++) {
      await part(seq, 0, `${seq}:`, false);
      await part(seq, 2, 'more;', false);
      expect(await part(seq, 7, '', true)).toMatchObject({ lastSeq: seq });
      await redis.command('FLUSHALL');
    }
    expect(await part(2, 0, '2:more;', true)).toMatchObject({
      isRepeated: false,
      applied: 0,
      lastSeq: 2,
      endOffset: 21,
    });
    expect(await part(3, 0, '3', true)).toMatchObject({ lastSeq: 3, endOffset: 22 });
    expect(mirror.bytesFrom(0).toString()).toBe('0:more;1:more;2:more;3');
    await expect(part(5, 0, 'x', true)).rejects.toMatchObject({ code: 'PRODUCER_GAP', details: { expected_seq: 4 } });
    await node.close();
  });

  it('is refused a number after one that was not completed', async () => {
    const node = await TestNode.start({ url: redis.url, prefix: `${randomUUID()}:`, name: 'a' });
    const { generation } = await node.open('/a');
    const producer = (seq: number, isLast: boolean) => ({ id: 'p', epoch: 0, seq, from: 0, isLast });
    const append = (seq: number, isLast: boolean) =>
      node.log.append({ path: '/a', generation, chunks: [Buffer.from('x')], producer: producer(seq, isLast) });
    await append(0, true);
    await append(1, false);
    await redis.command('FLUSHALL');
    await expect(append(2, true)).rejects.toMatchObject({ code: 'PRODUCER_GAP', details: { expected_seq: 1 } });
    await node.close();
  });
});
