/** Contract 88: lines of several command lines in one stream, in their default mode, as users run them. */
import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { runStreamfs, streamfs } from './harness/commands.ts';
import { cuttableProxyTo } from './harness/cuttable-proxy.ts';
import { server } from './harness/server.ts';

const PATH = '/streamfs/lines';
const WRITE = ['write', '--stream', '--atomic', 'lines', '-q', PATH];

const snapshot = async (at: { url: string }) =>
  (await fetch(`${at.url}/api/v1/files?path=${PATH}&snapshot=true`)).text();

/** A pause of the source, longer than the time after which an append is closed. */
async function pause(): Promise<void> {
  const begun = performance.now();
  await waitFor('a pause', () => performance.now() - begun > 1500);
}

describe('contract 88: write --stream --atomic lines', () => {
  it('a pause in the middle of a line lets no other line in', async () => {
    const at = await server();
    const one = streamfs(at.url, WRITE);
    one.stdin.write('A-zero\nA-one ');
    await at.untilWritten(PATH, 'A-zero\n'.length);
    await pause();
    expect((await runStreamfs(at.url, WRITE, 'B-line\n')).code).toBe(0);
    await pause();
    one.stdin.end('A-two');
    expect((await one.result()).code).toBe(0);
    expect(await snapshot(at)).toBe('A-zero\nB-line\nA-one A-two\n');
  });

  it('a line that a killed writer leaves is completed, and joined with no other', async () => {
    const at = await server({ streamfs: { line_timeout: '100ms' } });
    const killed = streamfs(at.url, WRITE);
    killed.stdin.write('whole\nunfinished');
    await at.untilWritten(PATH, 'whole\n'.length);
    killed.kill('SIGKILL');
    await killed.exited;
    await runStreamfs(at.url, WRITE, 'other\n');
    await at.untilWritten(PATH, 'whole\nunfinished\nother\n'.length);
    expect((await snapshot(at)).split('\n').sort()).toEqual(['', 'other', 'unfinished', 'whole']);
  });

  it('lines of three writers that write in blocks are whole and there once, however often their connections are cut', async () => {
    const at = await server({
      streamfs: { ring_buffer_size: '64MB', channel_buffer_size: '64MB', line_timeout: '1h' },
    });
    const proxy = await cuttableProxyTo(at.port);
    const LINES = 3000;
    const sources = ['a', 'b', 'c'].map((name) =>
      Buffer.from(
        Array.from({ length: LINES }, (_, n) => `${name}-${n}-${name.repeat(1 + ((n * 37) % 400))}\n`).join(''),
      ),
    );
    const writers = sources.map(() => streamfs(proxy.url, WRITE));
    let cuts = 0;
    // As a program with a buffer of 4 KiB writes: blocks do not end at line ends.
    const BLOCK = 4096;
    const longest = Math.max(...sources.map(({ length }) => length));
    for (let from = 0; from < longest; from += BLOCK) {
      for (const [index, source] of sources.entries()) {
        const block = source.subarray(from, from + BLOCK);
        if (block.length > 0) writers[index]!.stdin.write(block);
      }
      if ((from / BLOCK) % 25 !== 24) continue;
      const sent = sources.reduce((sum, { length }) => sum + Math.min(length, from + BLOCK), 0);
      // Some of the sent bytes have arrived, and each writer is in the middle of a line.
      await at.untilWritten(PATH, sent - 3 * BLOCK - 2000);
      proxy.cutAll();
      cuts += 1;
    }
    for (const writer of writers) writer.stdin.end();
    for (const writer of writers) expect((await writer.result()).code).toBe(0);
    expect(cuts).toBeGreaterThan(4);
    const written = (await snapshot(at)).split('\n');
    const expected = sources.flatMap((source) => source.toString().split('\n').slice(0, -1));
    expect(written.pop()).toBe('');
    expect(written.length).toBe(3 * LINES);
    expect(written.sort()).toEqual(expected.sort());
  });
});
