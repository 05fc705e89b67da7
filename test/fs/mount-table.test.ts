import { describe, expect, it } from 'vitest';
import { createError } from '../../src/errors/index.ts';
import { MountTable, type Plugin, PluginRegistry } from '../../src/fs/index.ts';
import { builtinPlugins, memfsPlugin } from '../../src/plugins/index.ts';
import { fakePlugin, gate } from './fake-plugin.ts';

const tableOf = (...plugins: Plugin[]) => new MountTable({ registry: new PluginRegistry([memfsPlugin, ...plugins]) });
const code = (expected: string) => expect.objectContaining({ code: expected });
const message = (text: string) => expect.objectContaining({ message: text });

describe('the plugin registry', () => {
  it('gives a plugin by its name and lists all by name', () => {
    const fake = fakePlugin();
    const registry = new PluginRegistry([memfsPlugin, fake]);
    expect(registry.get('fakefs')).toBe(fake);
    expect(registry.list().map((plugin) => plugin.name)).toEqual(['fakefs', 'memfs']);
  });

  it('contract 74: has no plugin of an unknown name', () => {
    expect(() => new PluginRegistry().get('nofs')).toThrow(message('unknown filesystem type: nofs (none are known)'));
    expect(() => new PluginRegistry([memfsPlugin]).get('MEMFS')).toThrow(code('UNKNOWN_FSTYPE'));
    expect(() => new PluginRegistry().get('constructor')).toThrow(code('UNKNOWN_FSTYPE'));
  });

  it('suggests the plugin that an unknown name was probably meant to be', () => {
    const registry = new PluginRegistry(builtinPlugins);
    for (const [typed, meant] of [
      ['streamsf', 'streamfs'],
      ['Stream-FS', 'streamfs'],
      ['mem_fs', 'memfs'],
      ['defvs', 'devfs'],
    ] as const) {
      expect(() => registry.get(typed)).toThrow(
        message(`unknown filesystem type: ${typed} (did you mean '${meant}'?)`),
      );
    }
    expect(() => registry.get('sqlite')).toThrow(
      message('unknown filesystem type: sqlite (known are: devfs, memfs, streamfs)'),
    );
  });

  it('takes a name once', () => {
    expect(() => new PluginRegistry([memfsPlugin, memfsPlugin])).toThrow(code('PLUGIN_EXISTS'));
  });
});

describe('mounting', () => {
  it('contract 74: makes two mounts of one plugin independent', async () => {
    const table = tableOf();
    await table.mount('memfs', '/a');
    await table.mount('memfs', '/b');
    await table.create('/a/file');
    await expect(table.stat('/b/file')).rejects.toThrow(code('FILE_NOT_FOUND'));
  });

  it('contract 74: refuses a path that is taken, an unknown plugin and an invalid configuration', async () => {
    const table = tableOf();
    await table.mount('memfs', '/a');
    await expect(table.mount('memfs', 'a//')).rejects.toThrow(message('mount already exists: /a'));
    await expect(table.mount('nofs', '/n')).rejects.toThrow(code('UNKNOWN_FSTYPE'));
    await expect(table.mount('memfs', '/n', { no: 1 })).rejects.toThrow(
      message(
        "failed to validate plugin: unknown configuration parameter(s) 'no' - allowed parameters are: " +
          "'init_dirs', 'max_file_size', 'mount_path'",
      ),
    );
    await expect(table.mount('memfs', '/../n')).rejects.toThrow(code('INVALID_PATH'));
    expect(table.mounts().map((mount) => mount.path)).toEqual(['/a']);
  });

  it('says what a plugin that does not start said, and leaves its path free', async () => {
    let broken = true;
    const fake = fakePlugin({
      starting() {
        if (broken) throw new Error('disk is missing');
      },
    });
    const table = tableOf(fake);
    const refused = table.mount('fakefs', '/f');
    await expect(refused).rejects.toThrow(message('failed to initialize plugin: disk is missing'));
    await expect(refused).rejects.toMatchObject({ code: 'PLUGIN_FAILED', cause: { message: 'disk is missing' } });
    broken = false;
    await table.mount('fakefs', '/f');
    expect(fake.started).toEqual(['/f']);
  });

  it('lets exactly one of two win that mount at one path at once', async () => {
    const fake = fakePlugin();
    const table = tableOf(fake);
    const outcomes = await Promise.allSettled([table.mount('fakefs', '/f'), table.mount('memfs', '/f/')]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'MOUNT_EXISTS' } });
    expect(table.counts()).toEqual({ total: 1, pending: 0, mounted: 1, failed: 0 });
  });

  it('keeps its own copy of a configuration', async () => {
    const table = tableOf();
    const config: Record<string, unknown> = { max_file_size: '1KB' };
    await table.mount('memfs', '/a', config);
    config.max_file_size = '2KB';
    expect(table.mounts()).toMatchObject([{ config: { max_file_size: '1KB' } }]);
  });

  it('contract 67: lists mounts by path, without a config where none was given', async () => {
    const table = tableOf();
    await table.mount('memfs', '/b', {}, { instance: 'second' });
    await table.mount('memfs', '/a', { init_dirs: [] });
    expect(table.mounts()).toEqual([
      { path: '/a', pluginName: 'memfs', status: 'mounted', config: { init_dirs: [] } },
      { path: '/b', pluginName: 'memfs', instance: 'second', status: 'mounted' },
    ]);
  });

  it('lists plugins with where they are mounted and what they can be told', async () => {
    const table = tableOf(fakePlugin());
    await table.mount('memfs', '/b', { init_dirs: [] });
    const [fake, mem] = table.plugins();
    expect(fake).toEqual({
      name: 'fakefs',
      is_external: false,
      mounted_paths: [],
      config_params: [{ name: 'key', type: 'string', required: false, default: '', description: 'A key' }],
    });
    expect(mem).toMatchObject({ name: 'memfs', mounted_paths: [{ path: '/b', config: { init_dirs: [] } }] });
  });
});

