import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem } from '../../../src/fs/index.ts';
import { memfsPlugin } from '../../../src/plugins/index.ts';
import { bytes, contentOf, fileSystemOf, text } from '../instance.ts';

let fs: FileSystem;
beforeEach(async () => {
  fs = await fileSystemOf(memfsPlugin);
});

const code = (expected: string) => expect.objectContaining({ code: expected });
const whole = async (path: string) => text(await fs.read(path, 0, -1));
const names = async (path: string) => (await fs.readDir(path)).map((info) => info.name);

describe('directories of memfs', () => {
  it('are made, listed by name, and nest', async () => {
    await fs.mkdir('/d', 0o700);
    await fs.mkdir('/d/b', 0o755);
    await fs.write('/d/c', bytes('x'));
    await fs.write('/d/a', bytes('x'));
    expect(await names('/d')).toEqual(['a', 'b', 'c']);
    expect(await fs.stat('/d')).toMatchObject({ name: 'd', isDir: true, mode: 0o700, size: 0, meta: { Type: 'dir' } });
    expect(await fs.stat('/d/a')).toMatchObject({ mode: 0o644, meta: { Name: 'memfs', Type: 'file', Content: null } });
  });

  it('are required for the files in them', async () => {
    for (const call of [
      fs.create('/no/x'),
      fs.mkdir('/no/x', 0o755),
      fs.write('/no/x', bytes('1')),
      fs.touch('/no/x'),
    ]) {
      await expect(call).rejects.toThrow('file not found: /no');
    }
    await expect(fs.openWrite('/no/x')).rejects.toThrow('file not found: /no');
    expect(await names('/')).toEqual([]);
  });

  it('are not files, and files are not directories', async () => {
    await fs.mkdir('/d', 0o755);
    await fs.create('/f');
    await expect(fs.read('/d', 0, -1)).rejects.toThrow('is a directory: /d');
    await expect(fs.write('/d', bytes('x'))).rejects.toThrow('is a directory: /d');
    await expect(fs.truncate('/d', 0)).rejects.toThrow('is a directory: /d');
    await expect(fs.openHandle('/d', { flags: 2, mode: 0o644 })).rejects.toThrow('is a directory: /d');
    await expect(fs.readDir('/f')).rejects.toThrow('not a directory: /f');
    await expect(fs.stat('/f/x/y')).rejects.toThrow('not a directory: /f');
    await expect(fs.write('/f/x', bytes('1'))).rejects.toThrow('not a directory: /f');
    await expect(fs.mkdir('/f', 0o755)).rejects.toThrow('file already exists: /f');
    await expect(fs.create('/d')).rejects.toThrow('directory already exists: /d');
    await expect(fs.mkdir('/', 0o755)).rejects.toThrow('directory already exists: /');
  });

  it('are removed when empty, or recursively', async () => {
    await fs.mkdir('/d', 0o755);
    await fs.create('/d/f');
    await expect(fs.remove('/d')).rejects.toThrow('directory not empty: /d');
    await fs.removeAll('/d');
    await expect(fs.stat('/d/f')).rejects.toThrow('file not found: /d/f');
    await fs.mkdir('/d', 0o755);
    await fs.remove('/d');
    expect(await names('/')).toEqual([]);
  });

  it('never lose the root, which removeAll empties', async () => {
    await fs.mkdir('/d', 0o755);
    await fs.create('/f');
    await expect(fs.remove('/')).rejects.toThrow(code('ROOT_IS_FIXED'));
    await fs.removeAll('/');
    expect(await names('/')).toEqual([]);
    await fs.create('/f');
  });
});

