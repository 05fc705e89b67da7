import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './disk.ts';

/** Logs are private to their owner. */
const DIRECTORY_MODE = 0o700;

/**
 * Creates a directory and its parents. Replaces the `recursive` option of Node, which never returns if an existing
 * directory refuses new entries with ENOENT, as `/proc` does.
 *
 * @throws errors of the disk
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const above = dirname(path);
    if (codeOf(error) !== 'ENOENT' || above === path) throw error;
    await makeDirectory(above);
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: DIRECTORY_MODE });
  } catch (error) {
    const there = await stat(path).catch(() => undefined);
    if (there?.isDirectory() !== true) throw error;
  }
}
