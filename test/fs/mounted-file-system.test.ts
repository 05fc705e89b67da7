import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { MountTable, normalizePath, PluginRegistry } from '../../src/fs/index.ts';
import { memfsPlugin, streamfsPlugin } from '../../src/plugins/index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const code = (expected: string) => expect.objectContaining({ code: expected });
const names = async (table: MountTable, path: string) => (await table.readDir(path)).map((entry) => entry.name);

let table: MountTable;
beforeEach(() => {
  table = new MountTable({ registry: new PluginRegistry([memfsPlugin]) });
});

describe('which mount a path belongs to', () => {
  it('contract 75: with /a and /a/b mounted, /a/bc belongs to /a', async () => {
    await table.mount('memfs', '/a');
    await table.mount('memfs', '/a/b');
    expect(table.resolve('/a/bc')).toMatchObject({ mountPath: '/a', path: '/bc' });
    expect(table.resolve('/a/b/c')).toMatchObject({ mountPath: '/a/b', path: '/c' });
    expect(table.resolve('/a/b')).toMatchObject({ mountPath: '/a/b', path: '/' });
    expect(() => table.resolve('/ab')).toThrow(code('NOTHING_MOUNTED'));
  });

  it('contract 75: the longest mount of whole parts wins, whatever is mounted', async () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 4 })
      .map((parts) => normalizePath(parts.join('/')));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(path, { minLength: 1, maxLength: 5 }), path, async (mounted, asked) => {
        const several = new MountTable({ registry: new PluginRegistry([memfsPlugin]) });
        for (const each of mounted) await several.mount('memfs', each);
        const covering = mounted.filter((each) => each === '/' || `${asked}/`.startsWith(`${each}/`));
        const longest = covering.sort((a, b) => b.length - a.length)[0];
        if (longest === undefined) expect(() => several.resolve(asked)).toThrow();
        else expect(several.resolve(asked).mountPath).toBe(longest);
      }),
      { numRuns: 50 },
    );
  });

  it('contract 44: normalises paths before any plugin sees them', async () => {
    await table.mount('memfs', '/m');
    await table.write('m//x/', bytes('1'));
    expect(await table.stat('/m/x')).toMatchObject({ name: 'x', size: 1 });
    await expect(table.write('/m/../x', bytes('1'))).rejects.toThrow(code('INVALID_PATH'));
    await expect(table.stat('/m/\n')).rejects.toThrow(code('INVALID_PATH'));
  });

  it('says that nothing is mounted where nothing is', async () => {
    await table.mount('memfs', '/m');
    const text = 'file not found: /n/x (nothing is mounted there)';
    await expect(table.stat('/n/x')).rejects.toMatchObject({ message: text, status: 404 });
    await expect(table.write('/n/x', bytes('1'))).rejects.toThrow(text);
    await expect(table.openHandle('/n/x', { flags: 0, mode: 0 })).rejects.toThrow(text);
    await expect(table.mkdir('/n/x', 0o755)).rejects.toThrow(text);
    await expect(table.readDir('/n/x')).rejects.toThrow(text);
  });
});

