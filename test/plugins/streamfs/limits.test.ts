import { describe, expect, it } from 'vitest';
import { LAG_POLICIES, MemoryBudget } from '../../../src/core/index.ts';
import { PRODUCER_COST } from '../../../src/core/producers.ts';
import { STREAM_COST } from '../../../src/core/stream-memory.ts';
import { LimitCounters } from '../../../src/fs/index.ts';
import { StreamFileSystem } from '../../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../../src/plugins/streamfs/settings.ts';
import { recordsNow, until } from '../../core/helpers.ts';
import { FakeClock } from '../../fs/fake-clock.ts';
import { bytes, failure, mount, openReader, recorder } from './setup.ts';

const MB = 1024 * 1024;

/** A mount with a clock that the test moves. */
function withClock(config: Record<string, unknown>) {
  const clock = new FakeClock();
  const limits = new LimitCounters();
  const { lines, logger } = recorder();
  const fs = new StreamFileSystem(parseSettings(config), { logger, limits }, clock);
  const names = async () => (await fs.readDir('/')).map(({ name }) => name).filter((name) => name !== 'README');
  return { fs, clock, limits, lines, names };
}

describe('contract 36: idle streams', () => {
  it('expire when not written to for the idle timeout; readers get the remaining bytes, then the end', async () => {
    const { fs, clock, limits, lines, names } = withClock({ idle_timeout: '60s' });
    await fs.write('/a', bytes('abc'));
    await fs.write('/b', bytes('x'));
    const reader = await openReader(fs, '/a');
    clock.advance(50_000);
    expect(await names()).toEqual(['a', 'b']);
    await fs.write('/b', bytes('y'));
    clock.advance(30_000);
    expect(await names()).toEqual(['b']);
    expect(await recordsNow(reader)).toMatchObject([
      { type: 'data', offset: 0 },
      { type: 'end', offset: 3, reason: 'expired' },
    ]);
    clock.advance(60_000);
    expect(await names()).toEqual([]);
    expect(limits.get('idle_timeout')).toBe(2);
    // At most one line a second: the rest is reported at the end.
    const expiries = () => lines.filter(({ message }) => message === 'stream expired').map(({ facts }) => facts);
    expect(expiries()).toHaveLength(1);
    fs.shutdown();
    expect(expiries()).toEqual([
      { stream: '/a', readers: 1, totalWritten: 3 },
      { stream: '/b', readers: 0, totalWritten: 2 },
    ]);
  });

  it('are in no part of a listing, nor are directories with none but those; others come in their place', async () => {
    const { fs, clock } = withClock({ idle_timeout: '60s' });
    const page = async (path: string, after?: string) =>
      (await fs.readDirPage(path, { after, limit: 2 })).map(({ name }) => name);
    for (const path of ['/a', '/b/x/1', '/b/x/2', '/b/y', '/d']) await fs.write(path, bytes('x'));
    clock.standStill(40_000);
    for (const path of ['/c', '/e/1', '/f']) await fs.write(path, bytes('x'));
    clock.standStill(30_000);
    expect(await page('/')).toEqual(['README', 'c']);
    expect(await page('/', 'a')).toEqual(['c', 'e']);
    expect(await page('/', 'e')).toEqual(['f']);
    expect(await failure(fs.readDirPage('/b', { after: undefined, limit: 2 }))).toContain('STREAM_NOT_FOUND 404');
    clock.standStill(40_000);
    expect(await failure(fs.readDirPage('/e', { after: undefined, limit: 2 }))).toContain('STREAM_NOT_FOUND 404');
    expect(await page('/')).toEqual(['README']);
    expect(fs.totals().streams).toBe(0);
  });

  it('are looked at a slice at a time, and others have their turn between two', async () => {
    const { fs, clock } = withClock({ idle_timeout: '60s' });
    for (let n = 0; n < 3000; n++) await fs.write(`/${n}`, bytes('x'));
    clock.standStill(60_000);
    clock.advance(0);
    expect(fs.totals().streams).toBe(3000 - 512);
    await until(() => fs.totals().streams === 0);
    expect(clock.pending).toBe(0);
  });

  it('are one line of the log a second, however many go at once', async () => {
    const { fs, clock, limits, lines } = withClock({ idle_timeout: '60s' });
    for (let n = 0; n < 500; n++) await fs.write(`/${n}`, bytes('x'));
    clock.advance(80_000);
    expect(limits.get('idle_timeout')).toBe(500);
    fs.shutdown();
    const expiries = lines.filter(({ message }) => message === 'stream expired');
    expect(expiries.map(({ facts }) => facts.count ?? 1)).toEqual([1, 499]);
  });

  it('stay while they are touched, and while a body is on its way into them', async () => {
    const { fs, clock, names } = withClock({ idle_timeout: '60s' });
    await fs.create('/touched');
    const writer = await fs.openWrite('/open');
    for (let n = 0; n < 10; n++) {
      clock.advance(40_000);
      await fs.touch('/touched');
      // The time of day may stand still; the time of the last use counts.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(await names()).toEqual(['open', 'touched']);
    await writer.close();
    clock.advance(80_000);
    expect(await names()).toEqual([]);
  });

  it('never expire by default, and any number of them share one timer', async () => {
    const never = withClock({});
    await never.fs.create('/a');
    expect(never.clock.pending).toBe(0);
    const { fs, clock } = withClock({ idle_timeout: '1h' });
    for (let n = 0; n < 100; n++) await fs.create(`/${n}`);
    expect(clock.pending).toBe(1);
    fs.shutdown();
    expect(clock.pending).toBe(0);
  });

  it('that come when none is left are watched again', async () => {
    const { fs, clock, names } = withClock({ idle_timeout: '10s' });
    for (let n = 0; n < 2; n++) {
      await fs.create('/a');
      clock.advance(20_000);
      expect(await names()).toEqual([]);
      expect(clock.pending).toBe(0);
    }
  });
});

describe('limits of a mount', () => {
  it('streams: one more is refused, whichever way it would come, until another has gone', async () => {
    const { fs } = await mount({ max_streams: 2 });
    await fs.create('/a');
    await openReader(fs, '/b');
    const refused = 'STREAM_LIMIT 429 too many streams: 2 are allowed for each mount';
    expect(await failure(fs.create('/c'))).toBe(refused);
    expect(await failure(fs.touch('/c'))).toBe(refused);
    expect(await failure(fs.write('/c', bytes('x')))).toBe(refused);
    expect(await failure(fs.openStream('/c'))).toBe(refused);
    expect(await failure(fs.openHandle('/c', { flags: 1, mode: 0 }))).toBe(refused);
    await fs.write('/a', bytes('x'));
    await fs.remove('/a');
    await fs.create('/c');
  });

  it('contract 36: an auto-created stream that was not written to makes room with its last reader', async () => {
    const { fs } = await mount({ max_streams: 1 });
    const reader = await openReader(fs, '/a');
    reader.close();
    await fs.create('/b');
  });

  it.each([
    ['max_streams', -1],
    ['max_streams', 'many'],
    ['max_readers', 1.5],
    ['idle_timeout', 'soon'],
  ])('%s: %s is refused', async (key, value) => {
    expect(() => parseSettings({ [key]: value })).toThrow(key);
  });

  it('0 is for any number', () => {
    expect(parseSettings({ max_streams: '0', max_readers: 0, idle_timeout: 0 })).toMatchObject({
      maxStreams: Number.POSITIVE_INFINITY,
      maxReaders: Number.POSITIVE_INFINITY,
      idleTimeout: 0,
    });
  });
});

describe('the memory of a mount', () => {
  it('comes back whole, whatever becomes of its streams and readers', async () => {
    const memory = new MemoryBudget(0);
    const { logger } = recorder();
    const fs = new StreamFileSystem(
      parseSettings({ ring_buffer_size: '1MB', channel_buffer_size: '1MB', block_timeout: '1ms' }),
      {
        logger,
        memory,
      },
    );
    for (let n = 0; n < 8; n++) {
      const path = `/${n}`;
      const reader = await openReader(fs, path, { onLag: LAG_POLICIES[n % LAG_POLICIES.length] });
      reader.peek();
      for (let k = 0; k < 4; k++) await fs.write(path, new Uint8Array(MB));
      if (n % 2 === 0) reader.close();
      if (n % 3 === 0) await fs.remove(path);
      reader.close();
    }
    expect(memory.used).toBeGreaterThan(4 * MB);
    fs.shutdown();
    expect(memory).toMatchObject({ used: 0, holderCount: 0 });
  });

  it('contract 72: is charged for the producers of its streams, and comes back when they have been idle, or their stream goes', async () => {
    const memory = new MemoryBudget(0);
    const clock = new FakeClock();
    const fs = new StreamFileSystem(
      parseSettings({ producer_ttl: '10m' }),
      { logger: recorder().logger, memory },
      clock,
    );
    const append = async (path: string, id: string) => {
      const writer = await fs.openProducerWrite(path, { id, epoch: 0, seq: 0 });
      await writer.write(bytes('x'));
      await writer.close();
    };
    for (const path of ['/a', '/b', '/c']) await fs.create(path);
    const before = memory.fixed;
    for (let n = 0; n < 50; n++) for (const path of ['/a', '/b']) await append(path, `p${n}`);
    expect(memory.fixed).toBe(before + 100 * PRODUCER_COST);
    expect(clock.pending).toBe(1);
    await fs.remove('/b');
    const gone = before - STREAM_COST - 4 * '/b'.length;
    expect(memory.fixed).toBe(gone + 50 * PRODUCER_COST);
    clock.advance(8 * 60_000);
    await append('/a', 'late');
    clock.advance(4 * 60_000);
    expect(memory.fixed).toBe(gone + PRODUCER_COST);
    clock.advance(20 * 60_000);
    expect(memory.fixed).toBe(gone);
    expect(clock.pending).toBe(0);
    // Nothing of a removed stream is remembered, in particular no timer.
    await append('/c', 'p');
    expect(clock.pending).toBe(1);
    await fs.remove('/c');
    expect(clock.pending).toBe(0);
  });

  it('is given back by a removed stream only when its last reader has gone', async () => {
    const memory = new MemoryBudget(0);
    const fs = new StreamFileSystem(parseSettings({}), { logger: recorder().logger, memory });
    const reader = await openReader(fs, '/a');
    await fs.write('/a', new Uint8Array(MB));
    await fs.remove('/a');
    expect(memory.history).toBeGreaterThan(MB);
    reader.close();
    expect(memory.used).toBe(0);
  });
});
