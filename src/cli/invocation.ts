/** The name by which this program was started, so that printed commands work when pasted. */
import { realpathSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';

/**
 * `streamfs` if the search path leads to this program, else `node` with the path of its file, relative to the working
 * directory.
 *
 * @param file the file of the program, as in `process.argv[1]`
 */
export function invocation(file: string, env: NodeJS.ProcessEnv): string {
  const own = realOf(file);
  const isOnPath = (env.PATH ?? '').split(delimiter).some((folder) => {
    // On Windows npm installs a batch file, which cannot be compared with this file.
    if (process.platform === 'win32') return realOf(join(folder, 'streamfs.cmd')) !== undefined;
    return folder !== '' && own !== undefined && realOf(join(folder, 'streamfs')) === own;
  });
  if (isOnPath) return 'streamfs';
  const seen = relative(process.cwd(), own ?? file);
  return `node ${quoted(seen.startsWith('..') ? (own ?? file) : seen)}`;
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** Quotes a word for a shell. */
function quoted(word: string): string {
  return /^[\w./:@%+,\\-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
