import { describe, expect, it } from 'vitest';
import { LAG_POLICIES } from '../../../src/core/index.ts';
import { isStreamFSError } from '../../../src/errors/index.ts';
import { MountTable, PluginRegistry, type StreamSettings } from '../../../src/fs/index.ts';
import { memfsPlugin, streamfsPlugin } from '../../../src/plugins/index.ts';
import { StreamFileSystem } from '../../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../../src/plugins/streamfs/settings.ts';
import { recordsNow } from '../../core/helpers.ts';
import { FakeClock } from '../../fs/fake-clock.ts';
import { bytes, failure, mount, openReader, recorder, text } from './setup.ts';

const KB = 1024;
const MB = 1024 * KB;

const ALL: StreamSettings = {
  ringBufferSize: 2 * MB,
  channelBufferSize: MB,
  onLag: 'disconnect',
  readerBlock: 'always',
  atomic: 'lines',
  type: 'Audio/Ogg; codecs=opus',
  ttl: 90_000,
};

/** The facts of a stream that are settings. */
const FACTS = {
  ring_buffer_size: String(2 * MB),
  channel_buffer_size: String(MB),
  on_lag: 'disconnect',
  reader_block: 'always',
  atomic: 'lines',
  type: 'audio/ogg; codecs=opus',
  ttl: '90s',
};

type Mounted = Awaited<ReturnType<typeof mount>>['fs'];

const factsOf = async (fs: Mounted, path: string) => (await fs.stat(path)).meta.Content;

async function withClock(config: Record<string, unknown> = {}) {
  const clock = new FakeClock();
  const fs = new StreamFileSystem(parseSettings(config), { logger: recorder().logger }, clock);
  const isThere = (path: string) =>
    fs.stat(path).then(
      () => true,
      () => false,
    );
  return { fs, clock, isThere };
}

