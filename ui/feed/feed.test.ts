import { describe, expect, it } from 'vitest';
import { type ReaderInfo, type StreamFSClient, StreamFSClientError } from '../../src/client/index.ts';
import { sparklinePath } from '../sparkline.tsx';
import { appended, EMPTY } from './history.ts';
import { Rates } from './rates.ts';
import { ServerFeed } from './server-feed.ts';
import { StreamsFeed } from './streams-feed.ts';

describe('rates', () => {
  it('are the increase over the elapsed time; unknown at first, and after a change of generation', () => {
    const rates = new Rates();
    const sample = (time: number, value: number, generation = 'one') => {
      const rate = rates.rate('x', generation, value, time);
      rates.endRound();
      return rate;
    };
    expect(sample(1000, 500)).toBeUndefined();
    expect(sample(3000, 1500)).toBe(500);
    expect(sample(4000, 1500)).toBe(0);
    expect(sample(5000, 10)).toBeUndefined();
    expect(sample(6000, 20, 'two')).toBeUndefined();
    expect(sample(7000, 30, 'two')).toBe(10);
  });

  it('are forgotten once their streams are gone', () => {
    const rates = new Rates();
    rates.rate('x', 'one', 1, 1000);
    rates.endRound();
    rates.endRound();
    expect(rates.rate('x', 'one', 2, 2000)).toBeUndefined();
  });
});

describe('the history of a figure', () => {
  it('has a hole for a time without polls', () => {
    let history = EMPTY;
    for (const [time, value] of [
      [0, 1],
      [2000, 2],
      [60_000, 3],
      [62_000, 4],
    ] as const) {
      history = appended(history, time, value);
    }
    expect(history.values).toEqual([1, 2, null, 3, 4]);
    expect(sparklinePath(history).match(/M/g)).toHaveLength(2);
  });

  it('has a hole for an unknown value, and keeps only the newest values', () => {
    let history = EMPTY;
    for (let at = 0; at < 500; at++) history = appended(history, at * 2000, at % 10 === 0 ? undefined : at);
    expect(history.values).toHaveLength(150);
    expect(history.values.at(-1)).toBe(499);
    expect(history.values.filter((value) => value === null)).toHaveLength(15);
    expect(history.times).toHaveLength(history.values.length);
  });
});

/** Polls once, as if the view were visible. */
async function poll(feed: ServerFeed | StreamsFeed): Promise<void> {
  await feed.poll(new AbortController().signal);
}

describe('the feed of streams', () => {
  it('asks for each directory page by page', async () => {
    const info = (name: string, isDir = false) => ({
      ...{ name, isDir, size: 0, mode: 0, modTime: '2026-01-01T00:00:00Z' },
      meta: { Name: 'streamfs', Type: isDir ? 'directory' : 'stream', Content: { generation: 'g', end_offset: '1' } },
    });
    const pages: Record<string, { files: object[]; next?: string }> = {
      '/s undefined': { files: [info('a'), info('d', true)], next: 'd' },
      '/s d': { files: [info('z')] },
      '/s/d undefined': { files: [info('b')] },
    };
    const asked: string[] = [];
    const api = {
      mounts: async () => [{ path: '/s', pluginName: 'streamfs', status: 'mounted' }],
      listPage: async (path: string, { after }: { after?: string }) => {
        asked.push(`${path} ${after}`);
        return pages[`${path} ${after}`];
      },
    };
    const feed = new StreamsFeed(api as unknown as StreamFSClient);
    await poll(feed);
    expect(asked).toEqual(['/s undefined', '/s d', '/s/d undefined']);
    expect(feed.rows.value.map(({ path }) => path)).toEqual(['/s/a', '/s/z', '/s/d/b']);
  });
});

describe('the feed of streams, while the log of one mount is unavailable', () => {
  it('updates the streams of other mounts and keeps those of that mount', async () => {
    const stream = (name: string) => ({
      ...{ name, isDir: false, size: 0, mode: 0, modTime: '2026-01-01T00:00:00Z' },
      meta: { Name: 'streamfs', Type: 'stream', Content: { generation: 'g', end_offset: '1' } },
    });
    const mounts = ['/s', '/log'].map((path) => ({ path, pluginName: 'streamfs', status: 'mounted' }));
    const listed: Record<string, string[] | undefined> = { '/s': ['a'], '/log': ['x', 'y'] };
    const api = {
      mounts: async () => mounts,
      listPage: async (path: string) => {
        const names = listed[path];
        if (names === undefined) throw new StreamFSClientError('http', 'no log', { code: 'LOG_UNAVAILABLE' });
        return { files: names.map(stream) };
      },
    };
    const feed = new StreamsFeed(api as unknown as StreamFSClient);
    const paths = () => feed.rows.value.map(({ path }) => path).sort();
    await poll(feed);
    expect(paths()).toEqual(['/log/x', '/log/y', '/s/a']);
    listed['/log'] = undefined;
    listed['/s'] = ['a', 'b'];
    await poll(feed);
    expect(paths()).toEqual(['/log/x', '/log/y', '/s/a', '/s/b']);
    listed['/log'] = ['y'];
    await poll(feed);
    expect(paths()).toEqual(['/log/y', '/s/a', '/s/b']);
  });
});

describe('the feed of readers', () => {
  it('converts the lag of a reader to the time in which those bytes were written, if any are', async () => {
    const reader: Partial<ReaderInfo> = { id: 1, generation: 'g', bytes: 0, offset: 1000, lag: 0 };
    const stats = {
      process: { started_at: 'x', event_loop_delay_ms: 0 },
      memory: { used: 0 },
      totals: { received: 0, delivered: 0, skipped: 0 },
    };
    const api = {
      health: async () => ({}),
      stats: async () => stats,
      readers: async () => ({ readers: [{ ...reader }], count: 1 }),
    };
    const feed = new ServerFeed(api as unknown as StreamFSClient);
    const behind = () => feed.readers.value[0]?.behind;
    await poll(feed);
    expect(behind()).toBeUndefined();
    const before = performance.now();
    reader.lag = 5000;
    await poll(feed);
    const most = performance.now() - before + 1000;
    // The time it took to write these bytes, with some tolerance.
    expect(behind()).toBeGreaterThan(0);
    expect(behind()).toBeLessThan(most);
    await poll(feed);
    expect(behind()).toBeUndefined();
  });
});
