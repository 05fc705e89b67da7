/** A terminal of its own for a command, made by `script` of util-linux: programs print in colour, and ask, only on one. */
import { execFileSync } from 'node:child_process';
import { ExitError } from '../exit-codes.ts';

/** @throws ExitError where that program is not there */
export function onTerminal(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { command: string; args: string[] } {
  requireScript();
  const words = ['exec', 'env', ...(env.SHELL === undefined ? [] : [`SHELL=${env.SHELL}`]), command, ...args];
  // It gives its command to $SHELL, which may be one that quotes otherwise; the command gets back the one there was.
  return {
    command: 'env',
    args: ['SHELL=/bin/sh', 'script', '-q', '-e', '-f', '-c', words.map(quoted).join(' '), '/dev/null'],
  };
}

function requireScript(): void {
  let version = '';
  try {
    version = execFileSync('script', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
  } catch {
    // Told below.
  }
  if (version.includes('util-linux')) return;
  throw new ExitError('failed', '--tty needs the program `script` of util-linux, which is not here: leave out --tty');
}

function quoted(word: string): string {
  return /^[\w./=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