describe('contract 98: settings of a stream', () => {
  it.each([
    ['create', (fs: Mounted) => fs.create('/a', { settings: ALL })],
    ['a write', (fs: Mounted) => fs.write('/a', bytes('x\n'), { settings: ALL })],
    ['a body', async (fs: Mounted) => (await fs.openWrite('/a', { settings: ALL })).close()],
    ['a short body', async (fs: Mounted) => fs.openAppend?.('/a', { settings: ALL })],
    ['a touch', (fs: Mounted) => fs.touch('/a', { settings: ALL })],
    [
      'an append of a producer',
      async (fs: Mounted) =>
        (await fs.openProducerWrite!('/a', { id: 'p', epoch: 0, seq: 0 }, { settings: ALL })).close(),
    ],
  ])('are set by the request that creates it: %s', async (_, make) => {
    const { fs } = await mount();
    await make(fs);
    expect(await factsOf(fs, '/a')).toMatchObject(FACTS);
    expect(await fs.streamSettings!('/a')).toMatchObject({ ringBufferSize: 2 * MB, ttl: 90_000 });
  });

  it("are the mount's where nothing else was said, one by one", async () => {
    const { fs } = await mount({
      ring_buffer_size: '1MB',
      on_lag: 'drop-newest',
      type: 'text/plain',
      atomic: 'lines',
      idle_timeout: '1h',
    });
    await fs.create('/a');
    await fs.create('/b', { settings: { type: 'text/csv' } });
    const common = {
      ring_buffer_size: String(MB),
      channel_buffer_size: String(6 * MB),
      on_lag: 'drop-newest',
      atomic: 'lines',
      ttl: '1h',
    };
    expect(await factsOf(fs, '/a')).toMatchObject({ ...common, type: 'text/plain' });
    expect(await factsOf(fs, '/b')).toMatchObject({ ...common, type: 'text/csv' });
  });

  it('take effect: its retention, and how far a reader may fall behind', async () => {
    const { fs } = await mount();
    await fs.create('/a', { settings: { ringBufferSize: 10 * KB, channelBufferSize: 3 * KB, onLag: 'disconnect' } });
    const reader = await openReader(fs, '/a');
    for (let n = 0; n < 20; n++) await fs.write('/a', new Uint8Array(KB));
    expect(await factsOf(fs, '/a')).toMatchObject({ start_offset: String(10 * KB), end_offset: String(20 * KB) });
    expect(reader.policy).toBe('disconnect');
    expect(reader.allowedLag).toBe(3 * KB);
  });

  it('may be named again as they are, in any order and spelling, and a stream is written without naming any', async () => {
    const { fs } = await mount();
    await fs.create('/a', { settings: ALL });
    await fs.write('/a', bytes('x\n'), { settings: { type: 'audio/OGG;codecs="opus"' } });
    await fs.write('/a', bytes('y\n'), { settings: ALL });
    await fs.write('/a', bytes('z\n'));
    expect(text((await fs.snapshot('/a')).parts[0]!)).toBe('x\ny\nz\n');
  });

  it('that differ from those of an existing stream are refused, each by name, and nothing is written', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('x'), { settings: { ringBufferSize: 2 * MB } });
    const asked: StreamSettings = { ringBufferSize: MB, channelBufferSize: 6 * MB, type: 'text/csv', ttl: 1000 };
    const refused =
      'STREAM_SETTINGS_DIFFER 409 stream /a exists with other settings: ring_buffer_size is 2097152, not 1048576; ' +
      'type is application/octet-stream, not text/csv; ttl is 0s, not 1s';
    expect(await failure(fs.write('/a', bytes('y'), { settings: asked }))).toBe(refused);
    expect(await failure(fs.create('/a', { settings: asked }))).toBe(refused);
    expect(await failure(fs.touch('/a', { settings: asked }))).toBe(refused);
    expect(() => fs.openAppend!('/a', { settings: asked })).toThrow('ring_buffer_size is 2097152');
    expect(await failure(fs.create('/a', { settings: { ringBufferSize: 2 * MB } }))).toContain('STREAM_EXISTS 409');
    const error = await fs.write('/a', bytes('y'), { settings: { ttl: 5 } }).catch((reason: unknown) => reason);
    expect(isStreamFSError(error) && error.details).toEqual({
      differences: [{ setting: 'ttl', value: '0s', asked: '5ms' }],
    });
    expect(await factsOf(fs, '/a')).toMatchObject({ total_written: '1' });
  });

  it('atomic: the first writer says it for those who say nothing; later ones may keep their own lines, and not undo it', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('one'), { atomic: 'lines' });
    await fs.write('/a', bytes('two'));
    fs.openAppend!('/a').append(bytes('three'));
    const handle = await fs.openHandle('/a', { flags: 1, mode: 0o644 });
    await handle.write(bytes('four'));
    await handle.close();
    expect(text((await fs.snapshot('/a')).parts[0]!)).toBe('one\ntwo\nthree\nfour\n');
    expect(await failure(fs.write('/a', bytes('x'), { settings: { atomic: 'none' } }))).toContain(
      'atomic is lines, not none',
    );
    await fs.write('/b', bytes('one'));
    await fs.write('/b', bytes('two'), { atomic: 'lines' });
    expect(text((await fs.snapshot('/b')).parts[0]!)).toBe('onetwo\n');
    expect(await factsOf(fs, '/b')).toMatchObject({ atomic: 'none' });
  });

  it('of a stream that only readers have opened are those of its first writer, its readers included', async () => {
    const { fs } = await mount({ ring_buffer_size: '64KB', channel_buffer_size: '64KB' });
    const ofStream = await openReader(fs, '/a', { onLag: undefined });
    const own = await openReader(fs, '/a', { onLag: 'drop-newest' });
    const settings = { ringBufferSize: 4 * MB, channelBufferSize: MB, onLag: 'disconnect' } as const;
    await fs.write('/a', bytes('x'), { settings });
    expect([ofStream.policy, own.policy]).toEqual(['disconnect', 'drop-newest']);
    await recordsNow(ofStream);
    expect(ofStream.allowedLag).toBe(MB);
    for (let n = 0; n < 3; n++) await fs.write('/a', new Uint8Array(MB));
    expect(await factsOf(fs, '/a')).toMatchObject({ start_offset: '0', ring_buffer_size: String(4 * MB) });
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => ofStream.peek()).toThrow('reader fell');
    expect(await failure(fs.write('/a', bytes('y'), { settings: { ringBufferSize: MB } }))).toContain(
      'SETTINGS_DIFFER',
    );
  });

  it('are had by a reader that came first, whichever policy they bring', async () => {
    for (const before of LAG_POLICIES) {
      for (const onLag of LAG_POLICIES) {
        const { fs } = await mount({
          on_lag: before,
          block_timeout: '10ms',
          channel_buffer_size: '64KB',
          ring_buffer_size: '64KB',
        });
        const reader = await openReader(fs, '/a');
        await fs.create('/a', { settings: { onLag } });
        expect(reader.policy).toBe(onLag);
        for (let n = 0; n < 8; n++) await fs.write('/a', new Uint8Array(64 * KB).fill(n));
        await new Promise((resolve) => setImmediate(resolve));
        if (onLag === 'disconnect' || onLag === 'block') expect(() => reader.peek()).toThrow('reader fell');
        else
          expect(reader.peek()).toMatchObject(
            onLag === 'drop-newest' ? { type: 'data', offset: 0 } : { type: 'gap', from: 0 },
          );
      }
    }
  });

  it('a first writer that names none leaves it to the mount: later ones cannot change that', async () => {
    const { fs } = await mount();
    await openReader(fs, '/a');
    await fs.write('/a', new Uint8Array(0));
    expect(await failure(fs.write('/a', bytes('x'), { settings: { ringBufferSize: MB } }))).toContain(
      'SETTINGS_DIFFER',
    );
  });

  it('reader_block: whether a reader may ask for block is said by its stream', async () => {
    const { fs } = await mount({ reader_block: 'never' });
    await fs.create('/a', { settings: { readerBlock: 'always' } });
    await fs.create('/b');
    const reader = await openReader(fs, '/a', { onLag: 'block', role: 'reader' });
    expect(reader.policy).toBe('block');
    expect(await failure(fs.openStream('/b', { onLag: 'block' }))).toContain('BLOCK_REFUSED 403');
  });

  it.each<[StreamSettings, string]>([
    [
      { ringBufferSize: 9 * MB },
      'ring_buffer_size parameter: must be at most 8.0MB here (max_ring_buffer_size of the mount), got 9.0MB',
    ],
    [{ channelBufferSize: 2 * 1024 * MB }, 'channel_buffer_size parameter: must be at most 1.0GB here'],
    [{ ringBufferSize: 0 }, 'ring_buffer_size parameter: must be a whole number of bytes from 1, got 0'],
    [{ channelBufferSize: 1.5 }, 'channel_buffer_size parameter: must be a whole number of bytes from 1, got 1.5'],
    [
      { onLag: 'wait' as never },
      'on_lag parameter: must be one of drop-oldest, drop-newest, disconnect, block, got wait',
    ],
    [{ readerBlock: 'no' as never }, 'reader_block parameter: must be one of always, writers, never, got no'],
    [{ atomic: 'words' as never }, 'atomic parameter: must be one of none, lines, got words'],
    [{ type: 'text' }, 'type parameter: must be a content type such as audio/ogg'],
    [{ type: 'text/plain\r\nX-Evil: 1' }, 'type parameter: must be a content type'],
    [{ ttl: -1 }, 'ttl parameter: must be a whole number of milliseconds from 0, got -1'],
    [{ ttl: 0 }, 'ttl parameter: must be at most 1h here (max_ttl of the mount), got 0, which is for ever'],
    [{ ttl: 7_200_000 }, 'ttl parameter: must be at most 1h here (max_ttl of the mount), got 2h'],
    [{ expiresAt: Number.NaN }, 'expires_at parameter: must be a whole number of milliseconds from 0, got NaN'],
    [{ onLag: 'block', readerBlock: 'never' }, 'on_lag parameter: with reader_block=never it contradicts itself'],
  ])('that make no sense, or are more than the mount allows, are refused: %o', async (settings, reason) => {
    const { fs } = await mount({ max_ring_buffer_size: '8MB', max_ttl: '1h' });
    expect(await failure(fs.create('/a', { settings }))).toContain(`INVALID_PARAMETER 400 invalid ${reason}`);
    expect(await failure(fs.stat('/a'))).toContain('STREAM_NOT_FOUND');
    await openReader(fs, '/first');
    expect(await failure(fs.write('/first', bytes('x'), { settings }))).toContain(reason);
    expect(await factsOf(fs, '/first')).toMatchObject({ total_written: '0', on_lag: 'drop-oldest' });
  });

  it('that contradict those of the mount are refused, and a mount that is as it is may be', async () => {
    const { fs } = await mount({ reader_block: 'never' });
    expect(await failure(fs.create('/a', { settings: { onLag: 'block' } }))).toContain(
      'with reader_block=never of the mount',
    );
    const both = await mount({ reader_block: 'never', on_lag: 'block' });
    await both.fs.create('/a', { settings: { ringBufferSize: MB } });
  });

  it('are refused for anything but a stream', async () => {
    const mounts = new MountTable({ registry: new PluginRegistry([memfsPlugin, streamfsPlugin]) });
    await mounts.mount('memfs', '/mem');
    await mounts.mount('streamfs', '/s');
    const settings = { type: 'text/plain' };
    for (const action of [
      () => mounts.create('/mem/a', { settings }),
      () => mounts.touch('/mem/a', { settings }),
      () => mounts.write('/mem/a', bytes('x'), { settings }),
      () => mounts.openWrite('/mem/a', { settings }),
      () => mounts.streamSettings('/mem/a'),
    ]) {
      expect(await failure(action() as Promise<unknown>)).toContain('SETTINGS_NOT_SUPPORTED 501');
    }
    await mounts.create('/s/a', { settings });
    expect(await mounts.streamSettings('/s/a')).toMatchObject(settings);
    await mounts.shutdown();
  });
});

