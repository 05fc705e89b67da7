import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { cli } from './harness.ts';

const execute = promisify(execFile);

async function script(shell: string): Promise<string> {
  const run = cli(['completion', shell]);
  expect(await run.code).toBe(0);
  return run.out();
}

/** What bash offers after `words`, of which the last is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const program = `${await script('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _streamfs; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await execute('bash', ['-c', program, 'bash', ...words]);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  it('offers the commands', async () => {
    expect(await offered('streamfs', 'm')).toEqual(['mkdir', 'mounts', 'mount']);
    expect(await offered('streamfs', '')).toContain('serve');
  });

  it('offers the options of the command, also behind global ones, and the global ones', async () => {
    expect(await offered('streamfs', '--url', 'http://x', 'cat', '--la')).toEqual(['--last', '--last-lines']);
    expect(await offered('streamfs', 'ls', '--to')).toEqual(['--token-file']);
    expect(await offered('streamfs', 'write', '--at')).toEqual(['--atomic']);
  });

  it('offers the choices of an option, and of an argument', async () => {
    expect(await offered('streamfs', 'cat', '--from', '')).toEqual(['earliest', 'live']);
    expect(await offered('streamfs', 'cat', '--on-lag', 'd')).toEqual(['drop-oldest', 'drop-newest', 'disconnect']);
    expect(await offered('streamfs', 'link', '--right', '')).toEqual(['read', 'write']);
    expect(await offered('streamfs', 'completion', 'z')).toEqual(['zsh']);
  });

  it('offers nothing where anything may be given', async () => {
    expect(await offered('streamfs', 'cat', '--offset', '')).toEqual([]);
  });

  it.each(['zsh', 'fish'])('the script for %s names every command', async (shell) => {
    const text = await script(shell);
    const help = cli(['--help']);
    await help.code;
    const commands = [...help.out().matchAll(/^ {2}([a-z]+)[ [<]/gm)]
      .map((match) => match[1])
      .filter((c) => c !== 'help');
    expect(commands.length).toBeGreaterThan(12);
    for (const command of commands) expect(text).toContain(command);
  });
});
