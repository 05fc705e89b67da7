/** Streams on disk whose ttl continues while the server is down. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reader } from '../../src/core/index.ts';
import type { StreamSettings } from '../../src/fs/index.ts';
import { StreamFileSystem } from '../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../src/plugins/streamfs/settings.ts';
import { recorder } from '../app/recorder.ts';
import { FakeClock } from '../fs/fake-clock.ts';
import { waitFor } from '../harness/wait.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let root: string;
let directory: string;
let clock: FakeClock;
let logger: ReturnType<typeof recorder>;
let open: StreamFileSystem[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'streamfs-expired-'));
  directory = join(root, '0');
  clock = new FakeClock();
});

afterEach(async () => {
  for (const fs of open) await fs.shutdown();
  open = [];
  await rm(root, { recursive: true, force: true });
});

async function start(config: Record<string, unknown> = {}): Promise<StreamFileSystem> {
  logger = recorder();
  const settings = parseSettings({ persist: directory, ...config });
  const fs = await StreamFileSystem.open(settings, { logger }, clock);
  open.push(fs);
  return fs;
}

/** A period without a server; by the system clock it is longer or shorter if the clock is set meanwhile. */
async function away(fs: StreamFileSystem, milliseconds: number, config?: Record<string, unknown>) {
  open = open.filter((one) => one !== fs);
  await fs.shutdown();
  clock.standStill(milliseconds);
  return start(config);
}

/** The same after a kill: with what is on disk at this moment. */
async function killed(fs: StreamFileSystem, milliseconds: number, config?: Record<string, unknown>) {
  const copy = join(root, String(open.length));
  await cp(directory, copy, { recursive: true });
  await rm(join(copy, 'LOCK'));
  await fs.shutdown();
  directory = copy;
  clock.standStill(milliseconds);
  return start(config);
}

const bytes = (text: string) => Buffer.from(text);

async function create(fs: StreamFileSystem, path: string, settings: StreamSettings) {
  await fs.create(path, { settings });
  await fs.write(path, bytes('bytes'));
}

const names = async (fs: StreamFileSystem) => (await fs.readDir('/')).map(({ name }) => name).slice(1);

async function reader(fs: StreamFileSystem, path: string): Promise<Reader> {
  const source = await fs.openStream(path, { create: false });
  if (source.kind !== 'live') throw new Error(`${path} is no stream`);
  return source.reader;
}

/** Waits until the file system's timer has saved its state. */
async function saved(fs: StreamFileSystem, path: string): Promise<void> {
  await fs.create(`${path}-saved`);
  await fs.remove(`${path}-saved`);
}

