/** Contract 72: a writer whose connections are cut loses and duplicates nothing, as seen by a reader. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { streamfs } from './harness/commands.ts';
import { cuttableProxyTo } from './harness/cuttable-proxy.ts';
import { pattern } from './harness/pattern.ts';
import { server } from './harness/server.ts';

const PATH = '/streamfs/live';
const MB = 1024 * 1024;

describe('contract 72: write --stream over connections that break', () => {
  it('every byte reaches a reader once and in order, however often the connection is cut', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '64MB', channel_buffer_size: '64MB' } });
    const proxy = await cuttableProxyTo(at.port);
    const all = pattern(0, 24 * MB);
    const reader = streamfs(at.url, ['cat', '--stream', PATH], { keep: false });
    await at.untilReaders(PATH, 1);
    const writer = streamfs(proxy.url, ['write', '--stream', '--end', PATH]);
    let cuts = 0;
    for (let sent = 0; sent < all.length; ) {
      const length = Math.min(all.length - sent, 1 + Math.floor(Math.random() * 2 * MB));
      writer.stdin.write(all.subarray(sent, sent + length));
      sent += length;
      // At this point some of the sent bytes have arrived, and some are in flight.
      const goal = Math.floor(sent - Math.random() * length);
      await waitFor(`${goal} bytes`, async () => ((await at.facts(PATH))?.written ?? 0) >= goal);
      proxy.cutAll();
      cuts += 1;
    }
    writer.stdin.end();
    expect((await writer.result()).code).toBe(0);
    expect((await reader.exited).code).toBe(0);
    expect(cuts).toBeGreaterThan(10);
    expect([reader.stdout.length, reader.stdout.sha256]).toEqual([
      all.length,
      createHash('sha256').update(all).digest('hex'),
    ]);
  });
});
