import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryBudget, MIN_BUDGET } from '../../src/core/index.ts';
import {
  type FileHandle,
  HandleTable,
  type HandleTableOptions,
  MountTable,
  type Plugin,
  PluginRegistry,
  systemClock,
} from '../../src/fs/index.ts';
import { memfsPlugin, streamfsPlugin } from '../../src/plugins/index.ts';
import { FakeClock } from './fake-clock.ts';
import { fakePlugin, gate } from './fake-plugin.ts';

const READ = { flags: 0, mode: 0o644 };
const READ_WRITE = { flags: 2, mode: 0o644 };
const code = (expected: string) => expect.objectContaining({ code: expected });
const ids = (table: HandleTable) => table.list().map((handle) => handle.id);

let clock: FakeClock;
let mounts: MountTable;

async function tableWith(options: Partial<HandleTableOptions> = {}, ...plugins: Plugin[]): Promise<HandleTable> {
  mounts = new MountTable({ registry: new PluginRegistry([memfsPlugin, ...plugins]) });
  await mounts.mount('memfs', '/m');
  await mounts.create('/m/f');
  return new HandleTable({ mounts, clock, ...options });
}

/** A plugin whose handles tell when they are closed. */
function watchedPlugin(closed: string[], onClose?: () => Promise<void> | void) {
  const openHandle = async (path: string) =>
    ({
      path,
      async close() {
        closed.push(path);
        await onClose?.();
      },
    }) as FileHandle;
  return fakePlugin({ override: { openHandle } });
}

beforeEach(() => {
  clock = new FakeClock();
});

describe('opening', () => {
  it('contract 48: counts ids from 1, one sequence over all mounts', async () => {
    const table = await tableWith();
    await mounts.mount('memfs', '/n');
    expect((await table.open('/m/f', READ)).id).toBe(1);
    expect((await table.open('/n/new', READ_WRITE)).id).toBe(2);
    await expect(table.open('/m/absent', READ)).rejects.toThrow(code('FILE_NOT_FOUND'));
    await table.close(2);
    expect((await table.open('m/f', READ)).id).toBe(3);
  });

  it('contract 48: says the path as it was sent, the flags and the lease', async () => {
    const table = await tableWith();
    const now = clock.now();
    const info = await table.open('m//f', { flags: 64, mode: 0, lease: 10 });
    expect(info).toEqual({
      id: 1,
      path: 'm//f',
      flags: 64,
      lease: 10,
      expiresAt: new Date(now + 10_000),
      createdAt: new Date(now),
      lastAccess: new Date(now),
    });
    expect(table.get(1)).toEqual(info);
  });

  it('contract 60: leases 60 seconds by default, at most 300, and no less than 1', async () => {
    const table = await tableWith();
    expect((await table.open('/m/f', READ)).lease).toBe(60);
    expect((await table.open('/m/f', { ...READ, lease: 5000 })).lease).toBe(300);
    for (const lease of [0, 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(table.open('/m/f', { ...READ, lease })).rejects.toThrow(/^invalid lease parameter: .* 1 or more/);
      expect(() => table.renew(1, lease)).toThrow(code('INVALID_PARAMETER'));
    }
    expect(ids(table)).toEqual([1, 2]);
  });

  it('contract 60: refuses more than max, counting those that are being opened', async () => {
    const table = await tableWith({ max: 2 });
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => table.open('/m/f', READ)));
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    await expect(table.open('/m/f', READ)).rejects.toMatchObject({
      code: 'HANDLE_LIMIT',
      message: 'too many open handles: 2 are allowed',
    });
    await table.close(1);
    await table.open('/m/f', READ);
  });

  it('does not count what failed to open', async () => {
    const table = await tableWith({ max: 1 });
    await expect(table.open('/m/absent', READ)).rejects.toThrow();
    await expect(table.open('/nowhere', READ)).rejects.toThrow(code('NOTHING_MOUNTED'));
    await table.open('/m/f', READ);
  });

  it('are charged for until they are gone, however they go, and refused with MEMORY_LIMIT where there is no room', async () => {
    const memory = new MemoryBudget(MIN_BUDGET);
    const table = await tableWith({ max: 0, memory }, fakePlugin({}));
    let opened = 0;
    const full = (async () => {
      for (;;) {
        await table.open('/m/f', { ...READ, lease: 10 });
        opened += 1;
      }
    })();
    await expect(full).rejects.toThrow(code('MEMORY_LIMIT'));
    expect(opened).toBeGreaterThan(500);
    const each = memory.fixed / opened;
    await table.close(1);
    await expect(table.open('/m/absent', READ)).rejects.toThrow(code('FILE_NOT_FOUND'));
    expect(memory.fixed).toBe((opened - 1) * each);
    clock.advance(10_000);
    expect(memory.fixed).toBe(0);
    await table.open('/m/f', READ);
    await mounts.unmount('/m');
    expect(memory.fixed).toBe(0);
    await mounts.mount('memfs', '/m');
    await mounts.create('/m/f');
    await table.open('/m/f', READ);
    await table.shutdown();
    expect(memory.fixed).toBe(0);
  });

  it('refuses a max that is no whole number', () => {
    for (const max of [-1, 1.5, Number.NaN]) {
      expect(() => new HandleTable({ mounts, max })).toThrow(code('CONFIG_INVALID'));
    }
  });
});

