/** The lock of a directory: two processes never write into one directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DirectoryLock } from '../../src/persist/directory-lock.ts';
import { StreamFileSystem } from '../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../src/plugins/streamfs/settings.ts';
import { recorder } from '../app/recorder.ts';
import { waitFor } from '../harness/wait.ts';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'streamfs-lock-'));
  file = join(directory, 'LOCK');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const LOCKED = expect.objectContaining({ code: 'DISK_LOCKED' });

async function take(onLost: (reason: string) => void = () => undefined): Promise<DirectoryLock> {
  const lock = await DirectoryLock.take(directory, onLost);
  onTestFinished(() => lock.release());
  return lock;
}

/** Lets the time pass that a process waits for a sign of life. */
function withFakeTimers(): void {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
}

describe('the lock of a directory', () => {
  it('is not taken from a living owner that the file does not name, because the disk was full', async () => {
    writeFileSync(file, '');
    const touching = setInterval(() => utimesSync(file, new Date(), new Date()), 100);
    onTestFinished(() => clearInterval(touching));
    await expect(take()).rejects.toEqual(LOCKED);
  });

  it('is not taken from an owner that has created its file and not written it yet', async () => {
    const lock = await take();
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, '');
    const second = take();
    await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(file, text);
    await expect(second).rejects.toMatchObject({ code: 'DISK_LOCKED', message: expect.stringContaining('process ') });
    expect(await lock.isHeld()).toBe(true);
  });

  it('is given back to a living owner whose file another process has moved away by mistake', async () => {
    const lock = await take();
    renameSync(file, `${file}.other`);
    await expect(take()).rejects.toEqual(LOCKED);
    expect(readdirSync(directory)).toEqual(['LOCK']);
    expect(await lock.isHeld()).toBe(true);
  });

  it('is taken over from an owner that was killed and whose parent has not noticed', async () => {
    // The shell starts a process that ends with its input, and becomes a program that never reads the exit code.
    const parent = spawn('sh', ['-c', 'cat <&3 & echo $!; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const pid = Number(String(await once(parent.stdout!, 'data')));
    await waitFor('the shell to be the program', () => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n');
    (parent.stdio[3] as Writable).end();
    const fields = await waitFor('the process to be a zombie', () => {
      const found = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      return found[0] === 'Z' ? found : undefined;
    });
    const first = await take();
    const text = readFileSync(file, 'utf8');
    await first.release();
    writeFileSync(file, JSON.stringify({ ...JSON.parse(text), pid, started: fields[19] }));
    await take();
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid });
  });

  it('is taken over from a dead owner, with what an interrupted takeover has left behind', async () => {
    const first = await take();
    writeFileSync(`${file}.left`, readFileSync(file, 'utf8').replace(/"started":"\d+"/, '"started":"1"'));
    await first.release();
    await take();
    expect(readdirSync(directory)).toEqual(['LOCK']);
  });

  it('is looked at before the next write of a process that was suspended, and not before others', async () => {
    withFakeTimers();
    const lost: string[] = [];
    const lock = await take((reason) => lost.push(reason));
    const other = JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), id: 'another' });
    writeFileSync(file, other);
    expect(lock.isHeld()).toBe(true);
    vi.setSystemTime(Date.now() + 6000);
    expect(await lock.isHeld()).toBe(false);
    expect(lock.isHeld()).toBe(false);
    expect(lost).toEqual(['another process has taken its directory']);
    await lock.release();
    expect(readFileSync(file, 'utf8')).toBe(other);
  });

  it('is lost to another process also if neither file names its owner', async () => {
    withFakeTimers();
    const lock = await take();
    writeFileSync(`${file}.new`, '');
    renameSync(`${file}.new`, file);
    vi.setSystemTime(Date.now() + 6000);
    expect(await lock.isHeld()).toBe(false);
  });

  it('names its owner as soon as there is room', async () => {
    withFakeTimers();
    const lock = await take();
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, '');
    vi.setSystemTime(Date.now() + 6000);
    expect(await lock.isHeld()).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});

describe('a process that was suspended, and whose directory was taken', () => {
  it('writes nothing more into it, and says so to writers', async () => {
    withFakeTimers();
    const fs = await StreamFileSystem.open(parseSettings({ persist: directory }), { logger: recorder() });
    onTestFinished(() => fs.shutdown());
    await fs.write('/a', Buffer.from('one'));
    const files = () =>
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name), 'latin1')]);
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), id: 'another' }));
    const before = files();
    vi.setSystemTime(Date.now() + 6000);
    await expect(fs.write('/a', Buffer.from('two'))).rejects.toMatchObject({ code: 'DISK_FAILED' });
    await fs.shutdown();
    expect(files()).toEqual(before);
  });
});
