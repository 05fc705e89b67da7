import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytesNow, recordsNow, until } from '../../core/helpers.ts';
import { bytes, mount, openReader, recorder } from './setup.ts';

describe('contract 8: slow readers in the log', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('are one line a second for all streams together, which names the one that lost most and the sums', async () => {
    const { lines, logger } = recorder();
    const { fs } = await mount({ ring_buffer_size: '4B', channel_buffer_size: '4B' }, logger);
    const lose = async (path: string, text: string) => {
      const reader = await openReader(fs, path, { start: { from: 'live' } });
      await fs.write(path, bytes(text));
      await recordsNow(reader);
      reader.close();
    };
    await lose('/a', '0123456789');
    for (let n = 0; n < 20; n++) await lose(`/many/${n}`, '0123456789');
    await lose('/worst', '0123456789abcdef');
    const warnings = () => lines.filter(({ message }) => message === 'readers too slow').map(({ facts }) => facts);
    expect(warnings()).toEqual([{ stream: '/streamfs/a', skippedBytes: 6, skippedChunks: 1 }]);
    vi.advanceTimersByTime(1000);
    expect(warnings().slice(1)).toEqual([
      { stream: '/streamfs/worst', streams: 21, skippedBytes: 20 * 6 + 12, skippedChunks: 21 },
    ]);
    vi.advanceTimersByTime(5000);
    expect(warnings()).toHaveLength(2);
    await lose('/a', '0123456789');
    expect(warnings()).toHaveLength(3);
  });

  it('report the remaining losses when the mount is removed', async () => {
    const { lines, logger } = recorder();
    const { fs, instance } = await mount({ channel_buffer_size: '4B', on_lag: 'disconnect' }, logger);
    const readers = [await openReader(fs, '/a'), await openReader(fs, '/a'), await openReader(fs, '/a')];
    for (const reader of readers) await recordsNow(reader);
    const cuts = () => lines.filter(({ message }) => message === 'reader cut off').map(({ facts }) => facts);
    await fs.write('/a', bytes('0123456789'));
    await until(() => readers.every((reader) => reader.isClosed));
    expect(cuts()).toMatchObject([{ stream: '/streamfs/a', reader: readers[0]!.id }]);
    await instance.shutdown();
    expect(cuts().slice(1)).toMatchObject([{ stream: '/streamfs/a', reader: readers[2]!.id, count: 2 }]);
  });
});

describe('the totals of a mount', () => {
  it('add up what its streams have come to, and count on when a stream goes and another comes in its place', async () => {
    const { fs, instance } = await mount({ ring_buffer_size: '10B', channel_buffer_size: '10B' });
    const reader = await openReader(fs, '/a');
    const other = await openReader(fs, '/b');
    const writer = await fs.openWrite('/b');
    await fs.write('/a', bytes('0123456789'));
    await fs.write('/a', bytes('0123456789'));
    expect(instance.totals!()).toEqual({
      ...{ streams: 2, readers: 2, writers: 1, retainedBytes: 10, maxLag: 20 },
      ...{ receivedBytes: 20, receivedChunks: 2, deliveredBytes: 0, deliveredChunks: 0 },
      ...{ skippedBytes: 0, skippedChunks: 0 },
    });
    expect((await bytesNow(reader)).length).toBe(10);
    await fs.remove('/a');
    await writer.close();
    other.close();
    // Its reader is still open, and may read more of it.
    const counted = { receivedBytes: 20, receivedChunks: 2, deliveredBytes: 10, deliveredChunks: 1, skippedBytes: 10 };
    expect(instance.totals!()).toMatchObject({ ...counted, streams: 1, readers: 1, writers: 0 });
    reader.close();
    expect(instance.totals!()).toMatchObject({ ...counted, readers: 0, retainedBytes: 0 });
    await fs.write('/a', bytes('x'));
    expect(instance.totals!()).toMatchObject({ ...counted, receivedBytes: 21, receivedChunks: 3 });
  });

  it('count a stream once that its writer ended before it was removed', async () => {
    const { fs, instance } = await mount();
    await fs.write('/a', bytes('abc'));
    await fs.end('/a');
    await fs.remove('/a');
    await instance.shutdown();
    expect(instance.totals!()).toMatchObject({ streams: 0, receivedBytes: 3, retainedBytes: 0 });
  });
});
