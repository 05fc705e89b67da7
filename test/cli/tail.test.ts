import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { beginFrames, fakeServer, frame, gapFrame } from '../client/fake-server.ts';
import { waitFor } from '../harness/wait.ts';
import { cli, realServer } from './harness.ts';

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => `${from + n}\n`).join('');

/** A server with two streams of 20 lines and a file. */
async function filled() {
  const { url } = await realServer();
  const client = new StreamFSClient({ url });
  await client.write('/streamfs/a', numbers(1, 20));
  await client.write('/streamfs/b', numbers(101, 120));
  await client.write('/memfs/file', `${numbers(1, 20)}rest`);
  return { url, client };
}

describe('tail', () => {
  it.each([
    [[], numbers(11, 20)],
    [['-n', '3'], numbers(18, 20)],
    [['-3'], numbers(18, 20)],
    [['-n', '0'], ''],
    [['-n', '1000'], numbers(1, 20)],
    [['-c', '5'], '9\n20\n'],
  ])('%j prints the end of a stream and stops', async (options, expected) => {
    const { url } = await filled();
    const run = cli(['tail', ...options, '/streamfs/a'], { url });
    expect([await run.code, run.out(), run.err.text]).toEqual([0, expected, '']);
  });

  it.each([
    [['-n', '2'], '20\nrest'],
    [['-n', '0'], ''],
    [['-n', '1000'], `${numbers(1, 20)}rest`],
    [['-c', '6'], '0\nrest'],
  ])('%j prints the end of a file that is not a stream', async (options, expected) => {
    const { url } = await filled();
    const run = cli(['tail', ...options, '/memfs/file'], { url });
    expect([await run.code, run.out()]).toEqual([0, expected]);
  });

  it('puts headings before several, tries all, and exits with the first failure', async () => {
    const { url } = await filled();
    const run = cli(['tail', '-n', '1', '/streamfs/a', '/streamfs/absent', '/streamfs/b'], { url });
    expect(await run.code).toBe(EXIT.notFound.code);
    expect(run.out()).toBe('==> /streamfs/a <==\n20\n\n==> /streamfs/b <==\n120\n');
    expect(run.err.text).toBe('streamfs: /streamfs/absent: stream not found: /streamfs/absent\n');
    const quiet = cli(['-q', 'tail', '-n', '1', '/streamfs/a', '/streamfs/b'], { url });
    expect([await quiet.code, quiet.out()]).toEqual([0, '20\n120\n']);
  });

  it('follows several until they end, with a heading where the stream changes', async () => {
    const { url, client } = await filled();
    const run = cli(['tail', '-f', '-n', '1', '/streamfs/a', '/streamfs/b'], { url });
    await waitFor('the existing lines', () => run.out().endsWith('120\n'));
    await client.write('/streamfs/a', 'x\n');
    await waitFor('x', () => run.out().endsWith('x\n'));
    await client.write('/streamfs/a', 'y\n');
    await waitFor('y', () => run.out().endsWith('y\n'));
    await client.end('/streamfs/a', { status: 'exit 3' });
    await client.end('/streamfs/b');
    expect(await run.code).toBe(0);
    expect(run.out()).toBe('==> /streamfs/a <==\n20\n\n==> /streamfs/b <==\n120\n\n==> /streamfs/a <==\nx\ny\n');
    expect(run.err.text).toBe('streamfs: /streamfs/a: ended at offset 55: exit 3\n');
  });

  it('--prefix and --timestamps mark whole lines, in colour on a terminal only', async () => {
    const { url, client } = await filled();
    const run = cli(['tail', '-f', '-n', '1', '--prefix', '--timestamps', '/streamfs/a', '/streamfs/b'], { url });
    await waitFor('the existing lines', () => run.out().endsWith('120\n'));
    await client.write('/streamfs/a', 'beg');
    await client.write('/streamfs/b', 'other\n');
    await waitFor('other', () => run.out().endsWith('other\n'));
    await client.write('/streamfs/a', 'in\nlast', { end: true });
    await client.end('/streamfs/b');
    expect(await run.code).toBe(0);
    const lines = run.out().split('\n');
    const times = lines.slice(0, -1).map((line) => line.slice(0, 24));
    for (const time of times) expect(new Date(time).toISOString()).toBe(time);
    expect(lines.map((line) => line.slice(25))).toEqual([
      ...['/streamfs/a: 20', '/streamfs/b: 120', '/streamfs/b: other', '/streamfs/a: begin', '/streamfs/a: last', ''],
    ]);
  });

  it('contract 9, 90: a loss is reported, and is exit code 8; bytes lost before the start are only reported', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      const frames = [gapFrame(0, 10, 0), frame('data', 10, 'a'), gapFrame(11, 21, 1), frame('data', 21, 'b')];
      response.end(Buffer.concat([...frames, frame('end', 22, 'ended')]));
    });
    const run = cli(['tail', '-f', '-c', '30', '/s/x'], { url: server.url });
    expect([await run.code, run.out()]).toEqual([EXIT.lost.code, 'ab']);
    expect(run.err.text).toMatch(/begins at offset 10: .*\n.*lost 10 bytes, offsets 11 to 20/);
  });

  it('contract 89: continues after a restart of the server', async () => {
    const first = await realServer();
    const port = new URL(first.url).port;
    await new StreamFSClient({ url: first.url }).write('/streamfs/a', 'one\n');
    const run = cli(['tail', '-f', '/streamfs/a'], { url: first.url });
    await waitFor('one', () => run.out() === 'one\n');
    await first.shutdown();
    await realServer({}, `127.0.0.1:${port}`);
    await new StreamFSClient({ url: first.url }).write('/streamfs/a', 'two\n', { end: true });
    expect([await run.code, run.out()]).toEqual([0, 'one\ntwo\n']);
    expect(run.err.text).toContain('this is a new stream');
  });

  it('refuses what cannot be meant', async () => {
    const { url } = await filled();
    for (const [argv, why] of [
      [['-n', '1', '-c', '1', '/streamfs/a'], '--lines and --bytes exclude each other'],
      [['--no-create', '/streamfs/a'], '--no-create needs --follow'],
      [['-f', '--no-reconnect', '--retry-for', '1s', '/streamfs/a'], '--no-reconnect and --retry-for exclude'],
      [['-n', '-1', '/streamfs/a'], 'expected a whole number'],
      [['-3'], "missing required argument 'path'"],
      [['-f', '/memfs/file'], 'this is not a stream: leave out --follow'],
    ] as const) {
      const run = cli(['tail', ...argv], { url });
      expect([await run.code, run.err.text]).toEqual([EXIT.usage.code, expect.stringContaining(why)]);
    }
  });
});

describe('cat --snapshot', () => {
  it('prints what is retained, or the last of it, and stops; a file as it is', async () => {
    const { url } = await filled();
    for (const [argv, expected] of [
      [['/streamfs/a'], numbers(1, 20)],
      [['--last-lines', '2', '/streamfs/a'], numbers(19, 20)],
      [['--last', '3', '/streamfs/a'], '20\n'],
      [['--offset', '48', '/streamfs/a'], '20\n'],
      [['/memfs/file'], `${numbers(1, 20)}rest`],
    ] as const) {
      const run = cli(['cat', '--snapshot', ...argv], { url });
      expect([await run.code, run.out(), run.err.text]).toEqual([0, expected, '']);
    }
    const both = cli(['cat', '--snapshot', '--stream', '/streamfs/a'], { url });
    expect([await both.code, both.err.text]).toEqual([EXIT.usage.code, expect.stringContaining('exclude each other')]);
    const live = cli(['cat', '--snapshot', '--from', 'live', '/streamfs/a'], { url });
    expect(await live.code).toBe(EXIT.usage.code);
  });
});
