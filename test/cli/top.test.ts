import { describe, expect, it } from 'vitest';
import type { Sample, StreamRow } from '../../src/cli/top/sample.ts';
import { render, SORT_NAMES, sorted, type View } from '../../src/cli/top/view.ts';
import type { ReaderInfo } from '../../src/client/index.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { waitFor } from '../harness/wait.ts';
import { cli, realServer } from './harness.ts';

const VIEW: View = { url: 'http://127.0.0.1:8080/api/v1', sort: 'rate', isReversed: false, scroll: 0 };

const row = (n: number): StreamRow => ({
  path: `/streamfs/a/rather/long/directory/of/streams/${n}`,
  ...{ state: n % 2 === 0 ? 'open' : 'ended: exit 1', readers: n, written: n * 1_000_000, retained: n },
  ...{ disk: undefined, lost: 1000 - n, lag: n % 7, age: n * 1000, contentType: '-', rate: n * 10_000_000 },
});

const reader = (id: number): ReaderInfo => ({
  ...{ id, path: '/streamfs/x', address: '[fe80::1234:5678:9abc:def0]:54321', since: '', kind: 'raw' },
  ...{ policy: 'drop-oldest', state: 'catching-up', offset: 0, lag: id * 1_000_000, allowed_lag: 1 },
  ...{ bytes: 0, skipped_bytes: 5, skipped_chunks: 1, generation: 'g' },
});

const sample = (streams: number, slow: number): Sample => ({
  ...{ at: 0, readers: slow, failures: [] },
  streams: Array.from({ length: streams }, (_, n) => row(n)),
  slow: Array.from({ length: slow }, (_, n) => reader(n + 1)),
});

describe('the output of top', () => {
  it.each([
    [80, 24],
    [40, 10],
    [200, 60],
    [20, 3],
  ])('of 1,000 streams and 100 slow readers fits %i x %i', (width, height) => {
    const { lines } = render(sample(1000, 100), VIEW, { width, height });
    expect(lines.length).toBeLessThanOrEqual(height);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
  });

  it('is this at 80 x 24', () => {
    const { lines } = render(sample(1000, 100), VIEW, { width: 80, height: 24 });
    expect(lines).toHaveLength(24);
    expect(lines.slice(0, 4)).toEqual([
      'http://127.0.0.1:8080: 1000 streams, 500 open; 100 readers; 4.5TB/s',
      'sort by: r rate*  w written  n readers  l lag  x lost  a age  p path   q quits',
      '',
      'STREAM                    STATE READERS   RATE/s  WRITTEN      LAG     LOST  AGE',
    ]);
    expect(lines[4]).toMatch(/^…\S*streams\/999 +ended +999 +9\.3GB +952\.7MB +5B +1B +16m$/);
    expect(lines.at(-9)).toMatch(/^1 to \d+ of 1000 streams; arrows and space scroll$/);
    expect(lines.at(-8)).toBe('');
    expect(lines.at(-7)).toBe('slow readers, the first 5 of 100:');
  });

  it('sorts by each column, both ways, and by path where they are alike', () => {
    const { streams } = sample(20, 0);
    for (const sort of SORT_NAMES) {
      const there = sorted(streams, { sort, isReversed: false }).map(({ path }) => path);
      const back = sorted(streams, { sort, isReversed: true }).map(({ path }) => path);
      expect(back, sort).toEqual(there.toReversed());
    }
    expect(sorted(streams, { sort: 'readers', isReversed: false })[0]?.readers).toBe(19);
    expect(sorted(streams, { sort: 'age', isReversed: false })[0]?.age).toBe(0);
    expect(
      sorted(streams, { sort: 'lag', isReversed: false })
        .slice(0, 2)
        .map(({ readers }) => readers),
    ).toEqual([13, 6]);
  });

  it('scrolls no further than to the last', () => {
    const { lines, scroll } = render(sample(100, 0), { ...VIEW, scroll: 1_000_000 }, { width: 80, height: 24 });
    expect(scroll).toBe(80);
    expect(lines.at(-1)).toBe('81 to 99 of 100 streams; arrows and space scroll');
  });

  it('shows names with nothing in them that a terminal would obey', () => {
    const { lines } = render(
      { at: 0, readers: 0, failures: [], slow: [], streams: [{ ...row(1), path: '/x\x1b[2J' }] },
      { ...VIEW, problem: 'bad\x07' },
      { width: 80, height: 24 },
    );
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
  });
});

