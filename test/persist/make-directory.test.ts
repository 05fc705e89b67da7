import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryLock } from '../../src/persist/directory-lock.ts';
import { NodeDisk } from '../../src/persist/node-disk.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'streamfs-directories-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('a directory of a log', () => {
  it('is made with those above it, for its owner alone, also where it is there', async () => {
    const disk = new NodeDisk(join(directory, 'a/b'));
    await disk.makeDirectory('c');
    await disk.makeDirectory('c');
    expect(statSync(join(directory, 'a/b/c')).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o700);
  });

  it('is not made below a file', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(new NodeDisk(join(directory, 'file')).makeDirectory('.')).rejects.toMatchObject({
      code: 'NOT_A_DIRECTORY',
    });
    await expect(new NodeDisk(join(directory, 'file')).makeDirectory('a')).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.runIf(process.platform === 'linux')('is refused immediately where none can be made, as below /proc', async () => {
    await expect(new NodeDisk('/proc/streamfs').makeDirectory('a')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(DirectoryLock.take('/proc/streamfs', () => undefined)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