describe('directories of mounts', () => {
  it('contract 39: stats a mount as its last path part', async () => {
    await table.mount('memfs', '/a/b');
    const { modTime, ...facts } = await table.stat('/a/b');
    expect(facts).toEqual({
      name: 'b',
      size: 0,
      mode: 493,
      isDir: true,
      meta: { Name: 'memfs', Type: '', Content: null },
    });
    expect(Math.abs(Date.now() - modTime.getTime())).toBeLessThan(60_000);
  });

  it('contract 39: stats a mount of streamfs as the original did, and lists it so', async () => {
    const streams = new MountTable({ registry: new PluginRegistry([streamfsPlugin]) });
    await streams.mount('streamfs', '/streamfs');
    const info = await streams.stat('/streamfs');
    expect(info).toMatchObject({ name: 'streamfs', mode: 493, isDir: true });
    expect(JSON.stringify(info.meta)).toBe('{"Name":"streamfs","Type":"","Content":null}');
    expect(await streams.readDir('/')).toEqual([info]);
  });

  it('contract 41: names paths of errors inside the mount', async () => {
    const streams = new MountTable({ registry: new PluginRegistry([streamfsPlugin]) });
    await streams.mount('streamfs', '/streamfs');
    await expect(streams.stat('/streamfs/live')).rejects.toThrow('stream not found: /live');
    await streams.shutdown();
  });

  it('lists mounts and the directories on the way to them', async () => {
    await table.mount('memfs', '/z');
    await table.mount('memfs', '/a/b');
    await table.mount('memfs', '/a/c/d');
    expect(await names(table, '/')).toEqual(['a', 'z']);
    expect(await names(table, '/a')).toEqual(['b', 'c']);
    expect(await names(table, '/a/c')).toEqual(['d']);
    expect(await table.stat('/a')).toMatchObject({ name: 'a', isDir: true, mode: 0o755 });
    expect(await table.stat('/')).toMatchObject({ name: '/', isDir: true });
    expect((await table.readDir('/a'))[0]).toEqual(await table.stat('/a/b'));
  });

  it('lists an empty root where nothing is mounted at all', async () => {
    expect(await table.readDir('/')).toEqual([]);
  });

  it('forgets a directory with its last mount', async () => {
    await table.mount('memfs', '/a/b');
    await table.unmount('/a/b');
    await expect(table.stat('/a')).rejects.toThrow(code('NOTHING_MOUNTED'));
  });

  it('lists a nested mount in its parent mount, in place of the entry it hides', async () => {
    await table.mount('memfs', '/m', { init_dirs: ['/dir', '/hidden'] });
    await table.mount('memfs', '/m/hidden');
    await table.mount('memfs', '/m/dir/deep/down');
    await table.create('/m/zero');
    expect(await names(table, '/m')).toEqual(['dir', 'hidden', 'zero']);
    expect((await table.readDir('/m'))[1]?.meta.Type).toBe('');
    expect(await names(table, '/m/dir')).toEqual(['deep']);
    expect(await names(table, '/m/dir/deep')).toEqual(['down']);
    expect(await table.stat('/m/dir/deep')).toMatchObject({ isDir: true });
    await expect(table.readDir('/m/other')).rejects.toThrow(code('FILE_NOT_FOUND'));
  });

  it('shows mounts below a mount of the root', async () => {
    await table.mount('memfs', '/');
    await table.mount('memfs', '/dev');
    await table.create('/a');
    expect(await names(table, '/')).toEqual(['a', 'dev']);
  });

  it('can neither be written, nor made, nor removed, and says so', async () => {
    await table.mount('memfs', '/a/b');
    await expect(table.write('/a', bytes('1'))).rejects.toThrow('is a directory: /a');
    await expect(table.create('/a')).rejects.toThrow(code('IS_A_DIRECTORY'));
    await expect(table.openWrite('/')).rejects.toThrow(code('IS_A_DIRECTORY'));
    await expect(table.read('/a', 0, -1)).rejects.toThrow(code('IS_A_DIRECTORY'));
    await expect(table.mkdir('/a', 0o755)).rejects.toThrow('directory already exists: /a');
    await expect(table.mkdir('/a/b', 0o755)).rejects.toThrow(code('DIRECTORY_EXISTS'));
    expect(await table.capabilities('/a')).toMatchObject({ isReadOnly: true, supportsDirectories: true });
  });

  it('keeps mounts, and the directories they lie in, from being removed or renamed', async () => {
    await table.mount('memfs', '/m', { init_dirs: ['/dir', '/free'] });
    await table.mount('memfs', '/m/dir/x');
    for (const path of ['/', '/m', '/m/dir', '/m/dir/x']) {
      await expect(table.remove(path)).rejects.toThrow(code('MOUNT_IS_FIXED'));
      await expect(table.removeAll(path)).rejects.toThrow(code('MOUNT_IS_FIXED'));
      await expect(table.rename(path, '/m/new')).rejects.toThrow(code('MOUNT_IS_FIXED'));
      await expect(table.rename('/m/free', path)).rejects.toThrow(code('MOUNT_IS_FIXED'));
    }
    await table.removeAll('/m/free');
  });
});

describe('renaming', () => {
  it('works within a mount and is refused across mounts', async () => {
    await table.mount('memfs', '/a');
    await table.mount('memfs', '/b');
    await table.write('/a/x', bytes('1'));
    await table.rename('/a/x', '/a/y');
    expect(await names(table, '/a')).toEqual(['y']);
    await expect(table.rename('/a/y', '/b/y')).rejects.toMatchObject({
      code: 'RENAME_ACROSS_MOUNTS',
      message: 'rename not supported across mounts: /a/y to /b/y',
    });
  });
});

describe('every other call', () => {
  it('goes to the mount with the path that mount knows', async () => {
    await table.mount('memfs', '/m');
    await table.mkdir('/m/dir', 0o700);
    await table.create('/m/dir/f');
    await table.chmod('/m/dir/f', 0o600);
    await table.touch('/m/dir/g');
    const writer = await table.openWrite('/m/dir/f');
    await writer.write(bytes('hello'));
    await writer.close();
    await table.truncate('/m/dir/f', 4);
    expect(await table.read('/m/dir/f', 1, 2)).toEqual(bytes('el'));
    expect(await table.stat('/m/dir/f')).toMatchObject({ size: 4, mode: 0o600 });
    expect((await table.snapshot('/m/dir/f')).parts).toEqual([bytes('hell')]);
    expect(await table.open('/m/dir/f', { offset: 1, size: 2 })).toMatchObject({ size: 2 });
    for await (const piece of await table.open('/m/dir/f')) expect(Buffer.from(piece).toString()).toBe('hell');
    expect(await table.openStream('/m/dir/f')).toMatchObject({ kind: 'content', size: 4 });
    expect((await table.openHandle('/m/dir/f', { flags: 0, mode: 0 })).path).toBe('/dir/f');
    expect(await table.capabilities('/m/dir/f')).toMatchObject({ supportsRandomWrite: true });
    await expect(table.symlink('/x', '/m/l')).rejects.toThrow('symlink not supported by memfs');
    await expect(table.readlink('/m/l')).rejects.toThrow('readlink not supported by memfs');
    await expect(table.end('/m/dir/f')).rejects.toThrow('end not supported by memfs');
    await table.remove('/m/dir/g');
    await table.removeAll('/m/dir');
    expect(await table.readDir('/m')).toEqual([]);
  });
});