describe('a stream on disk that expires while the server is down', () => {
  it('is not there any more: not for reads, listings, stat, counts, nor on disk', async () => {
    let fs = await start();
    await create(fs, '/d/over', { ttl: HOUR });
    await fs.write('/d/over', Buffer.alloc(200_000));
    await create(fs, '/left', { ttl: 3 * HOUR });
    expect(await readdir(join(directory, 'data'))).toHaveLength(1);
    fs = await away(fs, HOUR);
    expect(fs.totals().streams).toBe(1);
    expect(fs.totals().receivedBytes).toBe(5);
    expect(await names(fs)).toEqual(['left']);
    for (const ask of [
      () => fs.stat('/d/over'),
      () => fs.snapshot('/d/over'),
      () => fs.openStream('/d/over', { create: false }),
      () => fs.remove('/d/over'),
      () => fs.streams().find('/d/over'),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
    }
    await expect(fs.readDir('/d')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
    expect(logger.lines).toContainEqual({
      level: 'info',
      message: 'streams expired while the server was down',
      facts: { streams: 1 },
    });
    await waitFor(async () => (await readdir(join(directory, 'data'))).length === 0);
    // Its path is free for another stream.
    await fs.write('/d/over', bytes('new'));
    expect((await fs.stat('/d/over')).size).toBe(3);
  });

  it('stays gone after one more restart, by a clock that was set back again', async () => {
    let fs = await start();
    await create(fs, '/over', { ttl: HOUR });
    fs = await away(fs, 2 * HOUR);
    clock.setBy(-2 * HOUR);
    fs = await away(fs, 0);
    expect(await names(fs)).toEqual([]);
  });

  it('is gone by its absolute time as well, and by the idle time of its mount, which is counted', async () => {
    let fs = await start();
    await create(fs, '/at', { expiresAt: clock.timeOfDay() + HOUR });
    fs = await away(fs, HOUR);
    expect(fs.totals().streams).toBe(0);
    fs = await away(fs, 0, { idle_timeout: '1h' });
    await fs.write('/idle', bytes('x'));
    fs = await away(fs, HOUR - 1, { idle_timeout: '1h' });
    expect(await names(fs)).toEqual(['idle']);
    fs = await away(fs, 1, { idle_timeout: '1h' });
    expect(fs.totals().streams).toBe(0);
  });

  it('leaves its name to its forks', async () => {
    let fs = await start();
    await create(fs, '/source', { type: 'text/plain', ttl: HOUR });
    const options = { data: bytes(''), end: false, settings: { type: 'text/plain', ttl: 24 * HOUR } };
    await fs.streams().create('/fork', { ...options, fork: { source: '/source', beyond: 0 } });
    fs = await away(fs, 2 * HOUR);
    expect(await names(fs)).toEqual(['fork']);
    await expect(fs.stat('/source')).rejects.toMatchObject({ code: 'STREAM_GONE' });
    await fs.remove('/fork');
    await expect(fs.stat('/source')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });
});

describe('a stream with a time to live that is kept on disk', () => {
  it('has the rest of its time left after a restart', async () => {
    let fs = await start();
    await create(fs, '/a', { ttl: HOUR });
    clock.advance(20 * MINUTE);
    fs = await away(fs, 20 * MINUTE);
    clock.advance(19 * MINUTE);
    expect(await names(fs)).toEqual(['a']);
    clock.advance(MINUTE);
    await expect(fs.stat('/a')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it('is kept by a reader up to the stop, and not beyond', async () => {
    let fs = await start();
    await create(fs, '/a', { ttl: HOUR });
    await reader(fs, '/a');
    clock.advance(5 * HOUR);
    fs = await away(fs, HOUR - MINUTE);
    expect(await names(fs)).toEqual(['a']);
    fs = await away(fs, MINUTE);
    expect(await names(fs)).toEqual([]);
  });

  it('has its time from the last read on, also after a kill', async () => {
    let fs = await start();
    for (const path of ['/stop', '/kill']) {
      await create(fs, path, { ttl: HOUR });
      clock.advance(50 * MINUTE);
      (await reader(fs, path)).close();
      clock.advance(MINUTE);
      await saved(fs, path);
      fs = await (path === '/stop' ? away : killed)(fs, 58 * MINUTE);
      expect(await names(fs)).toContain(path.slice(1));
      fs = await away(fs, MINUTE);
      expect(await names(fs)).not.toContain(path.slice(1));
    }
  });

  it('that is being read keeps its lifetime after a kill, and a quarter more at most', async () => {
    let fs = await start();
    await create(fs, '/a', { ttl: HOUR });
    await reader(fs, '/a');
    clock.advance(7 * HOUR);
    await saved(fs, '/a');
    fs = await killed(fs, HOUR - 1);
    expect(await names(fs)).toEqual(['a']);
    fs = await killed(fs, HOUR / 4);
    expect(await names(fs)).toEqual([]);
  });

  it('gets all of its time again where the system clock was set back, and no more', async () => {
    let fs = await start();
    await create(fs, '/a', { ttl: HOUR });
    clock.advance(30 * MINUTE);
    clock.setBy(-24 * HOUR);
    fs = await away(fs, 0);
    clock.advance(HOUR - 1);
    expect(await names(fs)).toEqual(['a']);
    clock.advance(1);
    expect(await names(fs)).toEqual([]);
  });

  it('loses nothing by a system clock that is set forward while there is a server', async () => {
    let fs = await start();
    await create(fs, '/a', { ttl: HOUR });
    clock.advance(10 * MINUTE);
    clock.setBy(24 * HOUR);
    fs = await away(fs, 49 * MINUTE);
    expect(await names(fs)).toEqual(['a']);
    fs = await away(fs, MINUTE);
    expect(await names(fs)).toEqual([]);
  });

  it('records one read in its log once, and a reader that stays at most four times in its time', async () => {
    const fs = await start();
    await fs.write('/b', bytes('another'));
    /** The bytes written in an hour in which another stream is touched once a minute. */
    const writtenInAnHour = async () => {
      const before = fs.disk()!.writtenBytes;
      for (let minute = 0; minute < 60; minute++) {
        clock.advance(MINUTE);
        await fs.touch('/b');
      }
      return fs.disk()!.writtenBytes - before;
    };
    await create(fs, '/long', { ttl: 24 * HOUR });
    const unread = await writtenInAnHour();
    (await reader(fs, '/long')).close();
    const readOnce = (await writtenInAnHour()) - unread;
    await create(fs, '/short', { ttl: HOUR });
    const stay = await reader(fs, '/short');
    const read = (await writtenInAnHour()) - unread;
    expect(readOnce).toBeGreaterThan(0);
    expect(read).toBeGreaterThanOrEqual(3 * readOnce);
    expect(read).toBeLessThan(5 * readOnce);
    stay.close();
  });
});

describe('reading a stream', () => {
  it('does not renew the idle time of its mount', async () => {
    const fs = await start({ idle_timeout: '1h' });
    await fs.write('/a', bytes('x'));
    const reading = await reader(fs, '/a');
    clock.advance(50 * MINUTE);
    reading.close();
    clock.advance(10 * MINUTE);
    expect(await names(fs)).toEqual([]);
  });
});