describe('renaming in memfs', () => {
  it('moves files, and directories with their contents', async () => {
    await fs.mkdir('/a', 0o755);
    await fs.mkdir('/a/b', 0o755);
    await fs.write('/a/b/f', bytes('x'));
    await fs.mkdir('/z', 0o755);
    await fs.rename('/a', '/z/new');
    expect(await whole('/z/new/b/f')).toBe('x');
    expect(await names('/')).toEqual(['z']);
    expect(await fs.stat('/z/new')).toMatchObject({ name: 'new' });
  });

  it('never moves a directory into itself, nor the root', async () => {
    await fs.mkdir('/a', 0o755);
    await expect(fs.rename('/a', '/a/b')).rejects.toThrow('invalid path /a/b: it is inside /a, which is being moved');
    await expect(fs.rename('/', '/a/b')).rejects.toThrow(code('ROOT_IS_FIXED'));
    await expect(fs.rename('/a', '/')).rejects.toThrow(code('ROOT_IS_FIXED'));
    await fs.mkdir('/ab', 0o755);
    await fs.rename('/a', '/ab/a');
    expect(await names('/ab')).toEqual(['a']);
  });

  it('never replaces an existing file, and to its own name does nothing', async () => {
    await fs.write('/a', bytes('a'));
    await fs.write('/b', bytes('b'));
    await expect(fs.rename('/a', '/b')).rejects.toThrow('file already exists: /b');
    await fs.rename('/a', '/a');
    expect([await whole('/a'), await whole('/b')]).toEqual(['a', 'b']);
    await expect(fs.rename('/no', '/c')).rejects.toThrow('file not found: /no');
    await expect(fs.rename('/a', '/no/c')).rejects.toThrow('file not found: /no');
    expect(await whole('/a')).toBe('a');
  });
});

describe('writing in memfs', () => {
  it('keeps the flags apart', async () => {
    await fs.write('/f', bytes('abcdef'), { exclusive: true });
    await expect(fs.write('/f', bytes('x'), { exclusive: true })).rejects.toThrow('file already exists: /f');
    await fs.write('/f', bytes('X'), { offset: 2, truncate: true });
    expect(await whole('/f')).toBe('\0\0X');
    await fs.write('/f', bytes('Y'), { offset: 0, append: true });
    expect(await whole('/f')).toBe('\0\0XY');
    await fs.write('/f', bytes('Z'), { append: true, truncate: true });
    expect(await whole('/f')).toBe('Z');
    await fs.write('/new', bytes('x'), { offset: 3 });
    expect(await whole('/new')).toBe('\0\0\0x');
  });

  it('refuses what would make a file too large, and changes nothing', async () => {
    fs = await fileSystemOf(memfsPlugin, { max_file_size: '10B' });
    await fs.write('/f', bytes('0123456789'));
    await expect(fs.write('/f', bytes('x'), { append: true })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
      status: 413,
      message: 'file would grow to 11 bytes: 10 are allowed',
    });
    await expect(fs.write('/g', bytes('01234567890'))).rejects.toThrow(code('FILE_TOO_LARGE'));
    await expect(fs.write('/g', bytes('x'), { offset: 10 })).rejects.toThrow(code('FILE_TOO_LARGE'));
    await expect(fs.truncate('/f', 11)).rejects.toThrow(code('FILE_TOO_LARGE'));
    const writer = await fs.openWrite('/f');
    writer.write(bytes('01234567'));
    expect(() => writer.write(bytes('890'))).toThrow(code('FILE_TOO_LARGE'));
    await writer.abort();
    expect(await names('/')).toEqual(['f']);
    expect(await whole('/f')).toBe('0123456789');
  });

  it('shows a streamed body only when it is whole', async () => {
    await fs.write('/f', bytes('old'));
    const writer = await fs.openWrite('/f');
    writer.write(bytes('new '));
    expect(await whole('/f')).toBe('old');
    writer.write(bytes('body'));
    await writer.close();
    expect(await whole('/f')).toBe('new body');
    expect(() => writer.write(bytes('late'))).toThrow(code('WRITER_CLOSED'));
  });

  it('creates nothing for a streamed body that breaks off', async () => {
    const writer = await fs.openWrite('/f');
    writer.write(bytes('half'));
    await writer.abort();
    await writer.close();
    expect(await names('/')).toEqual([]);
  });

  it('appends and places a streamed body where it is asked to', async () => {
    await fs.write('/f', bytes('abc'));
    for (const options of [{ append: true }, { offset: 1 }]) {
      const writer = await fs.openWrite('/f', options);
      writer.write(bytes('X'));
      await writer.close();
    }
    expect(await whole('/f')).toBe('aXcX');
  });

  it('says at the end what has come in between', async () => {
    const exclusive = await fs.openWrite('/f', { exclusive: true });
    exclusive.write(bytes('mine'));
    await fs.write('/f', bytes('theirs'));
    await expect(exclusive.close()).rejects.toThrow('file already exists: /f');
    expect(await whole('/f')).toBe('theirs');
  });

  it('chmods and truncates', async () => {
    await fs.write('/f', bytes('abc'));
    await fs.chmod('/f', 0o600);
    await fs.truncate('/f', 5);
    expect(await fs.stat('/f')).toMatchObject({ mode: 0o600, size: 5 });
    expect(await whole('/f')).toBe('abc\0\0');
    for (const mode of [-1, 0o10000, 0.5, Number.NaN]) {
      await expect(fs.chmod('/f', mode)).rejects.toThrow(/^invalid mode parameter/);
    }
  });
});

