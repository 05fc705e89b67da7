/**
 * A pipe for the output of a child process. The pipes that Node itself makes are sockets on Unix, which `/dev/stderr` of
 * a shell script cannot open, and one of them cannot be two outputs. So this is a FIFO without a name: both outputs of a
 * child may be given its one writing end, and what is printed keeps its order.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pipe {
  readonly readEnd: number;
  /** To be closed once the child has it. */
  readonly writeEnd: number;
}

/** Undefined where the system has none: on Windows, or where nothing can be made in the temporary directory. */
export function openPipe(): Pipe | undefined {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'streamfs-'));
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' });
    // To open it for reading without waiting comes first: then there is a reader, and writing need not wait either.
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
