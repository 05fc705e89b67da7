import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { waitFor } from '../harness/wait.ts';
import { cli } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'streamfs-wrong-values-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string | Uint8Array = '') => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const garbage = file(
  'garbage',
  Uint8Array.from({ length: 1000 }, (_, n) => (n * 37) % 256),
);
const empty = file('empty');
const huge = file('huge');
truncateSync(huge, 3 * 1024 ** 3);
const pipe = join(folder, 'pipe');
execFileSync('mkfifo', [pipe]);

async function usageError(argv: string[], env: Record<string, string> = {}): Promise<string> {
  const run = cli(argv, { env, input: '' });
  expect([await run.code, run.out()], run.err.text).toEqual([EXIT.usage.code, '']);
  return run.err.text;
}

describe('a wrong value of a variable', () => {
  it.each([
    ['a\nb', 'a line break at character 2'],
    ['secret token', 'a space at character 7'],
    [' ', 'a space at character 1'],
    ['tok\x01', 'a control character at character 4'],
    ['😀é', 'a character that is not ASCII at character 1'],
  ])('STREAMFS_TOKEN=%j is named with what is wrong, and the token is not shown', async (token, wrong) => {
    expect(await usageError(['ls'], { STREAMFS_TOKEN: token })).toBe(
      `streamfs: STREAMFS_TOKEN has ${wrong}: a token consists of visible ASCII characters, without spaces or line breaks\n`,
    );
  });

  it.each([
    ['STREAMFS_URL', 'localhost:8080', 'invalid url "localhost:8080": it should begin with http:// or https://'],
    ['STREAMFS_URL', ' ', 'invalid url " ": it should look like http://127.0.0.1:8080'],
    ['STREAMFS_URL', 'http://a:b@c', 'the address must not hold credentials: set STREAMFS_TOKEN or --token-file'],
    ['STREAMFS_CA_FILE', '/nonexistent', 'cannot read /nonexistent: the file does not exist'],
    ['STREAMFS_CA_FILE', ' ', 'cannot read " ": the file does not exist'],
    ['STREAMFS_CA_FILE', tmpdir(), `cannot read ${tmpdir()}: it is a directory`],
    ['STREAMFS_CA_FILE', empty, `${empty} has no certificate: expected PEM`],
  ])('%s=%j is named', async (name, value, message) => {
    expect(await usageError(['ls'], { [name]: value })).toContain(`streamfs: ${name}: ${message}`);
  });

  it.each([
    ['/nonexistent', 'cannot read /nonexistent: the file does not exist'],
    [tmpdir(), `cannot read ${tmpdir()}: it is a directory`],
    [garbage, `${garbage}: expected text in UTF-8`],
    [file('list', '- a\n'), `${join(folder, 'list')}: must be a mapping, not a list`],
  ])('STREAMFS_CONFIG=%j is named', async (value, message) => {
    const error = await usageError(['serve', '--addr', '0'], { STREAMFS_CONFIG: value });
    expect(error).toBe(`streamfs: STREAMFS_CONFIG: ${message}\n`);
  });

  it.each([
    ['bash', 'HOME', { HOME: 'me' }],
    ['bash', 'XDG_DATA_HOME', { HOME: folder, XDG_DATA_HOME: 'data' }],
    ['zsh', 'ZDOTDIR', { HOME: folder, ZDOTDIR: './z' }],
    ['fish', 'XDG_CONFIG_HOME', { HOME: folder, XDG_CONFIG_HOME: '~' }],
  ])('completion %s --install refuses a relative path in %s', async (shell, name, env) => {
    const value = JSON.stringify((env as Record<string, string>)[name]);
    expect(await usageError(['completion', shell, '--install'], env)).toBe(
      `streamfs: $${name} is ${value}: expected an absolute path, such as /home/me\n`,
    );
  });
});

describe('an option that names a file', () => {
  const options: [string, string[]][] = [
    ['-c, --config <file>', ['serve', '--addr', '0', '-c']],
    ['--token-file <file>', ['ls', '--token-file']],
    ['--ca-file <file>', ['ls', '--ca-file']],
  ];

  it.each(options)('%s: an empty name is refused as such, and - with what to use instead', async (flags, argv) => {
    expect(await usageError([...argv, ''])).toBe(
      `streamfs: option '${flags}' argument '' is invalid. expected the name of a file\n`,
    );
    expect(await usageError([...argv, '-'])).toContain('use /dev/stdin for standard input');
  });

  it.each(options)('%s: names the option, the file, and what is wrong', async (flags, argv) => {
    const option = /--\S+/.exec(flags)![0];
    for (const [value, problem] of [
      [' ', 'cannot read " ": the file does not exist'],
      ['a\nb', 'cannot read "a\\nb": the file does not exist'],
      [folder, `cannot read ${folder}: it is a directory`],
      [`${empty}/x`, `cannot read ${empty}/x: a part of its path is not a directory`],
      ['x'.repeat(5000), `cannot read ${'x'.repeat(200)}…: its name is too long`],
      [huge, `cannot read ${huge}: it has more than`],
      ['/dev/zero', 'cannot read /dev/zero: it has more than'],
    ] as const) {
      expect(await usageError([...argv, value])).toContain(`streamfs: ${option}: ${problem}`);
    }
  });

  it.each(options)('%s: a signal ends the wait for a pipe that nobody writes to', async (_, argv) => {
    const run = cli([...argv, pipe], { input: '' });
    // Opens only once the pipe has a reader.
    const { O_NONBLOCK, O_WRONLY } = constants;
    let writer: number | undefined;
    await waitFor('the pipe to be opened', () => {
      try {
        writer = openSync(pipe, O_WRONLY | O_NONBLOCK);
      } catch {}
      return writer !== undefined;
    });
    run.interrupt('SIGTERM');
    expect(await run.code).toBe(EXIT.terminated.code);
    closeSync(writer!);
  });

  it('--token-file: names a file that is empty or not a token', async () => {
    expect(await usageError(['ls', '--token-file', empty])).toBe(
      `streamfs: --token-file: ${empty} is empty: it should contain a token\n`,
    );
    const two = file('two', 'one\ntwo\n');
    expect(await usageError(['ls', '--token-file', two])).toContain(
      `streamfs: --token-file: ${two} has a line break at character 4: a token consists of`,
    );
  });
});

describe('other wrong values', () => {
  it.each([[''], [' '], ['x'], ['99999'], ['::1'], ['127.0.0.1:'], ['a b:1']])('--addr %j is named', async (value) => {
    expect(await usageError(['serve', '-c', empty, '--addr', value])).toContain(
      `option '--addr <host:port>' argument '${value}' is invalid. invalid address: ${JSON.stringify(value)} (`,
    );
  });

  it('an id of a reader that is only spaces is shown in quotes', async () => {
    expect(await usageError(['kick', ' '])).toBe('streamfs: " " is not the id of a reader: see streamfs readers\n');
  });

  it.each([
    [' ', '" ": the directory does not exist', EXIT.notFound.code],
    ['/nonexistent', '/nonexistent: the directory does not exist', EXIT.notFound.code],
    [empty, `${empty}: it is not a directory`, EXIT.refused.code],
  ])('log check %j says in words what is wrong with the directory', async (value, problem, code) => {
    const run = cli(['log', 'check', value]);
    expect([await run.code, run.err.text]).toEqual([code, `streamfs: cannot read the log in ${problem}\n`]);
  });
});
