/** The health of mounts with streams on disk, when the disk is full, fails, and can be written again. */
import { describe, expect, it } from 'vitest';
import { RingStream, StreamRules } from '../../src/core/internal.ts';
import type { Plugin } from '../../src/fs/index.ts';
import { DEFAULT_SIZES, DiskStore } from '../../src/persist/index.ts';
import { memfsPlugin } from '../../src/plugins/index.ts';
import type { Health, ServerStats } from '../../src/protocol/index.ts';
import { recorder } from '../app/recorder.ts';
import { waitFor } from '../harness/wait.ts';
import { SimulatedDisk } from '../persist/simulated-disk.ts';
import { start } from './harness.ts';

/** A server with a mount that reports the state of a log on a simulated disk. */
async function serverOnDisk() {
  const disk = new SimulatedDisk();
  const store = await DiskStore.open({
    ...{ disk, sync: { name: 'always', interval: 0 }, boot: 'one', logger: recorder() },
    ...{ ...DEFAULT_SIZES, retention: Number.POSITIVE_INFINITY },
  });
  const stream = new RingStream({ name: '/a' }, new StreamRules({ retention: 100_000, maxLag: 100_000 }));
  const log = store.attach(stream, '/a', { facts: () => '{}', producers: () => undefined });
  const plugin: Plugin = {
    ...memfsPlugin,
    name: 'keptfs',
    initialize: async (config, context) => ({
      ...(await memfsPlugin.initialize(config, context)),
      disk: () => store.stats,
      shutdown: () => store.close(),
    }),
  };
  const { call } = await start({ plugins: [plugin], mounted: { '/kept': 'keptfs', '/mem': 'memfs' } });
  const health = async () => (await call('GET', '/health')).json() as unknown as Health;
  return {
    disk,
    health,
    isReady: async () => (await call('GET', '/ready')).status === 200,
    disks: async () => ((await call('GET', '/stats')).json() as unknown as ServerStats).disks,
    append: async (text: string) => {
      stream.append(Buffer.from(text));
      await log.whenSaved();
    },
    whenHealthy: () => waitFor('it is healthy', async () => (await health()).status === 'healthy'),
  };
}

describe('health of a server that keeps streams on disk', () => {
  it('contract 76: says that the disk is full, and is degraded only until there is room', async () => {
    const { append, disk, disks, health, isReady, whenHealthy } = await serverOnDisk();
    await append('before');
    const fine = { status: 'healthy', degraded: false, ready: true, disks: { total: 1, full: 0, failed: 0 } };
    expect(await health()).toMatchObject(fine);
    expect((await disks())[0]).not.toHaveProperty('problem');
    disk.faults.room = 0;
    await expect(append('while')).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await health()).toMatchObject({
      ...{ status: 'degraded', degraded: true, ready: true },
      disks: { total: 1, full: 1, failed: 0 },
    });
    expect(await isReady()).toBe(true);
    expect(await disks()).toMatchObject([
      { path: '/kept', state: 'full', problem: expect.stringMatching(/^the disk of the log in simulated is full/) },
    ]);
    disk.faults.room = Number.POSITIVE_INFINITY;
    await whenHealthy();
    expect(await health()).toMatchObject(fine);
    expect((await disks())[0]).not.toHaveProperty('problem');
  });

  it('contract 76: says that the disk has failed and why, and stays degraded', async () => {
    const { append, disk, disks, health, isReady } = await serverOnDisk();
    disk.faults.sync = true;
    await expect(append('lost')).rejects.toMatchObject({ code: 'DISK_FAILED' });
    disk.faults.sync = false;
    await expect(async () => append('more')).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(await health()).toMatchObject({
      ...{ status: 'degraded', degraded: true, ready: true },
      disks: { total: 1, full: 0, failed: 1 },
    });
    expect(await isReady()).toBe(true);
    expect(await disks()).toMatchObject([
      { path: '/kept', state: 'failed', problem: expect.stringMatching(/a sync failed \(EIO\)/) },
    ]);
  });

  it('names no path and no directory to those who show no token', async () => {
    const { append, disk, health } = await serverOnDisk();
    disk.faults.room = 0;
    await expect(append('while')).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(JSON.stringify(await health())).not.toMatch(/kept|simulated/);
  });
});
