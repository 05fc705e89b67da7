/**
 * A separate terminal for a command, created by `script` of util-linux: programs print in colour, and prompt, only on a
 * terminal.
 */
import { execFileSync } from 'node:child_process';
import { ExitError } from '../exit-codes.ts';

/** @throws ExitError if that program is missing */
export function onTerminal(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { command: string; args: string[] } {
  requireScript();
  const words = ['exec', 'env', ...(env.SHELL === undefined ? [] : [`SHELL=${env.SHELL}`]), command, ...args];
  // `script` gives its command to $SHELL, which may have other quoting rules; the command gets the original $SHELL
  // back.
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
    // Reported below.
  }
  if (version.includes('util-linux')) return;
  throw new ExitError(
    'failed',
    '--tty needs the program `script` of util-linux, which is not installed: leave out --tty',
  );
}

function quoted(word: string): string {
  return /^[\w./=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
