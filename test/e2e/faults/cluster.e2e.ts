/** Whole servers on one Redis, as users run them, and the durability of acknowledged writes (contract 106). */
import { expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { type RedisServer, startRedis } from '../../logs/redis/redis-server.ts';
import { runStreamfs, streamfs } from '../harness/commands.ts';
import { pattern } from '../harness/pattern.ts';
import { type ServerProcess, server } from '../harness/server.ts';

async function redis(...args: string[]): Promise<RedisServer> {
  const one = await startRedis({ args });
  onTestFinished(() => one.close());
  return one;
}

/** Redis settings with which writes survive a crash at any time. */
const KEPT = ['--appendonly', 'yes', '--appendfsync', 'always'];

function node(log: RedisServer, options: { port?: number; settings?: Record<string, string> } = {}) {
  const { port, settings } = options;
  return server({ ...(port === undefined ? {} : { port }), streamfs: { log: log.url, ...settings } });
}

/** The bytes that a server retains of a stream. */
async function retained(at: ServerProcess, path: string): Promise<Buffer> {
  const response = await fetch(at.api(`/files?path=${path}&snapshot=true`));
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

it('contract 106: a file that is written at one node is read live at others, byte for byte, with its end', async () => {
  const log = await redis();
  const nodes = [await node(log), await node(log), await node(log)] as const;
  const bytes = pattern(0, 5 * 1024 * 1024);
  const readers = nodes.map(({ url }) => streamfs(url, ['cat', '--stream', '--from-start', '/streamfs/file']));
  const written = await runStreamfs(nodes[0].url, ['write', '--stream', '--end', '/streamfs/file'], bytes);
  expect(written.code).toBe(0);
  for (const reader of readers) {
    const { code } = await reader.result();
    expect([code, reader.stdout.bytes.equals(bytes)]).toEqual([0, true]);
  }
  const facts = await Promise.all(nodes.map((one) => one.facts('/streamfs/file')));
  expect(new Set(facts.map((one) => `${one?.generation} ${one?.written} ${one?.state}`)).size).toBe(1);
});

it('contract 106: what a killed node acknowledged is on the other nodes, once, in order', async () => {
  const log = await redis();
  const other = await node(log);
  const first = await node(log);
  const acknowledged: string[] = [];
  const reader = streamfs(other.url, ['cat', '--stream', '--from-start', '/streamfs/lines']);
  const writing = (async () => {
    for (let n = 0; ; n++) {
      await first.put('/streamfs/lines', `line ${n}\n`);
      acknowledged.push(`line ${n}`);
    }
  })().catch(() => undefined);
  await waitFor('some lines', () => acknowledged.length > 100);
  first.process.kill('SIGKILL');
  await writing;
  const lines = (await retained(other, '/streamfs/lines')).toString().split('\n').slice(0, -1);
  expect(lines.slice(0, acknowledged.length)).toEqual(acknowledged);
  // One append may have been applied without its acknowledgement arriving.
  expect(lines.length - acknowledged.length).toBeLessThanOrEqual(1);
  await runStreamfs(other.url, ['end', '/streamfs/lines']);
  expect((await reader.result()).stdout.split('\n').slice(0, -1)).toEqual(lines);
});

it('contract 106: a writer and a reader continue without loss when their node is restarted', async () => {
  const log = await redis();
  const other = await node(log);
  let here = await node(log);
  const { port, url } = here;
  const writer = streamfs(url, ['write', '--stream', '--end', '/streamfs/live']);
  const reader = streamfs(url, ['cat', '--stream', '--from-start', '/streamfs/live']);
  const parts = Array.from({ length: 30 }, (_, n) => `${'x'.repeat(1000)} ${n}\n`);
  for (const [n, part] of parts.entries()) {
    await writer.write(part);
    if (n % 10 !== 5) continue;
    await waitFor('the part at the reader', () => reader.stdout.text.includes(` ${n}\n`));
    await here.process.end();
    here = await node(log, { port });
  }
  writer.stdin.end();
  expect((await writer.result()).code).toBe(0);
  const { code, stdout } = await reader.result();
  expect([code, stdout]).toEqual([0, parts.join('')]);
  expect((await retained(other, '/streamfs/live')).toString()).toBe(parts.join(''));
});

it('contract 106: after all nodes and Redis were killed all is there again: history, offsets, settings, end, producers', async () => {
  const log = await redis(...KEPT);
  const before = await node(log);
  const append = (at: ServerProcess, seq: number, body: string) =>
    fetch(at.api('/files?path=/streamfs/kept&ring_buffer_size=64KB&on_lag=disconnect'), {
      method: 'PUT',
      body,
      headers: { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': String(seq) },
    });
  expect((await append(before, 0, 'one;')).status).toBe(200);
  expect((await append(before, 1, 'two;')).status).toBe(200);
  await before.put('/streamfs/over', 'done');
  await before.json('POST', '/end?path=/streamfs/over');
  const facts = await before.facts('/streamfs/kept');
  await Promise.all([before.process.end(), log.kill()]);
  await log.restart();
  const after = await node(log);
  expect(await after.facts('/streamfs/kept')).toEqual({ ...facts, memory: expect.any(Number) });
  expect((await append(after, 1, 'two;')).status).toBe(204);
  expect((await append(after, 2, 'three;')).status).toBe(200);
  expect((await retained(after, '/streamfs/kept')).toString()).toBe('one;two;three;');
  const { meta } = await after.json('GET', '/stat?path=/streamfs/kept');
  expect((meta as { Content: Record<string, string> }).Content).toMatchObject({ ring_buffer_size: '65536' });
  expect((await after.facts('/streamfs/over'))?.state).toBe('ended');
  const refused = await fetch(after.api('/files?path=/streamfs/over'), { method: 'PUT', body: 'more' });
  expect(refused.status).toBe(409);
});

it('contract 106: while Redis is down, retained bytes can be read and writers get 503 in time; afterwards everything continues', async () => {
  const log = await redis(...KEPT);
  const at = await node(log, { settings: { log_deadline: '1s' } });
  await at.put('/streamfs/a', 'one;');
  const reader = streamfs(at.url, ['cat', '--stream', '--from-start', '/streamfs/a']);
  await waitFor('the reader', () => reader.stdout.text === 'one;');
  await log.kill();
  const refused = await fetch(at.api('/files?path=/streamfs/a'), { method: 'PUT', body: 'refused' });
  expect([
    refused.status,
    refused.headers.has('retry-after'),
    ((await refused.json()) as { code: string }).code,
  ]).toEqual([503, true, 'LOG_UNAVAILABLE']);
  expect((await retained(at, '/streamfs/a')).toString()).toBe('one;');
  const { stdout, code } = await runStreamfs(at.url, ['health']);
  expect(code).toBe(0);
  expect(stdout).toContain('status: degraded\n');
  expect(stdout).toContain('shared logs: 0 of 1 connected\n');
  await log.restart();
  await waitFor('an append to succeed', () =>
    at.put('/streamfs/a', 'two;').then(
      () => true,
      () => false,
    ),
  );
  await runStreamfs(at.url, ['end', '/streamfs/a']);
  expect((await reader.result()).stdout).toMatch(/^one;(refused)?two;$/);
});