describe('reading memfs as a stream', () => {
  it('sends the file in pieces of up to 64 KiB, as it was at the beginning', async () => {
    const data = Uint8Array.from({ length: 150_000 }, (_, i) => i % 251);
    await fs.write('/f', data);
    const source = await fs.openStream('/f');
    if (source.kind !== 'content') throw new TypeError('memfs has contents only');
    expect(source.size).toBe(150_000);
    const lengths: number[] = [];
    const pieces: Uint8Array[] = [];
    for await (const piece of source.content) {
      if (lengths.length === 0) await fs.write('/f', bytes('changed'), { offset: 70_000 });
      lengths.push(piece.length);
      pieces.push(piece);
    }
    expect(lengths).toEqual([65_536, 65_536, 18_928]);
    expect(Buffer.concat(pieces).equals(data)).toBe(true);
  });

  it('contract 25: starts where it is asked to', async () => {
    await fs.write('/f', bytes('one\ntwo\nthree\n'));
    const from = async (start: Parameters<FileSystem['openStream']>[1]) =>
      text(await contentOf(await fs.openStream('/f', start)));
    expect(await from({ start: { from: 'earliest' } })).toBe('one\ntwo\nthree\n');
    expect(await from({ start: { from: 'live' } })).toBe('');
    expect(await from({ start: { offset: 8 } })).toBe('three\n');
    expect(await from({ start: { offset: 800 } })).toBe('');
    expect(await from({ start: { lastBytes: 4 } })).toBe('ree\n');
    expect(await from({ start: { lastBytes: 400 } })).toBe('one\ntwo\nthree\n');
    expect(await from({ start: { lastLines: 0 } })).toBe('');
    expect(await from({ start: { lastLines: 1 } })).toBe('three\n');
    expect(await from({ start: { lastLines: 2 } })).toBe('two\nthree\n');
    for (const lastLines of [3, 4]) expect(await from({ start: { lastLines } })).toBe('one\ntwo\nthree\n');
    expect((await fs.snapshot('/f', { start: { lastLines: 1 } })).offset).toBe(8);
    await expect(from({ generation: 'g' })).rejects.toThrow('generation not supported by memfs');
    await expect(from({ start: { offset: -1 } })).rejects.toThrow(code('NEGATIVE_OFFSET'));
  });

  it('counts lines without a newline at the end, and empty ones', async () => {
    const last = async (content: string, lastLines: number) => {
      await fs.write('/f', bytes(content));
      return text(Buffer.concat((await fs.snapshot('/f', { start: { lastLines } })).parts));
    };
    expect(await last('a\nb', 1)).toBe('b');
    expect(await last('a\n\n', 1)).toBe('\n');
    expect(await last('a\n\n', 2)).toBe('a\n\n');
    expect(await last('\n', 1)).toBe('\n');
    expect(await last('\nb', 1)).toBe('b');
    expect(await last('', 1)).toBe('');
  });
});

