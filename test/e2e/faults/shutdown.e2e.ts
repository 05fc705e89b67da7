/** The server stops, gracefully or not, while many clients use it. */
import { describe, expect, it } from 'vitest';
import { settled, waitFor } from '../../harness/wait.ts';
import { connectTo, get, type Wire } from '../../harness/wire.ts';
import { runStreamfs, streamfs } from '../harness/commands.ts';
import { MB } from '../harness/memory.ts';
import { isPattern, pattern } from '../harness/pattern.ts';
import { distModule, type ServerProcess, server } from '../harness/server.ts';

const PATH = '/streamfs/live';
/** Short and frequent, so that the test does not mostly wait. */
const RECONNECT = { initial: 20, max: 100 };

async function readers(at: ServerProcess, count: number, query = ''): Promise<Wire[]> {
  const all: Wire[] = [];
  for (let group = 0; group < count; group += 100) {
    const wires = Array.from({ length: Math.min(100, count - group) }, () =>
      get(at.port, `/files?path=${PATH}&stream=true${query}`),
    );
    all.push(...(await Promise.all(wires)));
  }
  await at.untilReaders(PATH, count);
  return all;
}

describe('SIGTERM', () => {
  it('contract 28: with three thousand readers gives each what it is owed and the end, and leaves with 0', async () => {
    const at = await server({ server: { shutdown_timeout: '20s' } });
    await at.put(PATH, pattern(0, 80_000));
    const all = await readers(at, 3000);
    // SIGTERM follows right after the last bytes.
    await at.put(PATH, pattern(80_000, 8000));
    at.process.kill('SIGTERM');
    expect(await settled('the server to leave', at.process.exited)).toEqual({ code: 0, signal: null });
    for (const wire of all) {
      const response = await wire.lastResponse();
      expect(response.trailers).toEqual({
        'x-stream-end': 'shutdown',
        'x-stream-end-offset': '88000',
        'x-stream-skipped': '0',
      });
      expect(response.body.length).toBe(88_000);
      expect(isPattern(response.body, 0)).toBe(true);
    }
  });

  it('contract 28: is not held up by readers that have stopped, uploads that never end, or connections that say nothing', async () => {
    const at = await server({ server: { shutdown_timeout: '1s' } });
    await at.put(PATH, pattern(0, 4 * MB));
    const stopped = await readers(at, 50);
    for (const wire of stopped) wire.socket.pause();
    for (let n = 1; n < 8; n++) await at.put(PATH, pattern(n * 4 * MB, 4 * MB));
    const others = await Promise.all(Array.from({ length: 50 }, () => connectTo(at.port)));
    for (const [index, wire] of others.entries()) {
      if (index % 3 === 0) continue;
      const head = 'PUT /api/v1/files?path=/streamfs/other HTTP/1.1\r\nHost: localhost\r\n';
      wire.send(index % 3 === 1 ? `${head}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n` : head);
    }
    await at.untilWritten('/streamfs/other', 16);
    at.process.kill('SIGTERM');
    expect(await settled('the server to leave', at.process.exited)).toEqual({ code: 0, signal: null });
    for (const wire of others) await wire.closed();
  });
});

describe('SIGKILL, and another start on the same port', () => {
  it('contract 19, 29: followers reconnect by themselves, and receive the new generation of the stream', async () => {
    const first = await server();
    const { port } = first;
    const { StreamFSClient } = (await import(
      distModule('client/index.js')
    )) as typeof import('../../../src/client/index.ts');
    const client = new StreamFSClient({ url: first.url });
    const seen: string[] = [];
    const bytes: number[] = [];
    const following = (async () => {
      for await (const record of client.follow(PATH, { reconnect: RECONNECT })) {
        if (record.type === 'data') {
          expect(isPattern(Buffer.from(record.data), record.offset)).toBe(true);
          bytes.push(record.data.length);
        } else if (seen.at(-1) !== record.type) seen.push(record.type);
        if (record.type === 'end') return record;
      }
      throw new Error('following was over without an end');
    })();
    const cat = streamfs(first.url, ['cat', '--stream', PATH]);
    await first.untilReaders(PATH, 2);
    await first.put(PATH, pattern(0, 16_000));
    await cat.stdout.untilLength(16_000);
    await waitFor('the follower to have it', () => bytes.reduce((sum, n) => sum + n, 0) === 16_000);
    first.process.kill('SIGKILL');
    await first.process.exited;

    const second = await server({ port });
    await second.put(PATH, pattern(0, 8000));
    await second.untilReaders(PATH, 2);
    await second.put(PATH, pattern(8000, 8000));
    await second.json('POST', `/end?path=${PATH}`);
    expect(await settled('the follower to end', following)).toMatchObject({ reason: 'ended', offset: 16_000 });
    expect(seen.filter((type) => type !== 'caught-up')).toEqual(['open', 'reconnecting', 'recreated', 'open', 'end']);
    expect(bytes.reduce((sum, n) => sum + n, 0)).toBe(32_000);
    const { code, stdout } = await cat.result();
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: 32_000 });
  });

  it.each([
    [['--no-retry'], /reset|cut/],
    [['--retry-for', '1s'], /gave up writing .* 0 bytes are written for certain, the next ones may be written in part/],
  ])('a writer learns that it was cut, and how much is certainly written: %s', async (options, expectedMessage) => {
    const at = await server();
    const writer = streamfs(at.url, ['write', '--stream', ...options, PATH]);
    await writer.write(pattern(0, 8000));
    await at.untilWritten(PATH, 8000);
    at.process.kill('SIGKILL');
    const { code, stderr } = await writer.result();
    expect(code).not.toBe(0);
    expect(stderr).toMatch(expectedMessage);
    expect((await runStreamfs(at.url, ['stat', PATH])).code).not.toBe(0);
  });
});
