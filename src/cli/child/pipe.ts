/**
 * A pipe for the output of a child process. The pipes that Node creates are sockets on Unix: a shell script cannot open
 * them as `/dev/stderr`, and one of them cannot serve as two outputs. So this is an unlinked FIFO: its one writing end
 * can serve both outputs of a child, which preserves the order of their data.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pipe {
  readonly readEnd: number;
  /** Must be closed once the child has it. */
  readonly writeEnd: number;
}

/** Undefined if the system has no FIFOs (Windows), or the temporary directory is not writable. */
export function openPipe(): Pipe | undefined {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'streamfs-'));
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' });
    // Opened for reading first, without blocking: then a reader exists, and opening for writing does not block either.
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return { readEnd, writeEnd: openSync(path, constants.O_WRONLY) };
    } catch (error) {
      closeSync(readEnd);
      throw error;
    }
  } catch {
    return undefined;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
