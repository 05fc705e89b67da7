/** Readers that die, stop reading, vanish by the thousand or read a byte at a time. */
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { connectTo, get, type Wire } from '../../harness/wire.ts';
import { start, streamfs } from '../harness/commands.ts';
import { MB } from '../harness/memory.ts';
import { isPattern, pattern, patternHash } from '../harness/pattern.ts';
import { peer } from '../harness/peer.ts';
import { type ProbedServer, probed } from '../harness/probed.ts';

const PATH = '/streamfs/live';
const STREAM = `/files?path=${PATH}&stream=true`;
const REQUEST = `GET /api/v1${STREAM} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** Writes the pattern in pieces as readers take it, then continues with `end`. */
async function writePieces(at: ProbedServer, from: number, pieces: number, size: number): Promise<void> {
  for (let n = 0; n < pieces; n++) await at.put(PATH, pattern(from + n * size, size));
}

const remove = (at: ProbedServer) => at.json('DELETE', `/files?path=${PATH}`);

describe('a reader that is killed', () => {
  it.each([
    ['our command line', (at: ProbedServer) => streamfs(at.url, ['cat', '--stream', PATH])],
    ['curl', (at: ProbedServer) => start('curl', ['-sS', '-N', at.api(STREAM)])],
  ])('contract 26: %s, is no reader any more, without a write to find that out', async (_name, reader) => {
    const at = await probed();
    await at.leavesNothing(async () => {
      await at.put(PATH, pattern(0, 8000));
      const one = reader(at);
      await one.stdout.untilLength(8000);
      expect(await at.facts(PATH)).toMatchObject({ readers: 1 });
      one.kill('SIGKILL');
      await at.untilReaders(PATH, 0);
      await remove(at);
    }, 2);
  });

  it('contract 7, 26: while megabytes wait in its socket, is gone with them', async () => {
    const at = await probed();
    await at.leavesNothing(async () => {
      await at.put(PATH, pattern(0, 4 * MB));
      const stopped = peer(at.port);
      stopped.stdin.write(REQUEST);
      await at.untilReaders(PATH, 1);
      stopped.kill('SIGSTOP');
      await writePieces(at, 4 * MB, 4, 4 * MB);
      expect((await at.facts(PATH))!.lag).toBeGreaterThan(MB);
      stopped.kill('SIGKILL');
      await at.untilReaders(PATH, 0);
      await remove(at);
    }, 2);
  });
});

describe('a reader that has stopped, with little of what waits for it in its socket', () => {
  // A reader that only closes its sending side could still read: it is removed like any other stalled one (contract 27).
  it.each([
    ['end', { stall_timeout: '1s' }],
    ['destroy', {}],
    ['resetAndDestroy', {}],
  ] as const)('contract 7, 26, 27: disconnects by %s, and delays no one', async (leave, server) => {
    const at = await probed({ server });
    await at.leavesNothing(async () => {
      const wire = await get(at.port, STREAM);
      await wire.head();
      wire.socket.pause();
      // Less than a socket accepts before it reports that it is full, until the reader falls behind.
      await at.put(PATH, pattern(0, 32_000));
      for (let n = 1; (await at.facts(PATH))!.lag < 100_000; n++) await at.put(PATH, pattern(n * 32_000, 32_000));
      wire.socket[leave]();
      await at.untilReaders(PATH, 0);
      await remove(at);
    }, 2);
  });
});

describe('a reader that is stopped and continues', () => {
  it('contract 8, 9, 20: gets the retained bytes and an exact loss, and leaves nothing behind', async () => {
    const at = await probed();
    const total = 24 * MB;
    await at.leavesNothing(async () => {
      const reader = streamfs(at.url, ['cat', '--stream', PATH], { keep: false });
      await at.untilReaders(PATH, 1);
      reader.kill('SIGSTOP');
      await writePieces(at, 0, 12, 2 * MB);
      reader.kill('SIGCONT');
      await at.json('POST', `/end?path=${PATH}`);
      const { code, stderr } = await reader.result();
      const gaps = [...stderr.matchAll(/offsets (\d+) to (\d+)/g)].map((m) => ({ from: +m[1]!, to: +m[2]! + 1 }));
      expect(code).toBe(gaps.length > 0 ? 8 : 0);
      let at0 = 0;
      const parts = gaps.map(({ from, to }) => {
        const part = { from: at0, to: from };
        at0 = to;
        return part;
      });
      expect(reader.stdout.sha256).toBe(patternHash([...parts, { from: at0, to: total }]));
      expect(await at.facts(PATH)).toMatchObject({ readers: 0, skipped: total - reader.stdout.length });
      await remove(at);
    }, 1);
  });
});

describe('a reader that takes a byte at a time', () => {
  it('contract 7: delays no other reader, and gets its bytes in order', async () => {
    const at = await probed();
    await at.leavesNothing(async () => {
      const slow = await connectTo(at.port);
      slow.socket.removeAllListeners('data').pause();
      const bytes: number[] = [];
      const takeOne = async () => {
        await waitFor('a byte', () => {
          const one = slow.socket.read(1) as Buffer | null;
          if (one !== null) bytes.push(one[0]!);
          return one !== null;
        });
      };
      slow.send(REQUEST);
      while (!Buffer.from(bytes).includes('\r\n\r\n')) await takeOne();
      const fast = await get(at.port, STREAM);
      await at.untilReaders(PATH, 2);
      const total = 16 * MB;
      for (let n = 0; n < 8; n++) {
        await at.put(PATH, pattern(n * 2 * MB, 2 * MB));
        for (let taken = 0; taken < 50; taken++) await takeOne();
        // Nothing waits for the stopped reader.
        await waitFor('the other to have all of it', () => fast.received >= (n + 1) * 2 * MB);
      }
      const got = Buffer.from(bytes);
      const body = got.subarray(got.indexOf('\r\n\r\n') + 4);
      expect(isPattern(body.subarray(body.indexOf('\r\n') + 2), 0)).toBe(true);
      await at.json('POST', `/end?path=${PATH}`);
      const response = await fast.lastResponse();
      expect(response.trailers).toMatchObject({ 'x-stream-end-offset': String(total), 'x-stream-skipped': '0' });
      expect(isPattern(response.body, 0)).toBe(true);
      slow.socket.destroy();
      await at.untilReaders(PATH, 0);
      await remove(at);
    }, 1);
  });
});

describe('a thousand readers that connect and vanish', () => {
  const READERS = 1000;
  const AT_ONCE = 50;

  it('contract 11, 26: while writers write, take no byte from other readers and leave nothing', async () => {
    const at = await probed();
    const steady: Wire[] = [];
    await at.leavesNothing(async () => {
      const paths = [1, 2, 3, 4].map((n) => `${PATH}${n}`);
      steady.length = 0;
      for (const path of paths) steady.push(await get(at.port, `/files?path=${path}&stream=true`));
      let over = false;
      const written = paths.map(() => 0);
      const writers = paths.map(async (path, writer) => {
        for (let size = 8; !over; size = (size * 5) % 40_000) {
          size -= size % 8;
          await at.put(path, pattern(written[writer]!, size));
          written[writer]! += size;
        }
      });
      const ways = ['end', 'destroy', 'resetAndDestroy'] as const;
      for (let group = 0; group < READERS; group += AT_ONCE) {
        const vanishing = Array.from({ length: AT_ONCE }, async (_, index) => {
          const n = group + index;
          const format = n % 2 === 0 ? 'raw' : 'frames';
          const wire = await get(at.port, `/files?path=${paths[n % 4]}&stream=true&format=${format}`);
          // Some disconnect before their response, some in the middle of it.
          if (n % 3 !== 0) await wire.head();
          wire.socket[ways[(n % 7) % 3]!]();
          if ((n % 7) % 3 === 0) wire.socket.resume();
        });
        await Promise.all(vanishing);
      }
      over = true;
      await Promise.all(writers);
      for (const path of paths) {
        await at.untilReaders(path, 1);
        await at.json('POST', `/end?path=${path}`);
      }
      for (const [writer, wire] of steady.entries()) {
        const response = await wire.lastResponse();
        expect(response.trailers).toMatchObject({
          'x-stream-end': 'ended',
          'x-stream-end-offset': String(written[writer]),
          'x-stream-skipped': '0',
        });
        expect(response.body.length).toBe(written[writer]);
        expect(isPattern(response.body, 0)).toBe(true);
      }
      for (const path of paths) await at.json('DELETE', `/files?path=${path}`);
    }, 2);
  });
});
