/** Writers that die: received bytes are kept, nothing else is, and no other client is affected. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { connectTo } from '../../harness/wire.ts';
import { streamfs } from '../harness/commands.ts';
import { pattern } from '../harness/pattern.ts';
import { peer } from '../harness/peer.ts';
import { descriptorsOf, type ProbedServer, startProbed } from '../harness/probed.ts';

const PATH = '/streamfs/live';
const head = (more: string) => `PUT /api/v1/files?path=${PATH} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n\r\n`;

async function snapshot(): Promise<string> {
  const { status, bytes } = await at.ask('GET', `/files?path=${PATH}&snapshot=true`);
  return status === 200 ? bytes.toString() : '';
}

let at: ProbedServer;
beforeAll(async () => {
  at = await startProbed();
});
afterAll(() => at.stop());

describe('a writer that is killed', () => {
  const cases: [where: string, sent: string, kept: string, seen?: number][] = [
    ['before it has said anything', '', ''],
    ['in the middle of its request line', 'PUT /api/v1/fi', ''],
    [
      'in the middle of its headers',
      'PUT /api/v1/files?path=/streamfs/live HTTP/1.1\r\nHost: localhost\r\nContent-Le',
      '',
    ],
    ['between its headers and its body', head('Content-Length: 100'), ''],
    ['in the middle of a body of known length', `${head('Content-Length: 100')}hello`, 'hello', 0],
    ['in the middle of a long body of known length', `${head('Content-Length: 100000')}hello`, 'hello'],
    ['in the middle of a size of a chunk', `${head('Transfer-Encoding: chunked')}5\r\nhello\r\n1`, 'hello'],
    ['in the middle of a chunk', `${head('Transfer-Encoding: chunked')}a\r\nhello`, 'hello'],
    ['between chunks', `${head('Transfer-Encoding: chunked')}5\r\nhello\r\n`, 'hello'],
    ['in the middle of the last chunk', `${head('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n`, 'hello'],
    [
      'in the middle of its second request',
      `${head('Content-Length: 5')}hello${head('Content-Length: 5')}wor`,
      'hellowor',
      5,
    ],
  ];

  /** A writer that sends `sent` and dies; it writes to its own path. */
  async function dies(sent: string, kept: string, seen = kept.length): Promise<void> {
    const quiet = await at.quietDescriptors();
    const writer = peer(at.port);
    if (sent !== '') await writer.write(sent);
    await waitFor('the writer to be there', () => descriptorsOf(at.process.pid) > quiet);
    // The server has received what was sent; a short body is not written before it is complete.
    if (kept !== '') await at.untilWritten(PATH, seen);
    writer.kill('SIGKILL');
    await writer.exited;
    expect(await at.quietDescriptors()).toBe(quiet);
    expect(await snapshot()).toBe(kept);
    if (kept === '') {
      await at.json('DELETE', `/files?path=${PATH}`);
      return;
    }
    expect(await at.facts(PATH)).toMatchObject({ state: 'open', readers: 0, written: kept.length });
    // The next writer appends after it.
    await at.put(PATH, ' world');
    expect(await snapshot()).toBe(`${kept} world`);
    await at.json('DELETE', `/files?path=${PATH}`);
  }

  it.each(cases)('contract 72: %s leaves what had come', (_where, sent, kept, seen) => dies(sent, kept, seen));

  it('leaves nothing of itself, wherever it was', async () => {
    await at.leavesNothing(async () => {
      for (const [, sent, kept, seen] of cases) await dies(sent, kept, seen);
    }, 2);
  });

  it('contract 72, 88: in the middle of a line, with atomic=lines, leaves the line as far as it had come, completed', async () => {
    const writer = peer(at.port);
    await writer.write(
      `${head('Transfer-Encoding: chunked').replace(' HTTP', '&atomic=lines HTTP')}b\r\none\ntwo\nthr\r\n`,
    );
    await at.untilWritten(PATH, 8);
    writer.kill('SIGKILL');
    await at.untilWritten(PATH, 12);
    expect(await snapshot()).toBe('one\ntwo\nthr\n');
    await at.json('DELETE', `/files?path=${PATH}`);
  });

  it('contract 72: as the command line leaves its readers reading, and the next writer continues', async () => {
    const reader = streamfs(at.url, ['cat', '--stream', PATH]);
    await at.untilReaders(PATH, 1);
    const first = streamfs(at.url, ['write', '--stream', '--end', PATH]);
    await first.write(pattern(0, 8000));
    await reader.stdout.untilLength(8000);
    first.kill('SIGKILL');
    await first.exited;
    const second = streamfs(at.url, ['write', '--stream', '--end', PATH]);
    await second.write(pattern(8000, 8000));
    second.stdin.end();
    expect(await second.result()).toMatchObject({ code: 0 });
    expect(await reader.result()).toMatchObject({ code: 0, stderr: '' });
    expect(reader.stdout.bytes.equals(pattern(0, 16_000))).toBe(true);
    await at.json('DELETE', `/files?path=${PATH}`);
    await at.isSound();
  });
});

describe('slow writers', () => {
  const COUNT = 500;

  it.each([
    ['headers', 'PUT /api/v1/files?path=/streamfs/slow HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
    ['a JSON body', 'POST /api/v1/grep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"pattern": "'],
    ['a body of known length', `${head('Content-Length: 60000').replace('live', 'slow')}x`],
    ['chunks', `${head('Transfer-Encoding: chunked').replace('live', 'slow')}ffff\r\nx`],
  ])('500 that send %s byte by byte delay no one, and leave nothing behind', async (_what, beginning) => {
    await at.leavesNothing(async () => {
      const slow = await Promise.all(Array.from({ length: COUNT }, () => connectTo(at.port)));
      for (const wire of slow) wire.send(beginning);
      for (let round = 0; round < 5; round++) {
        for (const wire of slow) wire.send('x');
        // All other clients are served as before.
        await at.put(PATH, pattern(round * 8000, 8000));
      }
      expect((await at.ask('GET', `/files?path=${PATH}&snapshot=true`)).bytes.equals(pattern(0, 40_000))).toBe(true);
      for (const wire of slow) wire.socket.destroy();
      await at.json('DELETE', `/files?path=${PATH}`);
      await at.json('DELETE', '/files?path=/streamfs/slow');
    }, 2);
  });
});
