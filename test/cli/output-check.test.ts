import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { outputCheck } from '../../src/cli/output-check.ts';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'streamfs-check-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Both ends of a pipe. */
function pipe(): { read: number; write: number } {
  const path = join(folder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(write));
  return { read, write };
}

describe('whether an output is still read', () => {
  it('a pipe tells once its last reader has closed it, and not before', () => {
    const warning = vi.spyOn(process, 'emitWarning');
    onTestFinished(() => warning.mockRestore());
    const { read, write } = pipe();
    const isRead = outputCheck(write, new PassThrough())!;
    expect([isRead(), isRead()]).toEqual([true, true]);
    writeSync(write, 'waits to be read');
    expect(isRead()).toBe(true);
    closeSync(read);
    expect([isRead(), isRead()]).toEqual([false, false]);
    expect(warning).not.toHaveBeenCalled();
  });

  it('a full pipe does not hold up the question', () => {
    const { read, write } = pipe();
    onTestFinished(() => closeSync(read));
    const isRead = outputCheck(write, new PassThrough())!;
    expect(() => {
      while (true) writeSync(write, Buffer.alloc(64 * 1024));
    }).toThrow(/EAGAIN/);
    expect(isRead()).toBe(true);
  });

  it('a file is not asked', () => {
    const fd = openSync(join(folder(), 'file'), 'w');
    onTestFinished(() => closeSync(fd));
    expect(outputCheck(fd, new PassThrough())).toBe(undefined);
  });
});
