/** Contract 72: a writer whose connections are cut loses and doubles nothing, seen from a reader. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { streamfs } from './harness/commands.ts';
import { doorTo } from './harness/door.ts';
import { pattern } from './harness/pattern.ts';
import { server } from './harness/server.ts';
import { waitFor } from './harness/wait.ts';

const PATH = '/streamfs/live';
const MB = 1024 * 1024;

describe('contract 72: write --stream over connections that break', () => {
  it('every byte reaches a reader once and in order, however often the connection is cut', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '64MB', channel_buffer_size: '64MB' } });
    const door = await doorTo(at.port);
    const all = pattern(0, 24 * MB);
    const reader = streamfs(at.url, ['cat', '--stream', PATH]);
    await at.untilReaders(PATH, 1);
    const writer = streamfs(door.url, ['write', '--stream', '--end', PATH]);
    let cuts = 0;
    for (let sent = 0; sent < all.length; ) {
      const length = Math.min(all.length - sent, 1 + Math.floor(Math.random() * 2 * MB));
      writer.stdin.write(all.subarray(sent, sent + length));
      sent += length;
      // Some of what was sent has arrived, and some is on its way.
      const goal = Math.floor(sent - Math.random() * length);
      await waitFor(`${goal} bytes`, async () => (await at.facts(PATH)).written >= goal);
      door.shut();
      cuts += 1;
    }
    writer.stdin.end();
    expect((await writer.result()).code).toBe(0);
    const result = await reader.result();
    expect(result.code).toBe(0);
    expect(cuts).toBeGreaterThan(10);
    const read = createHash('sha256').update(result.stdout).digest('hex');
    expect([result.stdout.length, read]).toEqual([all.length, createHash('sha256').update(all).digest('hex')]);
  });

  it('a server killed and started anew is an error that says how much is gone, never a hole', async () => {
    const at = await server();
    const writer = streamfs(at.url, ['write', '--stream', PATH]);
    writer.stdin.write('acknowledged');
    await waitFor('the bytes to be there', async () => (await at.facts(PATH).catch(() => undefined))?.written === 12);
    // The next append is under way only when this one is acknowledged.
    await waitFor('a second append', async () => {
      const stats = (await at.json('/stats')) as { requests?: unknown };
      return stats !== undefined && writer.isRunning;
    });
    at.process.kill('SIGKILL');
    await at.process.exited;
    const again = await server({ port: at.port });
    writer.stdin.write('more');
    const { code, stderr } = await writer.result();
    expect(again.port).toBe(at.port);
    expect([code, String(stderr)]).toEqual([4, expect.stringContaining('12 bytes had been written to it')]);
  });
});
