/** How a follower processes messages, without an engine. */
import { describe, expect, it } from 'vitest';
import type { LogEnd, LogSink } from '../../../src/logs/log.ts';
import type { Reply } from '../../../src/logs/redis/driver.ts';
import type { Subscriber } from '../../../src/logs/redis/engine.ts';
import { Follower, type FollowerHost, type Forked } from '../../../src/logs/redis/follower.ts';
import { NodeNames, Tags } from '../../../src/logs/redis/tags.ts';

const GENERATION = '0193abcdef01deadbeef';
const LONG = 32 * 1024;

class Sink implements LogSink {
  readonly chunks: Uint8Array[] = [];
  endOffset = 0;
  chunkCount = 0;
  facts(): void {}
  data(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      this.chunks.push(chunk);
      this.endOffset += chunk.length;
      this.chunkCount++;
    }
  }
  gap(): void {}
  end(_end: LogEnd): void {}
  replaced(): void {}
  retained(): readonly Uint8Array[] | undefined {
    return undefined;
  }
}

/** A follower of a stream that the engine reports as empty. */
async function follow() {
  const sink = new Sink();
  const subscribed: string[] = [];
  const memory = { tags: new Tags(new NodeNames()), tag: '', chunkCount: 0, completed: undefined };
  let reads = 0;
  const forks: Forked[] = [];
  let state = `${GENERATION} 0 0 0 1 1 1000000   1  1 2\n{}`;
  const host: FollowerHost = {
    memoryOf: () => memory,
    keys: (path, generation) => [`{${path}}`, `{${path}}:${generation}`],
    run: async () => {
      reads++;
      if (state === '') return [Buffer.from('RECREATED'), Buffer.from('another')];
      return ['OK', Buffer.from(state), []] as Reply;
    },
    subscribe: ({ channel }: Subscriber) => void subscribed.push(channel),
    unsubscribe: ({ channel }: Subscriber) => void subscribed.splice(subscribed.indexOf(channel), 1),
    limitReads: (read) => read(),
    expire: async () => undefined,
    replace: async () => {
      state = '';
    },
    enlist: async () => undefined,
    healed: () => undefined,
    restoredBytes: () => undefined,
    restoredStream: () => undefined,
    forked: (what) => void forks.push(what),
    failed: () => undefined,
    closed: () => undefined,
  };
  const follower = new Follower(host, '/s', GENERATION, sink);
  follower.subscribed();
  await follower.caughtUp;
  const tells = (next: string) => {
    state = next;
  };
  return { follower, sink, subscribed, forks, tells, readings: () => reads };
}

const published = (head: string, bytes = '') => Buffer.from(`${head}\n${bytes}`);

describe('a follower', () => {
  it('says where both end when the engine has another batch at the offset of its own', async () => {
    const { follower, forks, tells } = await follow();
    follower.message(published('d 4 other.1  1 4 0', 'abcd'));
    tells(`${GENERATION} 0 4 1 1 1 1000000   1 strange.1 1 2\n{}`);
    await follower.read();
    expect(forks).toEqual([{ path: '/s', nodeEnd: 4, logEnd: 4 }]);
  });

  it('ignores messages that it does not know, from nodes of a newer version', async () => {
    const { follower, sink } = await follow();
    follower.message(published('y 4 other.1'));
    follower.message(published('d 4 other.1  1 4 0', 'abcd'));
    expect(sink.endOffset).toBe(4);
    follower.close();
  });

  it('takes a batch for lost where the mirror has other batches at its offsets, though it ends behind it', async () => {
    const { follower } = await follow();
    follower.message(published('d 4 other.1  1 4 0', 'abcd'));
    follower.message(published('d 14 other.2 other.1 2 10 0', 'efghijklmn'));
    expect(await follower.waitFor(9, 'own.1')).toBe('lost');
    expect(await follower.waitFor(14, 'other.2')).toBe('has');
    follower.close();
  });

  it('takes what this node has appended from the node, once, whether the response comes first or what is published', async () => {
    const { follower, sink, subscribed, readings } = await follow();
    const before = readings();
    const chunks = [Buffer.alloc(LONG, 'a'), Buffer.alloc(LONG, 'b')];
    follower.keep('own.1', chunks);
    follower.confirm({ end: 2 * LONG, tag: 'own.1', before: '', chunkCount: 2 });
    follower.message(published(`l ${2 * LONG} own.1  2 ${LONG}*2 0 ${2 * LONG}`));
    follower.release('own.1');
    follower.keep('own.2', chunks);
    follower.message(published(`l ${4 * LONG} own.2 own.1 4 ${LONG}*2 0 ${2 * LONG}`));
    follower.confirm({ end: 4 * LONG, tag: 'own.2', before: 'own.1', chunkCount: 4 });
    follower.release('own.2');
    follower.message(published(`l ${4 * LONG} own.2 own.1 4 ${LONG}*2 0 ${2 * LONG}`));
    expect(sink.chunks).toEqual([...chunks, ...chunks]);
    expect([subscribed.length, readings()]).toEqual([1, before]);
    follower.close();
  });

  it('does not take for its own what was appended of its batch in part', async () => {
    const { follower, sink, subscribed } = await follow();
    follower.keep('own.1', [Buffer.alloc(LONG, 'a'), Buffer.alloc(LONG, 'b')]);
    follower.message(published(`l ${LONG + 5} own.1  2 5,${LONG} 0 ${LONG + 5}`));
    expect([sink.endOffset, subscribed.length]).toEqual([0, 2]);
    follower.close();
  });

  it('reads the first long batch of another node, and takes those that follow from their channel', async () => {
    const { follower, sink, subscribed, readings } = await follow();
    const before = readings();
    follower.message(published(`l ${LONG} other.1  1 ${LONG} 0 ${LONG}`));
    expect([sink.endOffset, subscribed.length, readings()]).toEqual([0, 2, before + 1]);
    follower.close();
    expect(subscribed).toEqual(['{/s}:0193abcdef01deadbeef']);
  });
});