describe('configured mounts', () => {
  it('contract 76: are pending, then mounted or failed with their error, and the rest runs on', async () => {
    const started = gate();
    const slow = fakePlugin({ starting: () => started.opened });
    const table = tableOf(slow);
    table.declare('fakefs', '/slow');
    table.declare('memfs', '/good');
    table.declare('memfs', '/bad', { no: 1 });
    table.declare('nofs', '/unknown');
    expect(table.counts()).toEqual({ total: 4, pending: 4, mounted: 0, failed: 0 });

    const all = table.startDeclared();
    await expect.poll(() => table.counts()).toEqual({ total: 4, pending: 1, mounted: 1, failed: 2 });
    await table.create('/good/file');
    await expect(table.create('/slow/file')).rejects.toMatchObject({
      code: 'MOUNT_NOT_READY',
      status: 503,
      message: 'mount is not ready: /slow (it is being started)',
    });
    started.open();
    await all;
    await table.create('/slow/file');
    expect(table.mounts()).toMatchObject([
      { path: '/bad', status: 'failed', error: expect.stringContaining('failed to validate plugin: unknown conf') },
      { path: '/good', status: 'mounted' },
      { path: '/slow', status: 'mounted' },
      { path: '/unknown', status: 'failed', error: expect.stringContaining('unknown filesystem type: nofs') },
    ]);
  });

  it('refuses to declare two at one path', () => {
    const table = tableOf();
    table.declare('memfs', '/a');
    expect(() => table.declare('memfs', 'a/')).toThrow(code('MOUNT_EXISTS'));
  });

  it('never lets a failed mount’s files land in the mount above it', async () => {
    const table = tableOf();
    table.declare('memfs', '/');
    table.declare('nofs', '/live');
    await table.startDeclared();
    await expect(table.write('/live/x', new Uint8Array(1))).rejects.toThrow(code('MOUNT_FAILED'));
    await expect(table.stat('/live')).rejects.toThrow('mount failed to start: /live (unknown filesystem type: nofs');
    expect(await table.readDir('/')).toEqual([]);
  });

  it('frees the path of a failed mount when it is unmounted', async () => {
    const table = tableOf();
    table.declare('nofs', '/live');
    await table.startDeclared();
    await table.unmount('/live');
    await table.mount('memfs', '/live');
    expect(table.counts()).toEqual({ total: 1, pending: 0, mounted: 1, failed: 0 });
  });
});

