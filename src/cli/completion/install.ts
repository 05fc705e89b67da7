/** Installs a completion script where the shell looks for it. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { fileProblem, shownName } from '../../errors/index.ts';
import { makeDirectory } from '../../persist/make-directory.ts';
import { UsageError } from '../exit-codes.ts';
import { SCRIPTS, SHELLS, type Shell } from './scripts.ts';

/** All our scripts begin with this text: a file with any other content is not overwritten. */
const SCRIPT_HEADER = '# Completion of streamfs for ';

/** The shell named by `$SHELL`. @throws UsageError if completion does not support it */
export function shellOf(env: NodeJS.ProcessEnv): Shell {
  const name = basename(env.SHELL ?? '');
  const shell = SHELLS.find((each) => each === name);
  if (shell !== undefined) return shell;
  const which = name === '' ? '$SHELL is not set' : `$SHELL is ${name}`;
  throw new UsageError(`${which}: say which shell: ${SHELLS.map((each) => `streamfs completion ${each}`).join(', ')}`);
}

/** Less the umask: others may read a completion. */
const DIRECTORY_MODE = 0o777;

/** Installs it for the user. Returns the file, and the next step for the user. */
export async function install(shell: Shell, env: NodeJS.ProcessEnv): Promise<{ file: string; next: string }> {
  const home = env.HOME;
  if (home === undefined || home === '') {
    throw new UsageError(`$HOME is not set: write the output of streamfs completion ${shell} to a file yourself`);
  }
  const variables = VARIABLES[shell].filter((name) => env[name]);
  const relative = variables.find((name) => !isAbsolute(env[name]!));
  if (relative !== undefined) {
    throw new UsageError(
      `$${relative} is ${JSON.stringify(env[relative])}: expected an absolute path, such as /home/me`,
    );
  }
  const { file, next } = PLACES[shell](home, env);
  const present = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new UsageError(`cannot read ${shownName(file)}: ${fileProblem(error)}`);
  });
  if (present !== undefined && !present.includes(SCRIPT_HEADER)) {
    throw new UsageError(`${file} exists and is not a completion of streamfs: move it away first`);
  }
  try {
    await makeDirectory(dirname(file), DIRECTORY_MODE);
    await writeFile(file, SCRIPTS[shell]);
  } catch (error) {
    throw new UsageError(`cannot write ${shownName(file)}: ${writeProblem(error)}`);
  }
  return { file, next };
}

function writeProblem(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'its directory cannot be created' : fileProblem(error);
}

/** The variables that decide where, of each shell. */
const VARIABLES: Readonly<Record<Shell, readonly string[]>> = {
  bash: ['HOME', 'XDG_DATA_HOME'],
  zsh: ['HOME', 'ZDOTDIR'],
  fish: ['HOME', 'XDG_CONFIG_HOME'],
};

const NEW_SHELL = 'Open a new shell to use it.';

const PLACES: Readonly<Record<Shell, (home: string, env: NodeJS.ProcessEnv) => { file: string; next: string }>> = {
  bash(home, env) {
    const folder = env.XDG_DATA_HOME || join(home, '.local', 'share');
    const next = `${NEW_SHELL} It needs the package bash-completion; without, add to ~/.bashrc: source <(streamfs completion bash)`;
    return { file: join(folder, 'bash-completion', 'completions', 'streamfs'), next };
  },
  zsh(home, env) {
    const folder = join(env.ZDOTDIR || home, '.zfunc');
    const next = `${NEW_SHELL} If .zshrc does not have this line yet, add it: fpath+=(${folder}); autoload -Uz compinit && compinit`;
    return { file: join(folder, '_streamfs'), next };
  },
  fish(home, env) {
    const folder = env.XDG_CONFIG_HOME || join(home, '.config');
    return { file: join(folder, 'fish', 'completions', 'streamfs.fish'), next: NEW_SHELL };
  },
};
