/** Contract 89: a writer survives everything but a deliberate end or removal, and reports what was lost meanwhile. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { streamfs } from './harness/commands.ts';
import { cuttableProxyTo } from './harness/cuttable-proxy.ts';
import { HAS_NGINX, nginxTo } from './harness/nginx.ts';
import { isPattern, pattern } from './harness/pattern.ts';
import { type ServerProcess, server } from './harness/server.ts';

const PATH = '/streamfs/live';
const MB = 1024 * 1024;
const write = (url: string, ...options: string[]) => streamfs(url, ['write', '--stream', ...options, PATH]);

async function content(at: ServerProcess): Promise<Buffer> {
  const response = await fetch(at.api(`/files?path=${PATH}&snapshot=true`));
  return Buffer.from(await response.arrayBuffer());
}

/** A server that is stopped again: its port is free for one that is started later. */
async function portOfNoServer(): Promise<{ port: number; url: string }> {
  const at = await server();
  await at.stop();
  return { port: at.port, url: at.url };
}

describe('contract 89: a writer that is quiet', () => {
  it('for longer than producer_ttl continues, again and again', async () => {
    const at = await server({ streamfs: { producer_ttl: '300ms' } });
    const writer = write(at.url);
    for (const text of ['a\n', 'b\n', 'c\n', 'd\n']) {
      writer.stdin.write(text);
      await waitFor(text, async () => (await content(at)).toString().endsWith(text));
      // Longer than its ttl after the end of the append, which is closed after a second.
      await pause(1600);
    }
    writer.stdin.end();
    expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
    expect((await content(at)).toString()).toBe('a\nb\nc\nd\n');
  });

  it('continues although there are more of them than max_producers', async () => {
    const at = await server({ streamfs: { max_producers: 2, producer_ttl: '300ms' } });
    const writers = Array.from({ length: 6 }, () => write(at.url));
    for (let round = 0; round < 3; round++) {
      for (const [who, writer] of writers.entries()) writer.stdin.write(`${who}.${round}\n`);
      const count = writers.length * (round + 1);
      await waitFor(`${count} lines`, async () => (await content(at)).toString().split('\n').length > count);
      await pause(1200);
    }
    for (const writer of writers) writer.stdin.end();
    for (const writer of writers) expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
    const lines = (await content(at)).toString().trimEnd().split('\n');
    for (const who of writers.keys()) {
      const own = lines.filter((line) => line.startsWith(`${who}.`));
      expect(own).toEqual([0, 1, 2].map((round) => `${who}.${round}`));
    }
    expect(lines.length).toBe(writers.length * 3);
  });

  it('and is cut off in the middle of an append for longer than that loses and doubles nothing', async () => {
    const at = await server({ streamfs: { max_producers: 1, producer_ttl: '100ms' } });
    const proxy = await cuttableProxyTo(at.port);
    const writer = streamfs(proxy.url, ['write', '--stream', '--quiet', PATH]);
    await writer.write(pattern(0, 100_000));
    await at.untilWritten(PATH, 100_000);
    proxy.refuse();
    for (let n = 0; n < 5; n++) {
      const other = streamfs(at.url, ['write', '--stream', '/streamfs/live'], { env: {} });
      other.stdin.end();
      expect((await other.result()).code).toBe(0);
    }
    await writer.write(pattern(100_000, 100_000));
    writer.stdin.end();
    await pause(500);
    proxy.accept();
    expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
    const all = await content(at);
    expect([all.length, isPattern(all, 0)]).toEqual([200_000, true]);
  });
});

