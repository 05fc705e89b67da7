/** Makes a directory, and those above it. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './disk.ts';

/** What is in a log concerns its owner alone. */
const DIRECTORY_MODE = 0o700;

/**
 * Makes what is missing of a path. In place of the `recursive` of Node, which never returns where a directory that is
 * there lets none be made in it and says ENOENT, as `/proc` does.
 *
 * @throws what the disk throws
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