describe('handles of memfs', () => {
  const open = (flags: number) => fs.openHandle('/f', { flags, mode: 0o600 });

  it('contract 91: create a file only where that is asked for, and only for writing', async () => {
    for (const flags of [0, 1, 2, 16, 2 | 8, 2 | 32, 2 | 64, 1 | 64 | 128, 2 | 512]) {
      await expect(open(flags)).rejects.toThrow('file not found: /f');
    }
    await expect(fs.openHandle('/f', { flags: 1 | 16, mode: 0o600, create: false })).rejects.toThrow('file not found');
    await (await open(1 | 16)).close();
    expect(await fs.stat('/f')).toMatchObject({ size: 0, mode: 0o600 });
    await (await fs.openHandle('/g', { flags: 2, mode: 0o640, create: true })).close();
    expect(await fs.stat('/g')).toMatchObject({ size: 0, mode: 0o640 });
    await expect(fs.openHandle('/h', { flags: 0, mode: 0o640, create: true })).rejects.toThrow('file not found: /h');
  });

  it('contract 91: an exclusive create refuses an existing file, and creates an absent one', async () => {
    await (await open(2 | 16 | 32)).close();
    for (const flags of [2 | 16 | 32, 1 | 16 | 32 | 64, 16 | 32]) {
      await expect(open(flags)).rejects.toMatchObject({ code: 'FILE_EXISTS', message: 'file already exists: /f' });
    }
    await expect(fs.openHandle('/f', { flags: 2 | 32, mode: 0, create: true })).rejects.toThrow('already exists');
    await fs.mkdir('/d', 0o755);
    await expect(fs.openHandle('/d', { flags: 2 | 16 | 32, mode: 0 })).rejects.toThrow('directory already exists: /d');
    // Alone it has no effect, and agfs-fuse sends 128 for a file that it has just created.
    for (const flags of [2 | 32, 2 | 16, 1 | 64 | 128]) await (await open(flags)).close();
  });

  it('contract 91: truncate nothing, whatever their bits say', async () => {
    await fs.write('/f', bytes('abc'));
    for (const flags of [2 | 16, 64 | 1, 64 | 2 | 16, 512 | 2, 1 | 256]) await (await open(flags)).close();
    expect(await whole('/f')).toBe('abc');
  });

  it.each([1 | 8, 2 | 8, 1 | 1024, 2 | 1024, 2 | 8 | 16, 1 | 64 | 1024])(
    'contract 91: with flags %i every write goes to the end, wherever it is asked to go',
    async (flags) => {
      await fs.write('/f', bytes('abc'));
      const handle = await open(flags);
      expect(await handle.write(bytes('d'))).toEqual({ written: 1, position: 4 });
      expect(await handle.write(bytes('e'), 0)).toEqual({ written: 1, position: 5 });
      await fs.write('/f', bytes('f'), { append: true });
      await handle.seek(0, 0);
      expect(await handle.write(bytes('g'))).toEqual({ written: 1, position: 7 });
      expect(await whole('/f')).toBe('abcdefg');
    },
  );

  it('contract 91: with any mix of handles that append and others, what was appended stays', async () => {
    const step = fc.record({
      flags: fc.constantFrom(2, 2 | 8, 1 | 1024),
      offset: fc.option(fc.nat(20), { nil: undefined }),
      text: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        await fs.write('/f', bytes(''));
        let expected = Buffer.alloc(0);
        for (const { flags, offset, text: piece } of steps) {
          const handle = await open(flags);
          await handle.write(bytes(piece), offset);
          await handle.close();
          const at = flags === 2 ? (offset ?? 0) : expected.length;
          const grown = Buffer.alloc(Math.max(expected.length, at + piece.length));
          expected.copy(grown);
          grown.write(piece, at);
          expected = grown;
        }
        expect(await whole('/f')).toBe(expected.toString());
      }),
    );
  });

  it('write at their position or at an offset, and leave the position alone there', async () => {
    const handle = await open(2 | 16);
    await handle.write(bytes('abc'));
    expect(await handle.write(bytes('X'), 1)).toEqual({ written: 1, position: 3 });
    await handle.write(bytes('d'));
    expect(await whole('/f')).toBe('aXcd');
    await handle.seek(6, 0);
    await handle.write(bytes('!'));
    expect(await whole('/f')).toBe('aXcd\0\0!');
    await handle.truncate(2);
    expect(await handle.stat()).toMatchObject({ name: 'f', size: 2 });
    await expect(handle.write(bytes('x'), -1)).rejects.toThrow('negative offset');
  });

  it('contract 53: know the end of the file', async () => {
    await fs.write('/f', bytes('abc'));
    const handle = await open(0);
    const read = async (size: number) => {
      const { data, eof, commit } = await handle.read({ size, timeout: 0 });
      commit();
      return [text(data), eof];
    };
    expect(await read(2)).toEqual(['ab', false]);
    expect(await read(2)).toEqual(['c', true]);
    expect(await read(2)).toEqual(['', true]);
    await fs.write('/f', bytes('d'), { append: true });
    expect(await read(2)).toEqual(['d', true]);
  });

  it('contract 59: refuse sizes that are none, and take no memory for large ones', async () => {
    await fs.write('/f', bytes('abc'));
    const handle = await open(0);
    for (const size of [0, -1, 0.5, Number.NaN]) {
      await expect(handle.read({ size, timeout: 0 })).rejects.toThrow(/^invalid size parameter/);
    }
    expect((await handle.read({ size: Number.MAX_SAFE_INTEGER, timeout: 0 })).data.length).toBe(3);
  });

  it('stay with a file that is renamed, replaced or removed', async () => {
    await fs.write('/f', bytes('abc'));
    const handle = await open(2);
    await fs.rename('/f', '/g');
    await handle.write(bytes('A'));
    expect(await whole('/g')).toBe('Abc');
    await fs.remove('/g');
    await handle.write(bytes('B'));
    expect((await handle.read({ size: 9, offset: 0, timeout: 0 })).data).toEqual(bytes('ABc'));
  });
});