describe('contract 89: a server that comes later', () => {
  it.each([['SIGKILL'], ['SIGTERM']] as const)(
    'another one after %s gets the unacknowledged bytes, and the lost acknowledged bytes are reported',
    async (signal) => {
      const at = await server();
      const writer = write(at.url);
      await writer.write('before\n');
      await at.untilWritten(PATH, 7);
      // The first append is closed a second after its first byte; the next is open once that one is acknowledged.
      await pause(1500);
      at.process.kill(signal);
      await at.process.exited;
      await writer.write('after 1\n');
      const again = await server({ port: at.port });
      await again.untilWritten(PATH, 8);
      writer.stdin.end('after 2\n');
      const { code, stderr } = await writer.result();
      expect((await content(again)).toString()).toBe('after 1\nafter 2\n');
      expect(code).toBe(0);
      expect(stderr).toMatch(/trying again for 30 s\n/);
      expect(stderr).toMatch(/the server was restarted: 7 bytes that it had acknowledged are lost/);
    },
  );

  it('in the middle of much data nothing is missing but what was acknowledged before', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '64MB' } });
    const writer = write(at.url);
    const all = pattern(0, 24 * MB);
    const sent = writer.write(all);
    await at.untilWritten(PATH, 6 * MB);
    at.process.kill('SIGKILL');
    await at.process.exited;
    const again = await server({ port: at.port, streamfs: { ring_buffer_size: '64MB' } });
    await sent;
    writer.stdin.end();
    const { code, stderr } = await writer.result();
    const lost = Number(/(\d+) bytes that it had acknowledged are lost/.exec(stderr)?.[1]);
    const rest = await content(again);
    expect([code, lost + rest.length]).toEqual([0, all.length]);
    expect(rest.equals(all.subarray(lost))).toBe(true);
  });

  it.each([['SIGKILL'], ['SIGTERM']] as const)(
    '--no-recreate is for those who want the failure: %s',
    async (signal) => {
      const at = await server();
      const writer = write(at.url, '--no-recreate');
      await writer.write('before\n');
      await at.untilWritten(PATH, 7);
      await pause(1500);
      at.process.kill(signal);
      await at.process.exited;
      const again = await server({ port: at.port });
      const { code, stderr } = await writer.result();
      expect([again.port, code]).toEqual([at.port, 3]);
      expect(stderr).toMatch(/lost with its server, which was restarted: 7 bytes that had been written to it are gone/);
    },
  );

  it('is waited for by a writer and a reader, who say so', async () => {
    const { port, url } = await portOfNoServer();
    const writer = write(url, '--end');
    writer.stdin.end('early');
    const reader = streamfs(url, ['cat', '--stream', PATH]);
    const message = /cannot reach .*; trying again for 30 s\n/;
    await waitFor('both to say so', () => message.test(writer.stderr.text) && message.test(reader.stderr.text));
    await server({ port });
    expect((await writer.result()).code).toBe(0);
    expect(await reader.result()).toMatchObject({ code: 0, stdout: 'early' });
  });

  it('an end and a removal are none of these: the writer ends with their words', async () => {
    const at = await server();
    const ended = write(at.url);
    await ended.write('x');
    await at.untilWritten(PATH, 1);
    await at.json('POST', `/end?path=${PATH}`);
    expect(await ended.result()).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('stream is closed: it was ended'),
    });
    await at.json('DELETE', `/files?path=${PATH}`);
    const proxy = await cuttableProxyTo(at.port);
    const removed = write(proxy.url);
    await removed.write('x');
    await at.untilWritten(PATH, 1);
    await pause(1500);
    proxy.refuse();
    await at.json('DELETE', `/files?path=${PATH}`);
    proxy.accept();
    const { code, stderr } = await removed.result();
    expect(code).toBe(3);
    expect(stderr).toMatch(/is gone, because it was removed or has expired: 1 bytes had been written to it/);
  });
});

describe.runIf(HAS_NGINX)('contract 89: behind a real nginx', () => {
  const whole = 'proxy_http_version 1.1;';
  const unbuffered = `${whole} proxy_request_buffering off;`;

  it.each([
    ['with its default limit of 1 MB', whole],
    ['with a limit of 100 KB', `${whole} client_max_body_size 100k;`],
    ['with a limit of 100 KB that it finds out late', `${unbuffered} client_max_body_size 100k;`],
    ['with a limit of 10 KB', `${whole} client_max_body_size 10k;`],
  ])('%s a long source is written whole', async (_, settings) => {
    const at = await server({ streamfs: { ring_buffer_size: '64MB' } });
    const { url } = await nginxTo(at.port, settings);
    const writer = write(url);
    const all = pattern(0, settings.includes('10k') ? MB : 5 * MB);
    writer.stdin.end(all);
    expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
    expect((await content(at)).equals(all)).toBe(true);
  });

  it('lines stay whole where appends are made shorter', async () => {
    const at = await server({ streamfs: { ring_buffer_size: '64MB' } });
    const { url } = await nginxTo(at.port, `${unbuffered} client_max_body_size 50k;`);
    const lines = Array.from({ length: 40_000 }, (_, n) => `line ${n} ${'x'.repeat(n % 50)}\n`).join('');
    const writer = write(url, '--atomic', 'lines');
    writer.stdin.end(lines);
    expect(await writer.result()).toMatchObject({ code: 0, stderr: '' });
    expect((await content(at)).toString() === lines).toBe(true);
  });

  it('where nothing helps it is said what was written, and what is in the way', async () => {
    const at = await server();
    const { url } = await nginxTo(at.port, `${whole} client_max_body_size 1k;`);
    const writer = write(url);
    writer.stdin.end(pattern(0, MB));
    const { code, stderr } = await writer.result();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /a proxy between here and the server refuses a body of \d+ bytes as too large: 0 bytes are written/,
    );
  });

  it('its first 502 is retried like later ones, by a writer and a reader', async () => {
    const { port } = await portOfNoServer();
    const { url } = await nginxTo(port, `${unbuffered} proxy_buffering off;`);
    const writer = write(url, '--end');
    writer.stdin.end('early');
    const reader = streamfs(url, ['cat', '--stream', PATH]);
    const message = /502; trying again for 30 s\n/;
    await waitFor('both to say so', () => message.test(writer.stderr.text) && message.test(reader.stderr.text));
    await server({ port });
    expect((await writer.result()).code).toBe(0);
    expect(await reader.result()).toMatchObject({ code: 0, stdout: 'early' });
  });
});
