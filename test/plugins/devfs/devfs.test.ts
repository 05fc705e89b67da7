import { beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem } from '../../../src/fs/index.ts';
import { devfsPlugin } from '../../../src/plugins/index.ts';
import { bytes, contentOf, fileSystemOf } from '../instance.ts';

let fs: FileSystem;
beforeEach(async () => {
  fs = await fileSystemOf(devfsPlugin);
});

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('devfs', () => {
  it('has null, random, urandom and zero', async () => {
    const listing = await fs.readDir('/');
    expect(listing.map((info) => info.name)).toEqual(['null', 'random', 'urandom', 'zero']);
    for (const info of listing)
      expect(info).toMatchObject({ mode: 0o666, size: 0, isDir: false, meta: { Type: 'device' } });
  });

  it('reads null as empty, in every way', async () => {
    expect(await fs.read('/null', 0, -1)).toHaveLength(0);
    expect(await fs.read('/null', 5, 10)).toHaveLength(0);
    expect(await contentOf(await fs.open('/null'))).toHaveLength(0);
    expect(await contentOf(await fs.openStream('/null'))).toHaveLength(0);
    expect((await fs.snapshot('/null')).parts).toEqual([new Uint8Array(0)]);
  });

  it('reads zeros, and random bytes that differ', async () => {
    expect(await fs.read('/zero', 7, 1000)).toEqual(new Uint8Array(1000));
    for (const path of ['/random', '/urandom']) {
      const [one, other] = [await fs.read(path, 0, 100), await fs.read(path, 0, 100)];
      expect(one).toHaveLength(100);
      expect(one).not.toEqual(other);
    }
  });

  it('contract 59: refuses to read without end, and takes no memory for it', async () => {
    const text = '/zero has no end: give a size, or use stream mode';
    await expect(fs.read('/zero', 0, -1)).rejects.toMatchObject({ message: text, status: 400 });
    await expect(fs.open('/zero')).rejects.toThrow(text);
    await expect(fs.snapshot('/zero')).rejects.toThrow(text);
    await expect(fs.read('/random', 0, 64 * 1024 * 1024 + 1)).rejects.toThrow(
      'invalid size parameter: at most 67108864 bytes per read: 67108865',
    );
    for (const size of [Number.NaN, 0.5, Number.POSITIVE_INFINITY]) {
      await expect(fs.read('/zero', 0, size)).rejects.toThrow(code('INVALID_PARAMETER'));
    }
  });

  it('streams for as long as it is read', async () => {
    for (const path of ['/zero', '/random']) {
      const source = await fs.openStream(path);
      if (source.kind !== 'content') throw new TypeError('devfs has contents only');
      expect(source.size).toBeUndefined();
      let size = 0;
      for await (const piece of source.content) {
        size += piece.length;
        if (size > 1_000_000) break;
      }
      expect(size).toBe(16 * 65_536);
    }
  });

  it('takes what is written, and keeps none of it', async () => {
    for (const path of ['/null', '/zero', '/random']) {
      expect(await fs.write(path, bytes('abc'))).toBe(3);
      await fs.truncate(path, 100);
      await fs.touch(path);
      expect((await fs.stat(path)).size).toBe(0);
    }
    expect(await fs.read('/zero', 0, 3)).toEqual(new Uint8Array(3));
  });

  it('cannot be changed', async () => {
    await expect(fs.create('/new')).rejects.toThrow('permission denied: /new');
    await expect(fs.create('/null')).rejects.toThrow('file already exists: /null');
    await expect(fs.mkdir('/new', 0o755)).rejects.toThrow('permission denied: /new');
    await expect(fs.rename('/null', '/new')).rejects.toThrow('permission denied: /null');
    await expect(fs.chmod('/null', 0o600)).rejects.toThrow('permission denied: /null');
    await expect(fs.remove('/')).rejects.toThrow(code('ROOT_IS_FIXED'));
    await expect(fs.stat('/null/x')).rejects.toThrow('not a directory: /null');
    await expect(fs.write('/null', bytes('x'), { exclusive: true })).rejects.toThrow(code('FILE_EXISTS'));
    await expect(fs.openHandle('/new', { flags: 1, mode: 0o644 })).rejects.toThrow('file not found: /new');
  });

  it('reads and writes through handles', async () => {
    const handle = await fs.openHandle('/zero', { flags: 2, mode: 0o644 });
    const read = await handle.read({ size: 10, timeout: 0 });
    expect(read).toMatchObject({ data: new Uint8Array(10), eof: false, offset: 0 });
    read.commit();
    expect(await handle.write(bytes('abc'))).toEqual({ written: 3, position: 13 });
    expect(await handle.seek(0, 1)).toBe(13);
    const source = await handle.stream();
    await expect(handle.stream()).rejects.toThrow(code('HANDLE_BUSY'));
    let pieces = 0;
    if (source.kind === 'content') {
      for await (const _ of source.content) {
        pieces += 1;
        if (pieces === 2) await handle.close();
      }
    }
    expect(pieces).toBe(2);
    const empty = await fs.openHandle('/null', { flags: 0, mode: 0o644 });
    expect(await empty.read({ size: 10, timeout: 60_000 })).toMatchObject({ data: new Uint8Array(0), eof: true });
  });
});