describe('the configuration of memfs', () => {
  it('makes directories at the start', async () => {
    fs = await fileSystemOf(memfsPlugin, { init_dirs: ['/a/b/', 'c', '/a'], mount_path: '/m' });
    expect(await names('/')).toEqual(['a', 'c']);
    expect(await names('/a')).toEqual(['b']);
  });

  it('contract 81: says what is wrong with it', () => {
    const reason = (config: Record<string, unknown>) => {
      try {
        memfsPlugin.validate(config);
        return 'accepted';
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
        return (error as Error).message;
      }
    };
    expect(reason({ max_file_size: 'big' })).toBe(
      'invalid max_file_size: invalid size format: BIG (expected format: number with optional unit B/KB/MB/GB/TB)',
    );
    expect(reason({ max_file_size: true })).toBe("max_file_size must be a size string (e.g., '64MB') or number");
    expect(reason({ max_file_size: '2GB' })).toBe('max_file_size must be at most 1.0GB: 2.0GB');
    expect(reason({ init_dirs: '/a' })).toBe("init_dirs must be a list of paths (e.g., ['/home', '/tmp'])");
    expect(reason({ init_dirs: [1] })).toBe('init_dirs must hold paths only');
    expect(reason({ init_dirs: ['/a/../b'] })).toContain('invalid init_dirs: invalid path "/a/../b"');
    expect(reason({ mount_path: 1 })).toBe('mount_path must be a text');
    expect(reason({ x: 1, y: 2 })).toMatch(/^unknown configuration parameter\(s\) 'x', 'y' - allowed/);
    expect(reason({ max_file_size: 1024 })).toBe('accepted');
  });
});