describe('leases', () => {
  it('contract 60: close a handle that is not used, by one timer for all', async () => {
    const closed: string[] = [];
    const table = await tableWith({}, watchedPlugin(closed));
    await mounts.mount('fakefs', '/w');
    for (let i = 0; i < 50; i += 1) await table.open(`/w/${i}`, { ...READ, lease: 10 + i });
    expect(clock.pending).toBe(1);
    clock.advance(9_999);
    expect(closed).toEqual([]);
    clock.advance(1);
    expect(closed).toEqual(['/0']);
    expect(clock.pending).toBe(1);
    clock.advance(20_000);
    expect(closed).toHaveLength(21);
    clock.advance(60_000);
    expect(table.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('contract 60: a handle that has run out is not found, even before the timer comes', async () => {
    let now = 0;
    const table = await tableWith({ clock: { now: () => now, schedule: () => () => {} } });
    await table.open('/m/f', { ...READ, lease: 5 });
    now = 4_999;
    expect(table.get(1).id).toBe(1);
    now = 5_000;
    expect(() => table.get(1)).toThrow(code('HANDLE_NOT_FOUND'));
    expect(() => table.renew(1)).toThrow(code('HANDLE_NOT_FOUND'));
    await expect(table.use(1, () => 1)).rejects.toThrow(code('HANDLE_NOT_FOUND'));
    expect(table.list()).toEqual([]);
  });

  it('contract 60: every use renews, looking does not', async () => {
    const table = await tableWith();
    await table.open('/m/f', { ...READ, lease: 10 });
    for (let i = 0; i < 5; i += 1) {
      clock.advance(8_000);
      expect(await table.use(1, async (handle) => (await handle.stat()).name)).toBe('f');
    }
    clock.advance(8_000);
    expect(table.get(1).lastAccess).toEqual(new Date(clock.now() - 8_000));
    clock.advance(2_000);
    expect(table.size).toBe(0);
  });

  it('contract 60: a use that fails renews as well', async () => {
    const table = await tableWith();
    await table.open('/m/f', { ...READ, lease: 10 });
    clock.advance(8_000);
    await expect(table.use(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    clock.advance(8_000);
    expect(table.get(1).id).toBe(1);
  });

  it('contract 60: a use that waits long keeps renewing for as long as it runs', async () => {
    const table = await tableWith();
    const waited = gate();
    await table.open('/m/f', { ...READ, lease: 10 });
    const use = table.use(1, () => waited.opened);
    clock.advance(100_000);
    expect(table.get(1).expiresAt).toEqual(new Date(clock.now() + 10_000));
    waited.open();
    await use;
    clock.advance(9_999);
    expect(table.size).toBe(1);
    clock.advance(200);
    expect(table.size).toBe(0);
  });

  it('contract 60: renew starts the lease anew, also at another length', async () => {
    const table = await tableWith();
    await table.open('/m/f', { ...READ, lease: 100 });
    clock.advance(90_000);
    expect(table.renew(1)).toMatchObject({ lease: 100, expiresAt: new Date(clock.now() + 100_000) });
    expect(table.renew(1, 5)).toMatchObject({ lease: 5, expiresAt: new Date(clock.now() + 5_000) });
    clock.advance(5_000);
    expect(table.size).toBe(0);
    expect(() => table.renew(1)).toThrow(code('HANDLE_NOT_FOUND'));
  });

  it('go on where a handle fails to close', async () => {
    const closed: string[] = [];
    const logged: unknown[] = [];
    const silent = { debug() {}, info() {}, warn() {}, error: (_: string, facts?: unknown) => void logged.push(facts) };
    const plugin = watchedPlugin(closed, () => Promise.reject(new Error('stuck')));
    const table = await tableWith({ logger: silent }, plugin);
    await mounts.mount('fakefs', '/w');
    await table.open('/w/a', { ...READ, lease: 1 });
    await table.open('/w/b', { ...READ, lease: 2 });
    clock.advance(2_000);
    expect(closed).toEqual(['/a', '/b']);
    await expect.poll(() => logged).toMatchObject([{ id: 1, path: '/w/a', error: 'Error: stuck' }, { id: 2 }]);
  });

  it('contract 60: run out on the real clock as well', async () => {
    const closed = gate();
    const plugin = watchedPlugin([], closed.open);
    const table = await tableWith({ clock: systemClock }, plugin);
    await mounts.mount('fakefs', '/w');
    const begun = performance.now();
    await table.open('/w/a', { ...READ, lease: 1 });
    await closed.opened;
    expect(performance.now() - begun).toBeGreaterThanOrEqual(1_000);
    expect(table.size).toBe(0);
  });
});

describe('closing', () => {
  it('contract 64: then the handle is not found', async () => {
    const table = await tableWith();
    await table.open('/m/f', READ);
    await table.close(1);
    expect(clock.pending).toBe(0);
    for (const id of [1, 2, 0, -1, Number.NaN]) {
      await expect(table.close(id)).rejects.toMatchObject({ code: 'HANDLE_NOT_FOUND', message: 'not found' });
    }
    expect(table.list()).toEqual([]);
  });

  it('contract 55: does not wait for a use that waits', async () => {
    const table = await tableWith();
    const waited = gate();
    await table.open('/m/f', READ);
    const use = table.use(1, () => waited.opened);
    await table.close(1);
    await expect(table.use(1, () => 1)).rejects.toThrow(code('HANDLE_NOT_FOUND'));
    waited.open();
    await use;
  });

  it('contract 55: uses of one handle do not wait for each other', async () => {
    const table = await tableWith();
    const waited = gate();
    await table.open('/m/f', READ_WRITE);
    const waiting = table.use(1, () => waited.opened);
    await table.use(1, (handle) => handle.write(Buffer.from('x')));
    expect(await table.use(1, (handle) => handle.seek(0, 1))).toBe(1);
    waited.open();
    await waiting;
  });

  it('contract 64: unmounting closes the mount’s handles, and no others', async () => {
    const table = await tableWith();
    await mounts.mount('memfs', '/m/inner');
    await table.open('/m/f', READ);
    await table.open('/m/inner/x', READ_WRITE);
    let file: FileHandle | undefined;
    await table.use(1, (handle) => {
      file = handle;
    });
    await mounts.unmount('/m');
    expect(ids(table)).toEqual([2]);
    expect(() => table.get(1)).toThrow(code('HANDLE_NOT_FOUND'));
    await expect(file?.stat()).rejects.toThrow(code('HANDLE_NOT_FOUND'));
  });

  it('contract 64: leaves no handle that was being opened while its mount went', async () => {
    const opening = gate();
    const closed: string[] = [];
    const openHandle = async (path: string) => {
      await opening.opened;
      return { path, close: async () => void closed.push(path) } as unknown as FileHandle;
    };
    const table = await tableWith({ max: 1 }, fakePlugin({ override: { openHandle } }));
    await mounts.mount('fakefs', '/w');
    const late = table.open('/w/a', READ);
    await mounts.unmount('/w');
    await mounts.mount('memfs', '/w');
    opening.open();
    await expect(late).rejects.toThrow(code('NOTHING_MOUNTED'));
    expect(closed).toEqual(['/a']);
    await table.open('/m/f', READ);
  });

  it('contract 28: unmounting gives a waiting read the end, and then the handle is gone', async () => {
    const table = await tableWith({}, streamfsPlugin);
    await mounts.mount('streamfs', '/s');
    await table.open('/s/live', READ);
    const reading = table.use(1, (handle) => handle.read({ size: 10, timeout: 60_000 }));
    await mounts.unmount('/s');
    expect(await reading).toMatchObject({ data: new Uint8Array(0), eof: true });
    expect(() => table.get(1)).toThrow(code('HANDLE_NOT_FOUND'));
  });

  it('contract 55: a read that waits on a stream ends as soon as its handle is closed', async () => {
    const table = await tableWith({}, streamfsPlugin);
    await mounts.mount('streamfs', '/s');
    await table.open('/s/live', READ);
    const reading = table.use(1, (handle) => handle.read({ size: 10, timeout: 60_000 }));
    await table.close(1);
    await expect(reading).rejects.toThrow(code('HANDLE_NOT_FOUND'));
  });

  it('closes all at shutdown, opens no more, and twice is harmless', async () => {
    const closed: string[] = [];
    const table = await tableWith({}, watchedPlugin(closed));
    await mounts.mount('fakefs', '/w');
    await table.open('/w/a', READ);
    await table.open('/w/b', READ);
    await Promise.all([table.shutdown(), table.shutdown()]);
    expect(closed).toEqual(['/a', '/b']);
    expect(clock.pending).toBe(0);
    await expect(table.open('/m/f', READ)).rejects.toThrow(code('SHUTTING_DOWN'));
  });
});