describe('unmounting', () => {
  it('contract 74: takes a mount away, and knows no other', async () => {
    const fake = fakePlugin();
    const table = tableOf(fake);
    await table.mount('fakefs', '/f');
    await table.unmount('f/');
    expect(fake.stopped).toEqual(['/f']);
    expect(table.mounts()).toEqual([]);
    await expect(table.unmount('/f')).rejects.toThrow(message('no mount at path: /f'));
    await expect(table.stat('/f')).rejects.toThrow(code('NOTHING_MOUNTED'));
  });

  it('refuses while the mount starts', async () => {
    const started = gate();
    const table = tableOf(fakePlugin({ starting: () => started.opened }));
    const mounting = table.mount('fakefs', '/f');
    await expect(table.unmount('/f')).rejects.toThrow(code('MOUNT_BUSY'));
    started.open();
    await mounting;
    await table.unmount('/f');
  });

  it('keeps the path taken until the instance has shut down', async () => {
    const stopped = gate();
    const fake = fakePlugin({ stopping: () => stopped.opened });
    const table = tableOf(fake);
    await table.mount('fakefs', '/f');
    const unmounting = table.unmount('/f');
    await expect(table.mount('memfs', '/f')).rejects.toThrow(code('MOUNT_BUSY'));
    await expect(table.unmount('/f')).rejects.toThrow(code('MOUNT_BUSY'));
    await expect(table.create('/f/x')).rejects.toThrow(code('NOTHING_MOUNTED'));
    stopped.open();
    await unmounting;
    await table.mount('memfs', '/f');
  });

  it('tells its listeners once the instance has shut down, even where that failed', async () => {
    const fake = fakePlugin({
      stopping() {
        throw new Error('stuck');
      },
    });
    const table = tableOf(fake);
    const calls: string[] = [];
    const stop = table.onUnmount((path) => void calls.push(`first ${path}`));
    table.onUnmount(() => Promise.reject(new Error('a listener that fails')));
    table.onUnmount((path) => void calls.push(`last ${path}`));
    await table.mount('fakefs', '/f');
    await expect(table.unmount('/f')).rejects.toThrow('stuck');
    expect(calls).toEqual(['first /f', 'last /f']);
    stop();
    await table.mount('memfs', '/f');
    await table.unmount('/f');
    expect(calls).toEqual(['first /f', 'last /f', 'last /f']);
  });

  it('leaves mounts that lie inside', async () => {
    const table = tableOf();
    await table.mount('memfs', '/a');
    await table.mount('memfs', '/a/b');
    await table.create('/a/b/file');
    await table.unmount('/a');
    expect(await table.stat('/a/b/file')).toMatchObject({ name: 'file' });
    expect(await table.stat('/a')).toMatchObject({ isDir: true });
  });
});

describe('shutdown', () => {
  it('contract 28: shuts every instance down, waits for one that is starting, and twice is harmless', async () => {
    const started = gate();
    const fake = fakePlugin({ starting: (path) => (path === '/slow' ? started.opened : undefined) });
    const table = tableOf(fake);
    await table.mount('fakefs', '/a');
    await table.mount('fakefs', '/b');
    const mounting = table.mount('fakefs', '/slow');
    const closing = table.shutdown();
    await expect.poll(() => fake.stopped.toSorted()).toEqual(['/a', '/b']);
    started.open();
    await Promise.all([closing, mounting, table.shutdown()]);
    expect(fake.stopped.toSorted()).toEqual(['/a', '/b', '/slow']);
    expect(table.mounts()).toEqual([]);
    await expect(table.mount('memfs', '/c')).rejects.toThrow(code('SHUTTING_DOWN'));
  });

  it('continues where one plugin fails to shut down', async () => {
    const fake = fakePlugin({
      stopping(path) {
        if (path === '/a') throw new Error('stuck');
      },
    });
    const table = tableOf(fake);
    await table.mount('fakefs', '/a');
    await table.mount('fakefs', '/b');
    await table.shutdown();
    expect(fake.stopped).toEqual(['/b']);
  });

  it('drops what was declared and never started', async () => {
    const fake = fakePlugin();
    const table = tableOf(fake);
    table.declare('fakefs', '/a');
    await table.shutdown();
    expect(fake.started).toEqual([]);
    expect(table.mounts()).toEqual([]);
  });
});

describe('errors of a plugin', () => {
  it('pass through as they are, naming paths inside the mount', async () => {
    const bug = new TypeError('a bug');
    const gone = createError('STREAM_NOT_FOUND', { path: '/x' });
    const fake = fakePlugin({ override: { read: () => Promise.reject(bug), end: () => Promise.reject(gone) } });
    const table = tableOf(fake);
    await table.mount('fakefs', '/f');
    await expect(table.read('/f/x', 0, 1)).rejects.toBe(bug);
    await expect(table.end('/f/x')).rejects.toBe(gone);
    await expect(table.stat('/f/a/b')).rejects.toThrow(message('file not found: /a/b'));
  });
});
