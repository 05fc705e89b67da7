import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { cli, realServer } from './harness.ts';

const execute = promisify(execFile);

/** The completions of the last word, according to the program itself. */
async function words(typed: readonly string[], url = 'http://127.0.0.1:1'): Promise<string[]> {
  const run = cli(['complete', '--', ...typed], { url });
  expect(await run.code).toBe(0);
  expect(run.err.text).toBe('');
  return run
    .out()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0]!);
}

describe('completion', () => {
  it('offers the commands that help shows, and no others', async () => {
    expect(await words(['m'])).toEqual(['mkdir', 'mounts', 'mount']);
    const all = await words(['']);
    const help = cli(['--help']);
    await help.code;
    const shown = [...help.out().matchAll(/^ {2}([a-z]+)(?=[ [<])/gm)].map((match) => match[1]);
    expect(shown.length).toBeGreaterThan(12);
    expect(all.sort()).toEqual(shown.sort());
    expect(await words(['help', 'ser'])).toEqual(['serve']);
  });

  it('offers the options of the command, also after global ones, and the global ones', async () => {
    expect(await words(['--url', 'http://127.0.0.1:1', 'cat', '--la'])).toEqual(['--last', '--last-lines']);
    expect(await words(['ls', '--to'])).toEqual(['--token-file']);
    expect(await words(['write', '/x', '--at'])).toEqual(['--atomic']);
    expect(await words(['--u'])).toEqual(['--url']);
    expect(await words(['cat', '--', '--la'])).toEqual([]);
  });

  it('offers the choices of an option, in one word with it or after it, and those of an argument', async () => {
    expect(await words(['cat', '--from', ''])).toEqual(['earliest', 'live']);
    expect(await words(['cat', '--on-lag', 'd'])).toEqual(['drop-oldest', 'drop-newest', 'disconnect']);
    expect(await words(['cat', '--on-lag=b'])).toEqual(['--on-lag=block']);
    expect(await words(['link', '--right', ''])).toEqual(['read', 'write']);
    expect(await words(['completion', 'z'])).toEqual(['zsh']);
  });

  it('offers files where an option names one, and after exec; nothing where anything may be given', async () => {
    expect(await words(['serve', '-c', ''])).toEqual([':files']);
    expect(await words(['exec', '/streamfs/x', '--', 'ma'])).toEqual([':files']);
    expect(await words(['cat', '--offset', ''])).toEqual([]);
    expect(await words(['mount', 'streamfs', '/'])).toEqual([]);
    expect(await words(['health', ''])).toEqual([]);
    expect(await words(['nonsense', ''])).toEqual([]);
    expect(await words([])).toContain('serve');
  });

  it('offers paths, mounts, plugins and readers of the server', async () => {
    const { url } = await realServer();
    const client = new StreamFSClient({ url });
    for (const path of ['/streamfs/logs/app', '/streamfs/logs/build', '/streamfs/live', '/memfs/a b']) {
      await client.write(path, 'x');
    }
    expect(await words(['cat', '--stream', ''], url)).toEqual(['/dev/', '/memfs/', '/streamfs/']);
    expect(await words(['cat', '/str'], url)).toEqual(['/streamfs/']);
    expect(await words(['cat', '/streamfs/l'], url)).toEqual(['/streamfs/live', '/streamfs/logs/']);
    expect(await words(['rm', '/streamfs/live', '/streamfs/logs/b'], url)).toEqual(['/streamfs/logs/build']);
    expect(await words(['cat', "'/memfs/a"], url)).toEqual(['/memfs/a b']);
    expect(await words(['cat', '/memfs/a\\ '], url)).toEqual(['/memfs/a b']);
    expect(await words(['cat', '/nowhere/x'], url)).toEqual([]);
    expect(await words(['unmount', '/m'], url)).toEqual(['/memfs']);
    expect(await words(['mount', 's'], url)).toEqual(['streamfs']);
    const handle = await client.openHandle('/streamfs/live');
    const numbers = await words(['kick', ''], url);
    expect(numbers).toHaveLength(1);
    expect(numbers[0]).toMatch(/^\d+$/);
    await handle.close();
  });

  it('asks the server that the line names, and not another', async () => {
    const { url } = await realServer();
    expect(await words(['--url', url, 'ls', '/m'])).toEqual(['/memfs/']);
    expect(await words([`--url=${url}`, 'ls', '/m'])).toEqual(['/memfs/']);
    expect(await words(['--token-file', '/nowhere', 'ls', '/m'], url)).toEqual([]);
  });

  it('says nothing where no server answers, also one that takes connections and is silent', async () => {
    expect(await words(['cat', '/'])).toEqual([]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(await words(['cat', '/'], `http://127.0.0.1:${port}`)).toEqual([]);
    server.close();
  });
});

describe('completion in the shells', () => {
  let folder: string;

  /** A program that answers as `complete` does, and records its arguments in a file. */
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'streamfs-completion-'));
    await mkdir(join(folder, 'bin'));
    const program = join(folder, 'bin', 'streamfs');
    await writeFile(program, `#!/bin/sh\nprintf '%s\\n' "$@" > '${folder}/asked'\ncat '${folder}/answer'\n`);
    await chmod(program, 0o755);
    for (const name of ['file one', 'file2']) await writeFile(join(folder, name), '');
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const script = async (shell: string): Promise<string> => {
    const run = cli(['completion', shell]);
    expect(await run.code).toBe(0);
    return run.out();
  };

  const inShell = async (program: string, args: readonly string[]): Promise<string[]> => {
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, HOME: folder };
    const { stdout } = await execute(program, args, { cwd: folder, env });
    return stdout.split('\n').filter((line) => line !== '');
  };

  const asked = async () => (await readFile(join(folder, 'asked'), 'utf8')).split('\n').slice(0, -1);

  /** Whether the shell is installed. CI has them all. */
  const has = (shell: string) => spawnSync(shell, ['--version']).error === undefined || process.env.CI === 'true';

  const byBash = async (...line: string[]) =>
    inShell('bash', [
      '-c',
      `${await script('bash')}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _streamfs; printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      ...line,
    ]);

  it('bash asks the program that was typed, with what was typed, and takes the first word of each line', async () => {
    await writeFile(join(folder, 'answer'), '/streamfs/a\tstream\n/streamfs/dir/\tdirectory\n/memfs/a b\tfile\n');
    expect(await byBash('streamfs', 'cat', '/s')).toEqual(['/streamfs/a', '/streamfs/dir/', '/memfs/a\\ b']);
    expect(await asked()).toEqual(['complete', '--', 'cat', '/s']);
  });

  it('bash completes the value in --option=value, and files', async () => {
    await writeFile(join(folder, 'answer'), '--on-lag=block\tx\n');
    expect(await byBash('streamfs', 'cat', '--on-lag', '=', 'b')).toEqual(['block']);
    await writeFile(join(folder, 'answer'), ':files\n');
    expect((await byBash('streamfs', 'serve', '-c', 'fi')).sort()).toEqual(['file one', 'file2']);
  });

  it('fish asks the program, and shows what each word is', async () => {
    if (!has('fish')) return;
    await writeFile(join(folder, 'answer'), '/streamfs/a\tstream\n/streamfs/dir/\tdirectory\n');
    const lines = await inShell('fish', ['-c', `${await script('fish')}\ncomplete -C 'streamfs cat /s'`]);
    expect(lines).toEqual(['/streamfs/a\tstream', '/streamfs/dir/\tdirectory']);
    expect(await asked()).toEqual(['complete', '--', 'cat', '/s']);
  });

  it('zsh asks the program, and completes the word', async () => {
    if (!has('zsh')) return;
    await writeFile(join(folder, 'answer'), '/streamfs/abc\tstream\n');
    await writeFile(join(folder, 'script'), await script('zsh'));
    // Completion works only in an interactive shell, on a terminal.
    const typed = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=""; autoload -Uz compinit; compinit -u -D; source ./script; print READY'
zpty -r shell line '*READY*READY*'
zpty -w -n shell $'streamfs cat /s\t'
zpty -r shell line '*/streamfs/abc*' && print COMPLETED
zpty -d shell`;
    expect(await inShell('zsh', ['-f', '-c', typed])).toContain('COMPLETED');
    expect(await asked()).toEqual(['complete', '--', 'cat', '/s']);
  });
});