describe('bounds of a mount for the settings of its streams', () => {
  it.each([
    [
      { max_ring_buffer_size: '1MB' },
      'max_ring_buffer_size must be at least ring_buffer_size, which is 6.0MB; got 1.0MB',
    ],
    [{ max_channel_buffer_size: 'big' }, 'invalid max_channel_buffer_size'],
    [{ atomic: 'words' }, 'atomic must be one of none, lines'],
    [{ type: 'text/html' }, 'type must be one of application/octet-stream'],
    [{ max_ttl: 'soon' }, 'invalid max_ttl'],
  ])('are checked: %o', (config, reason) => {
    expect(() => parseSettings(config)).toThrow(reason);
  });

  it('are 1 GB, or what the mount has itself if that is more', () => {
    expect(parseSettings({})).toMatchObject({ maxRetention: 1024 * MB, maxChannel: 1024 * MB, maxTtl: 0 });
    expect(parseSettings({ ring_buffer_size: '2GB' })).toMatchObject({ maxRetention: 2048 * MB });
  });
});

describe('contract 98: the time to live of a stream', () => {
  it('expires when it was neither written nor read for its ttl: it is not found from then on, at once', async () => {
    const { fs, clock, isThere } = await withClock();
    await fs.create('/a', { settings: { ttl: 10_000 } });
    clock.standStill(9999);
    expect(await isThere('/a')).toBe(true);
    clock.standStill(1);
    expect(await isThere('/a')).toBe(false);
    await fs.write('/a', bytes('x'), { settings: { ttl: 20_000 } });
    expect(await factsOf(fs, '/a')).toMatchObject({ total_written: '1', ttl: '20s' });
  });

  it('restarts with a write, a touch, the end of a body, the close of the last reader, and a renewal', async () => {
    const { fs, clock, isThere } = await withClock();
    const settings = { ttl: 10_000 };
    await fs.create('/a', { settings });
    const acts = [
      () => fs.write('/a', bytes('x')),
      () => fs.touch('/a'),
      () => fs.renew('/a'),
      () => fs.openAppend('/a').append(bytes('x')),
      async () => {
        const writer = await fs.openWrite('/a');
        clock.advance(60_000);
        await writer.close();
      },
      async () => {
        const reader = await openReader(fs, '/a');
        clock.advance(60_000);
        reader.close();
      },
      async () => {
        const handle = await fs.openHandle('/a', { flags: 0, mode: 0 });
        clock.advance(60_000);
        await handle.close();
      },
    ];
    for (const act of acts) {
      clock.standStill(9000);
      await act();
    }
    clock.standStill(9000);
    expect(await isThere('/a')).toBe(true);
    clock.advance(1000);
    expect(await isThere('/a')).toBe(false);
  });

  it.each([
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ])(
    'follows a monotonic clock: the system clock %s by an hour, before a write, after it, or without one',
    async (_, shift) => {
      const { fs, clock, isThere } = await withClock();
      for (const path of ['/before', '/after', '/none']) await fs.create(path, { settings: { ttl: 10_000 } });
      clock.standStill(9000);
      fs.openAppend('/after').append(bytes('x'));
      clock.setBy(shift);
      fs.openAppend('/before').append(bytes('x'));
      clock.standStill(999);
      expect([await isThere('/before'), await isThere('/after'), await isThere('/none')]).toEqual([true, true, true]);
      clock.standStill(1);
      expect([await isThere('/before'), await isThere('/after'), await isThere('/none')]).toEqual([true, true, false]);
      clock.setBy(-2 * shift);
      clock.standStill(8000);
      expect([await isThere('/before'), await isThere('/after')]).toEqual([true, true]);
      clock.standStill(10_000);
      expect([await isThere('/before'), await isThere('/after')]).toEqual([false, false]);
    },
  );

  it('as a moment is one of the system clock, which may be set: gone as soon as that says so, and not before', async () => {
    const { fs, clock, isThere } = await withClock();
    const at = clock.timeOfDay() + 60_000;
    await fs.create('/a', { settings: { expiresAt: at } });
    clock.setBy(-3_600_000);
    clock.advance(120_000);
    expect(await isThere('/a')).toBe(true);
    clock.setBy(3_600_000);
    expect(await isThere('/a')).toBe(false);
    await fs.create('/a', { settings: { expiresAt: clock.timeOfDay() + 60_000 } });
    const reader = await openReader(fs, '/a');
    clock.setBy(61_000);
    // The timer detects it at most a minute later.
    clock.advance(60_000);
    expect(await recordsNow(reader)).toMatchObject([{ type: 'end', reason: 'expired' }]);
  });

  it('does not restart with a stat, a snapshot or a listing', async () => {
    const { fs, clock, isThere } = await withClock();
    await fs.create('/a', { settings: { ttl: 10_000 } });
    clock.standStill(6000);
    await fs.stat('/a');
    await fs.snapshot('/a');
    expect((await fs.readDir('/')).map(({ name }) => name)).toContain('a');
    clock.standStill(4000);
    expect((await fs.readDir('/')).map(({ name }) => name)).not.toContain('a');
    expect(await isThere('/a')).toBe(false);
  });

  it('gives the memory back without another request, at most a quarter of it late', async () => {
    const { fs, clock } = await withClock();
    await fs.create('/a', { settings: { ttl: 60_000 } });
    expect(clock.pending).toBe(1);
    clock.advance(75_000);
    expect(fs.totals().streams).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("goes before the mount's idle_timeout, in both directions", async () => {
    const { fs, clock, isThere } = await withClock({ idle_timeout: '60s' });
    await fs.create('/short', { settings: { ttl: 10_000 } });
    await fs.create('/ever', { settings: { ttl: 0 } });
    await fs.create('/mount');
    clock.advance(20_000);
    expect([await isThere('/short'), await isThere('/ever'), await isThere('/mount')]).toEqual([false, true, true]);
    clock.advance(100_000);
    expect([await isThere('/ever'), await isThere('/mount')]).toEqual([true, false]);
  });

  it('can be a moment instead, which nothing puts off: readers get the remaining bytes, then the end', async () => {
    const { fs, clock, isThere } = await withClock();
    await fs.create('/a', { settings: { expiresAt: clock.timeOfDay() + 10_000 } });
    const reader = await openReader(fs, '/a');
    clock.advance(9000);
    await fs.write('/a', bytes('late'));
    await fs.renew('/a');
    expect(await factsOf(fs, '/a')).toMatchObject({ expires_at: new Date(clock.timeOfDay() + 1000).toISOString() });
    clock.advance(1100);
    expect(await isThere('/a')).toBe(false);
    expect(await recordsNow(reader)).toMatchObject([{ type: 'data' }, { type: 'end', offset: 4, reason: 'expired' }]);
  });

  it('of a writer that appends message by message is looked at each time: what comes too late makes another stream', async () => {
    const { fs, clock } = await withClock();
    const appender = fs.openAppend('/a', { settings: { ttl: 10_000 } });
    appender.append(bytes('x'));
    clock.standStill(9000);
    expect(appender.isOver).toBe(false);
    clock.standStill(1000);
    expect(appender.isOver).toBe(true);
    expect(fs.openAppend('/a').generation).not.toBe(appender.generation);
  });

  it('restarts with each append of a protocol that appends complete bodies, and is checked before', async () => {
    const { fs, clock, isThere } = await withClock();
    const store = fs.streams();
    await store.create('/a', { data: bytes(''), end: false, settings: { type: 'text/plain', ttl: 10_000 } });
    const appender = store.appender('/a', 'Text/Plain')!;
    for (let n = 0; n < 3; n++) {
      clock.standStill(9000);
      expect(appender.isOver).toBe(false);
      appender.append(bytes('x'));
    }
    clock.standStill(9000);
    expect(await isThere('/a')).toBe(true);
    clock.standStill(1000);
    expect([appender.isOver, store.appender('/a', 'text/plain')]).toEqual([true, undefined]);
  });

  it('of a fork that is over as well leaves the name of its source free', async () => {
    const { fs, clock } = await withClock();
    const store = fs.streams();
    const options = { data: bytes('x'), end: false, settings: { ttl: 10_000 } };
    await store.create('/a', options);
    await store.create('/f', { ...options, fork: { source: '/a', beyond: 0 } });
    clock.standStill(10_000);
    await expect(store.find('/a')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
    expect(await store.create('/a', options)).toMatchObject({ isNew: true });
    await fs.remove('/a');
    await fs.create('/a');
  });

  it('that is over makes room for another stream where there may be no more', async () => {
    const { fs, clock } = await withClock({ max_streams: 1 });
    await fs.create('/a', { settings: { ttl: 1000 } });
    clock.standStill(1000);
    await fs.create('/b');
  });
});
