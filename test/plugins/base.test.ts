/** The base classes for plugins, beyond the cases of the contract suite. */
import { describe, expect, it } from 'vitest';
import { createError } from '../../src/errors/index.ts';
import { type ByteRange, contentOfParts, type FileInfo, type FileWriter } from '../../src/fs/index.ts';
import { BaseFileSystem, BodyWriter } from '../../src/plugins/index.ts';
import { bytes, contentOf, text } from './instance.ts';

const ALL = 'one\ntwo\nthree\n';

/** Two files, `/a` and `/b`, with only the required methods. */
class SmallFileSystem extends BaseFileSystem {
  constructor() {
    super('smallfs');
  }

  async stat(path: string): Promise<FileInfo> {
    if (path !== '/' && path !== '/a') throw createError('FILE_NOT_FOUND', { path });
    const meta = { Name: 'smallfs', Type: '', Content: null };
    const isDir = path === '/';
    return { name: path.slice(1) || '/', size: isDir ? 0 : ALL.length, mode: 0o644, modTime: new Date(0), isDir, meta };
  }

  async readDir(): Promise<FileInfo[]> {
    return [await this.stat('/a')];
  }

  async open(path: string, { offset = 0, size = -1 }: ByteRange = {}) {
    await this.stat(path);
    return contentOfParts([bytes(ALL).subarray(offset, size < 0 ? undefined : offset + size)]);
  }
}

describe('a write that fails', () => {
  it('says why, also if aborting it fails too', async () => {
    class FailingFileSystem extends SmallFileSystem {
      override async openWrite(): Promise<FileWriter> {
        return {
          written: 0,
          write: () => Promise.reject(new Error('the write failed')),
          close: async () => undefined,
          abort: () => Promise.reject(new Error('the abort failed')),
        };
      }
    }
    await expect(new FailingFileSystem().write('/a', bytes('x'))).rejects.toThrow('the write failed');
  });
});

describe('a file system that only says what there is', () => {
  const fs = new SmallFileSystem();

  it('refuses all else, with the operation and its own name', async () => {
    const refused: [string, () => Promise<unknown>][] = [
      ['create', () => fs.create('/b')],
      ['write', () => fs.write('/a', bytes('x'))],
      ['write', () => fs.openWrite('/a')],
      ['write', () => fs.openHandle('/a', { flags: 2, mode: 0o644 })],
      ['mkdir', () => fs.mkdir('/d', 0o755)],
      ['remove', () => fs.remove('/a')],
      ['remove', () => fs.removeAll('/a')],
      ['rename', () => fs.rename('/a', '/b')],
      ['chmod', () => fs.chmod('/a', 0o600)],
      ['truncate', () => fs.truncate('/a', 0)],
      ['touch', () => fs.touch('/a')],
      ['symlink', () => fs.symlink('a', '/b')],
      ['readlink', () => fs.readlink('/a')],
      ['end', () => fs.end('/a')],
      ['generation', () => fs.openStream('/a', { generation: 'x' })],
    ];
    for (const [operation, call] of refused) {
      await expect(call()).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
        message: `${operation} not supported by smallfs`,
      });
    }
  });

  it('claims to be read and nothing else', async () => {
    const can = await fs.capabilities('/a');
    expect(Object.keys(can).filter((key) => can[key as keyof typeof can])).toEqual([
      'isReadOnly',
      'supportsStreamRead',
      'supportsFileHandle',
      'supportsSync',
    ]);
  });

  it('contract 25: streams and gives snapshots from wherever is asked for', async () => {
    for (const [start, expected] of [
      [{ from: 'earliest' }, ALL],
      [{ from: 'live' }, ''],
      [{ offset: 4 }, 'two\nthree\n'],
      [{ offset: 100 }, ''],
      [{ lastBytes: 3 }, 'ee\n'],
      [{ lastBytes: 100 }, ALL],
      [{ lastLines: 2 }, 'two\nthree\n'],
    ] as const) {
      expect(text(await contentOf(await fs.openStream('/a', { start }))), JSON.stringify(start)).toBe(expected);
      const { parts } = await fs.snapshot('/a', { start });
      expect(text(Buffer.concat(parts)), JSON.stringify(start)).toBe(expected);
    }
    await expect(fs.openStream('/a', { start: { offset: -1 } })).rejects.toMatchObject({ code: 'NEGATIVE_OFFSET' });
    await expect(fs.openStream('/b')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('a file system that can be written', () => {
  it('contract 2: writes what it was given, although that changes while the writer is opened', async () => {
    const stored: string[] = [];
    class Slow extends SmallFileSystem {
      override async openWrite(): Promise<FileWriter> {
        await new Promise((resolve) => setImmediate(resolve));
        return new BodyWriter({
          pluginName: 'slowfs',
          maxBytes: 100,
          current: () => undefined,
          store: (content) => void stored.push(text(content)),
        });
      }
    }
    const buffer = bytes('good');
    const writing = new Slow().write('/a', buffer);
    buffer.fill(88);
    expect(await writing).toBe(4);
    expect(stored).toEqual(['good']);
  });

  it('refuses a body that would make a file too large, before and while it comes', async () => {
    const how = { pluginName: 'smallfs', maxBytes: 4, current: () => bytes('abc'), store() {} };
    expect(() => new BodyWriter({ ...how, options: { offset: 5 } })).toThrow('5 bytes: 4 are allowed');
    const body = new BodyWriter(how);
    body.write(bytes('1234'));
    expect(() => body.write(bytes('5'))).toThrow('5 bytes: 4 are allowed');
    const appended = new BodyWriter({ ...how, options: { append: true } });
    appended.write(bytes('de'));
    await expect(appended.close()).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
  });
});
