import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createError } from '../errors/index.ts';
import { codeOf } from './disk.ts';

/** Logs are private to their owner. */
const PRIVATE = 0o700;

/**
 * Creates a directory and its missing parents. An existing directory keeps its mode. Replaces the `recursive` option of
 * Node, which never returns if an existing directory refuses new entries with ENOENT, as `/proc` does.
 *
 * @param mode the mode of created directories, less the umask
 * @throws errors of the disk; NOT_A_DIRECTORY if a file has the path
 */
export async function makeDirectory(path: string, mode = PRIVATE): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if (codeOf(error) !== 'ENOENT' || above === path) throw error;
    await makeDirectory(above, mode);
    await makeOne(path, mode);
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const there = await stat(path).catch(() => undefined);
    if (there === undefined) throw error;
    if (!there.isDirectory()) throw createError('NOT_A_DIRECTORY', { path });
  }
}
