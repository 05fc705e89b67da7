import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryBudget, MIN_BUDGET } from '../../src/core/index.ts';
import {
  Account,
  DEFAULT_ACCOUNT_LIMITS,
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
const READ_WRITE = { flags: 2, mode: 0o644, create: true };
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

/** A plugin whose handles report when they are closed. */
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

  it('says why a handle could not be kept, also if closing it fails', async () => {
    const closed: string[] = [];
    const errors: string[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => void errors.push(message) };
    const opening = gate();
    const plugin = watchedPlugin(closed, () => {
      throw new Error('closing failed');
    });
    const table = await tableWith({ logger }, plugin);
    await mounts.mount(plugin.name, '/w');
    const { fileSystem } = mounts.resolve('/w/f');
    const openHandle = fileSystem.openHandle.bind(fileSystem);
    fileSystem.openHandle = async (...given) => {
      await opening.opened;
      return openHandle(...given);
    };
    const opened = table.open('/w/f', READ);
    await table.shutdown();
    opening.open();
    await expect(opened).rejects.toThrow(code('SHUTTING_DOWN'));
    expect([closed, errors]).toEqual([['/f'], ['handle failed to close']]);
  });

  it('does not count what failed to open', async () => {
    const table = await tableWith({ max: 1 });
    await expect(table.open('/m/absent', READ)).rejects.toThrow();
    await expect(table.open('/nowhere', READ)).rejects.toThrow(code('NOTHING_MOUNTED'));
    await table.open('/m/f', READ);
  });

  it('are charged for until they are gone, however they go, and refused with MEMORY_LIMIT where there is no room', async () => {
    const memory = new MemoryBudget(MIN_BUDGET);
    const table = await tableWith({ max: 0, idle: 10_000, memory }, fakePlugin({}));
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

/** A logger that records messages of level info. */
function infoLog() {
  const lines: unknown[] = [];
  const logger = {
    ...{ debug() {}, warn() {}, error() {} },
    info: (message: string, facts?: Record<string, unknown>) => void lines.push({ message, ...facts }),
  };
  return { lines, logger };
}

describe('leases', () => {
  it('contract 60: a handle whose lease is over stays open and works as before', async () => {
    const closed: string[] = [];
    const table = await tableWith({}, watchedPlugin(closed));
    await mounts.mount('fakefs', '/w');
    await table.open('/w/a', { ...READ, lease: 1 });
    clock.advance(23 * 3_600_000);
    expect(closed).toEqual([]);
    expect(table.get(1).expiresAt.getTime()).toBeLessThan(clock.now());
    expect(await table.use(1, (handle) => handle.path)).toBe('/a');
    expect(table.renew(1).expiresAt).toEqual(new Date(clock.now() + 1000));
    expect(ids(table)).toEqual([1]);
  });

  it('contract 60: at the limit, the one unused for longest of those whose lease is over makes room, and the log says so', async () => {
    const closed: string[] = [];
    const { lines, logger } = infoLog();
    const table = await tableWith({ max: 3, logger }, watchedPlugin(closed));
    await mounts.mount('fakefs', '/w');
    await table.open('/w/a', { ...READ, lease: 5 });
    await table.open('/w/b', { ...READ, lease: 5 });
    await table.open('/w/c', { ...READ, lease: 300 });
    clock.advance(1000);
    await table.use(1, () => 1);
    clock.advance(4999);
    // The lease of b has expired, that of a has not.
    await table.open('/w/d', READ);
    expect(closed).toEqual(['/b']);
    expect(lines).toEqual([
      { message: 'handle closed', id: 2, path: '/w/b', why: 'room was needed', unusedSeconds: 6 },
    ]);
    await expect(table.open('/w/e', READ)).rejects.toThrow(code('HANDLE_LIMIT'));
    clock.advance(1);
    await table.open('/w/e', READ);
    expect(closed).toEqual(['/b', '/a']);
    expect(() => table.get(1)).toThrow(code('HANDLE_NOT_FOUND'));
    expect(ids(table)).toEqual([3, 4, 5]);
  });

  it('contract 60: of a full table each that is opened takes the place of one, the longest unused first', async () => {
    const closed: string[] = [];
    const table = await tableWith({ max: 5 }, watchedPlugin(closed));
    await mounts.mount('fakefs', '/w');
    for (let i = 0; i < 5; i += 1) {
      await table.open(`/w/${i}`, { ...READ, lease: 1 });
      clock.advance(1);
    }
    for (const id of [2, 1]) {
      clock.advance(1);
      await table.use(id, () => 1);
    }
    clock.advance(1000);
    await Promise.all([5, 6, 7, 8, 9].map((i) => table.open(`/w/${i}`, { ...READ, lease: 1 })));
    expect(closed).toEqual(['/2', '/3', '/4', '/1', '/0']);
    const outcomes = await Promise.allSettled([1, 2].map(() => table.open('/w/x', READ)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(table.size).toBe(5);
  });

  it('contract 60: an open that fails closes no handle to make room', async () => {
    const table = await tableWith({ max: 1 });
    await table.open('/m/f', { ...READ, lease: 1 });
    clock.advance(1000);
    await expect(table.open('/m/absent', READ)).rejects.toThrow(code('FILE_NOT_FOUND'));
    await expect(table.open('/nowhere', READ)).rejects.toThrow(code('NOTHING_MOUNTED'));
    expect(ids(table)).toEqual([1]);
  });

  it('contract 60: one that is used while another is being opened is not closed for it', async () => {
    const opening = gate();
    const closed: string[] = [];
    const openHandle = async (path: string) => {
      await opening.opened;
      return { path, close: async () => void closed.push(path) } as unknown as FileHandle;
    };
    const table = await tableWith({ max: 1 }, fakePlugin({ override: { openHandle } }));
    await mounts.mount('fakefs', '/w');
    await table.open('/m/f', { ...READ, lease: 1 });
    clock.advance(1000);
    const second = table.open('/w/late', READ);
    await table.use(1, () => 1);
    opening.open();
    await expect(second).rejects.toThrow(code('HANDLE_LIMIT'));
    expect(closed).toEqual(['/late']);
    expect(ids(table)).toEqual([1]);
  });

  it('contract 96: an account that has as many as it may have closes its own oldest one, and none of others', async () => {
    const closed: string[] = [];
    const table = await tableWith({ max: 10 }, watchedPlugin(closed));
    await mounts.mount('fakefs', '/w');
    const [own, other] = [new Account({ ...DEFAULT_ACCOUNT_LIMITS, handles: 2 }), new Account()];
    await table.open('/w/other', { ...READ, lease: 1, account: other });
    await table.open('/w/a', { ...READ, lease: 10, account: own });
    await table.open('/w/b', { ...READ, lease: 5, account: own });
    clock.advance(2000);
    await expect(table.open('/w/c', { ...READ, account: own })).rejects.toThrow(code('TOKEN_LIMIT'));
    clock.advance(4000);
    await table.open('/w/c', { ...READ, account: own });
    expect(closed).toEqual(['/b']);
    expect(ids(table)).toEqual([1, 2, 4]);
  });

  it('contract 60: a handle that waits in a read is in use, and makes no room', async () => {
    const table = await tableWith({ max: 1 });
    const waited = gate();
    await table.open('/m/f', { ...READ, lease: 1 });
    const use = table.use(1, () => waited.opened);
    clock.advance(100_000);
    await expect(table.open('/m/f', READ)).rejects.toThrow(code('HANDLE_LIMIT'));
    waited.open();
    await use;
    clock.advance(999);
    await expect(table.open('/m/f', READ)).rejects.toThrow(code('HANDLE_LIMIT'));
    clock.advance(1);
    await table.open('/m/f', READ);
    expect(ids(table)).toEqual([2]);
  });

  it('contract 60: however handles are opened, used, renewed and closed, none is closed within its lease, nor without need', async () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('open' as const), lease: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ what: fc.constantFrom('use' as const, 'close' as const), pick: fc.nat(20) }),
      fc.record({ what: fc.constant('renew' as const), pick: fc.nat(20), lease: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ what: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 4000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        clock = new FakeClock();
        const max = 3;
        const table = await tableWith({ max });
        const model = new Map<number, { lease: number; last: number }>();
        let opened = 0;
        for (const one of steps) {
          const open = [...model.keys()];
          const id = 'pick' in one ? open[one.pick % Math.max(1, open.length)] : undefined;
          if (one.what === 'wait') clock.advance(one.ms);
          else if (one.what === 'open') {
            const over = open.filter((other) => model.get(other)!.last + model.get(other)!.lease <= clock.now());
            const [longest] = over.sort((a, b) => model.get(a)!.last - model.get(b)!.last || a - b);
            const outcome = await table.open('/m/f', { ...READ, lease: one.lease }).catch(() => undefined);
            if (open.length < max || longest !== undefined) {
              if (open.length === max) model.delete(longest!);
              opened += 1;
              expect(outcome?.id).toBe(opened);
              model.set(opened, { lease: one.lease * 1000, last: clock.now() });
            } else expect(outcome).toBeUndefined();
          } else if (id === undefined) continue;
          else if (one.what === 'close') {
            await table.close(id);
            model.delete(id);
          } else {
            if (!('lease' in one)) await table.use(id, () => 1);
            else {
              table.renew(id, one.lease);
              model.get(id)!.lease = one.lease * 1000;
            }
            model.get(id)!.last = clock.now();
          }
          expect(ids(table)).toEqual([...model.keys()]);
        }
        await table.shutdown();
      }),
      { numRuns: 50 },
    );
  });

  it('contract 60: renew restarts the lease, also with another length', async () => {
    const table = await tableWith();
    await table.open('/m/f', { ...READ, lease: 100 });
    clock.advance(90_000);
    expect(table.renew(1)).toMatchObject({ lease: 100, expiresAt: new Date(clock.now() + 100_000) });
    expect(table.renew(1, 5)).toMatchObject({ lease: 5, expiresAt: new Date(clock.now() + 5_000) });
  });
});

describe('unused handles', () => {
  it('contract 60: are closed after a day, unless told otherwise, and the log says so', async () => {
    const { lines, logger } = infoLog();
    const table = await tableWith({ logger });
    await table.open('/m/f', READ);
    clock.advance(24 * 3_600_000 - 1);
    expect(ids(table)).toEqual([1]);
    clock.advance(1);
    expect(table.size).toBe(0);
    expect(lines).toEqual([
      { message: 'handle closed', id: 1, path: '/m/f', why: 'idle for too long', unusedSeconds: 86_400 },
    ]);
    const other = await tableWith({ idle: 0 });
    await other.open('/m/f', READ);
    clock.advance(1000 * 24 * 3_600_000);
    expect(clock.pending).toBe(0);
    expect(ids(other)).toEqual([1]);
  });

  it('contract 60: are not closed within their lease, however short the idle time', async () => {
    const table = await tableWith({ idle: 1000 });
    await table.open('/m/f', { ...READ, lease: 10 });
    clock.advance(9_999);
    expect(ids(table)).toEqual([1]);
    clock.advance(1);
    expect(table.size).toBe(0);
  });

  it('contract 60: are closed by one timer for all', async () => {
    const closed: string[] = [];
    const { lines, logger } = infoLog();
    const table = await tableWith({ idle: 1000, logger }, watchedPlugin(closed));
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
    expect(lines).toHaveLength(50);
  });

  it('are told of in a few lines where very many go at once', async () => {
    const { lines, logger } = infoLog();
    const table = await tableWith({ idle: 1000, logger });
    for (let i = 0; i < 500; i += 1) await table.open('/m/f', { ...READ, lease: 1 });
    clock.advance(1000);
    await table.shutdown();
    expect(lines).toHaveLength(22);
    const counts = lines.map((line) => (line as { count?: number }).count ?? 1);
    expect(counts.reduce((all, count) => all + count, 0)).toBe(500);
  });

  it('contract 60: are not found once their time is over, even before the timer comes', async () => {
    let now = 0;
    const table = await tableWith({
      idle: 1000,
      clock: { timeOfDay: Date.now, now: () => now, schedule: () => () => {} },
    });
    await table.open('/m/f', { ...READ, lease: 5 });
    now = 4_999;
    expect(table.get(1).id).toBe(1);
    now = 5_000;
    expect(() => table.get(1)).toThrow(code('HANDLE_NOT_FOUND'));
    expect(() => table.renew(1)).toThrow(code('HANDLE_NOT_FOUND'));
    await expect(table.use(1, () => 1)).rejects.toThrow(code('HANDLE_NOT_FOUND'));
    expect(table.list()).toEqual([]);
  });

  it('contract 60: every use counts, looking does not', async () => {
    const table = await tableWith({ idle: 10_000 });
    await table.open('/m/f', { ...READ, lease: 1 });
    for (let i = 0; i < 5; i += 1) {
      clock.advance(8_000);
      expect(await table.use(1, async (handle) => (await handle.stat()).name)).toBe('f');
    }
    clock.advance(8_000);
    expect(table.get(1).lastAccess).toEqual(new Date(clock.now() - 8_000));
    clock.advance(2_000);
    expect(table.size).toBe(0);
  });

  it('contract 60: a use that fails counts as well', async () => {
    const table = await tableWith({ idle: 10_000 });
    await table.open('/m/f', READ);
    clock.advance(8_000);
    await expect(table.use(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    clock.advance(8_000);
    expect(table.get(1).id).toBe(1);
  });

  it('contract 60: a use that waits long counts for as long as it runs', async () => {
    const table = await tableWith({ idle: 10_000 });
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

  it('go on where a handle fails to close', async () => {
    const closed: string[] = [];
    const logged: unknown[] = [];
    const silent = { debug() {}, info() {}, warn() {}, error: (_: string, facts?: unknown) => void logged.push(facts) };
    const plugin = watchedPlugin(closed, () => Promise.reject(new Error('stuck')));
    const table = await tableWith({ logger: silent, idle: 1 }, plugin);
    await mounts.mount('fakefs', '/w');
    await table.open('/w/a', { ...READ, lease: 1 });
    await table.open('/w/b', { ...READ, lease: 2 });
    clock.advance(2_000);
    expect(closed).toEqual(['/a', '/b']);
    await expect.poll(() => logged).toMatchObject([{ id: 1, path: '/w/a', error: 'Error: stuck' }, { id: 2 }]);
  });

  it('contract 60: are closed on the real clock as well', async () => {
    const closed = gate();
    const plugin = watchedPlugin([], closed.open);
    const table = await tableWith({ clock: systemClock, idle: 1 }, plugin);
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