describe('top', () => {
  it('on a pipe is one table of all streams, with --json exact', async () => {
    const { url } = await realServer();
    const client = new StreamFSClient({ url });
    for (const name of ['b', 'deep/er/c']) await client.write(`/streamfs/${name}`, 'abc');
    await client.end('/streamfs/b', { status: 'exit 3' });
    const run = cli(['top', '--sort', 'path'], { url });
    expect(await run.code).toBe(0);
    const lines = run.out().trimEnd().split('\n');
    expect(lines[0]).toMatch(/: 2 streams, 1 open; 0 readers; 0B\/s$/);
    expect(lines.slice(2).map((line) => line.split(/\s+/).slice(0, 3))).toEqual([
      ...[
        ['STREAM', 'STATE', 'READERS'],
        ['/streamfs/b', 'ended', '0'],
        ['/streamfs/deep/er/c', 'open', '0'],
      ],
    ]);
    const json = cli(['--json', 'top', '/streamfs/deep'], { url });
    await json.code;
    expect(JSON.parse(json.out())).toMatchObject({ streams: [{ path: '/streamfs/deep/er/c', written: 3, rate: 0 }] });
    const one = cli(['--json', 'top', '/streamfs/b'], { url });
    await one.code;
    expect(JSON.parse(one.out())).toMatchObject({ streams: [{ path: '/streamfs/b', state: 'ended: exit 3' }] });
  });

  it('shows the streams of other mounts while the shared log of one cannot be reached, and fails with that', async () => {
    const { url } = await realServer();
    const client = new StreamFSClient({ url });
    await client.write('/streamfs/shown', 'abc');
    await client.mount('streamfs', '/away', { log: 'redis://127.0.0.1:1', log_deadline: '100ms' });
    const run = cli(['top'], { url });
    expect(await run.code).toBe(1);
    expect(run.out()).toContain('/streamfs/shown');
    expect(run.err.text).toMatch(/^streamfs: the log of this mount, redis:\/\/127\.0\.0\.1:1, cannot be reached .*\n$/);
    const screen = cli(['top', '--interval', '50ms'], { url, inIsTerminal: true, outIsTerminal: true });
    await waitFor('the stream', () => screen.out().includes('/streamfs/shown'));
    expect(screen.out()).toContain('cannot be reached');
    screen.stdin.write('q');
    expect(await screen.code).toBe(0);
    const only = cli(['top', '/away'], { url });
    expect([await only.code, only.out()]).toEqual([1, '']);
  });

  it('fails where there is nothing to watch', async () => {
    const { url } = await realServer();
    const run = cli(['top', '/nowhere'], { url });
    expect(await run.code).toBe(3);
  });

  it('on a terminal redraws in place what comes, and q leaves it as it was', async () => {
    const { url } = await realServer();
    const client = new StreamFSClient({ url });
    await client.write('/streamfs/first', 'abc');
    const run = cli(['top', '--interval', '50ms'], { url, inIsTerminal: true, outIsTerminal: true });
    await waitFor('the first stream', () => run.out().includes('/streamfs/first'));
    await client.write('/streamfs/second', 'abc');
    await waitFor('the second', () => run.out().includes('/streamfs/second'));
    run.stdin.write('q');
    expect(await run.code).toBe(0);
    expect(run.out().startsWith('\x1b[?1049h')).toBe(true);
    expect(run.out().endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l')).toBe(true);
  });
});
