/** The name this program was started by, for printed commands that work when they are pasted. */
import { realpathSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';

/**
 * `streamfs` where the search path leads to this program, else `node` with the path of its file, as seen from the
 * working directory.
 *
 * @param file the file of the program, as in `process.argv[1]`
 */
export function ownName(file: string, env: NodeJS.ProcessEnv): string {
  const own = realOf(file);
  const isOnPath = (env.PATH ?? '').split(delimiter).some((folder) => {
    // On Windows npm puts a batch file there, which leads to nothing that could be compared.
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

/** As one word of a shell. */
function quoted(word: string): string {
  return /^[\w./:@%+,\\-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