describe('completion --install', () => {
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'streamfs-home-'));
  });

  afterEach(() => rm(home, { recursive: true, force: true }));

  it.each([
    ['bash', '.local/share/bash-completion/completions/streamfs'],
    ['zsh', '.zfunc/_streamfs'],
    ['fish', '.config/fish/completions/streamfs.fish'],
  ])('writes the script for %s where it is looked for, and says where', async (shell, place) => {
    const env = { HOME: home, SHELL: `/usr/bin/${shell}` };
    for (const argv of [
      ['completion', '--install'],
      ['completion', shell, '--install'],
    ]) {
      const run = cli(argv, { env });
      expect(await run.code).toBe(0);
      expect(run.out()).toContain(join(home, place));
    }
    const printed = cli(['completion', shell]);
    await printed.code;
    expect(await readFile(join(home, place), 'utf8')).toBe(printed.out());
  });

  it.each([
    [{}, '$SHELL is not set'],
    [{ SHELL: '/bin/tcsh' }, '$SHELL is tcsh'],
    [{ SHELL: '/bin/bash' }, '$HOME is not set'],
  ])('says what is missing in %j', async (env, message) => {
    const run = cli(['completion', '--install'], { env });
    expect(await run.code).toBe(EXIT.usage.code);
    expect(run.err.text).toContain(message);
  });

  it.runIf(process.platform === 'linux')('fails at once where no directory can be made, as below /proc', async () => {
    const run = cli(['completion', 'bash', '--install'], { env: { HOME: '/proc/streamfs' } });
    expect(await run.code).toBe(EXIT.usage.code);
    expect(run.err.text).toContain('cannot write /proc/streamfs/.local/share/');
  });

  it('leaves a file alone that holds something else', async () => {
    const file = join(home, '.zfunc', '_streamfs');
    await mkdir(join(home, '.zfunc'));
    await writeFile(file, 'mine');
    const run = cli(['completion', 'zsh', '--install'], { env: { HOME: home } });
    expect(await run.code).toBe(EXIT.usage.code);
    expect(run.err.text).toContain(file);
    expect(await readFile(file, 'utf8')).toBe('mine');
  });
});
