import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { EXAMPLES } from '../../src/cli/examples.ts';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { manualPages } from '../../src/cli/manual.ts';
import { VALUES } from '../../src/cli/values.ts';
import { commands } from '../docs/reference.ts';
import { cli } from './harness.ts';

const program = commands();
const visible = program
  .createHelp()
  .visibleCommands(program)
  .filter((command) => command.name() !== 'help');

describe('the manual', () => {
  const pages = manualPages('2026-01-31');

  it('has a page for the command and for each of its commands, which package.json names for npm', () => {
    const names = ['streamfs.1', ...visible.map((command) => `streamfs-${command.name()}.1`)];
    expect([...pages.keys()]).toEqual(names);
    expect([...packageJson.man].sort()).toEqual(names.map((name) => `./dist/man/${name}`).sort());
  });

  it('names every option, argument, choice, example and exit code', () => {
    const plain = (text: string) =>
      text
        .replace(/\\f[BIR]|\\&/g, '')
        .replaceAll('\\-', '-')
        .replaceAll('\\e', '\\');
    for (const command of visible) {
      const page = plain(pages.get(`streamfs-${command.name()}.1`)!);
      for (const option of command.options.filter((each) => !each.hidden)) {
        expect(page).toContain(option.flags.replace(/[<>]/g, ''));
        for (const choice of option.argChoices ?? []) expect(page).toContain(choice);
      }
      for (const argument of command.registeredArguments) {
        expect(page).toContain(argument.argChoices?.join('|') ?? argument.name());
      }
      for (const { line } of EXAMPLES[command.name()]!) expect(page).toContain(line);
      for (const { code, meaning } of Object.values(EXIT))
        expect(page.toLowerCase()).toContain(`${code}\n${meaning.toLowerCase()}`);
    }
  });

  it('is right in the eyes of mandoc', () => {
    for (const [name, text] of pages) {
      const { error, stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning'], {
        input: text,
        encoding: 'utf8',
      });
      // CI has it.
      if (error !== undefined && process.env.CI !== 'true') return;
      expect(stdout + stderr, name).toBe('');
    }
  });
});

describe('help', () => {
  const helpOf = async (...argv: string[]): Promise<string> => {
    const run = cli(argv);
    expect(await run.code).toBe(0);
    return run.out();
  };

  it('of each command has two examples or more, which it takes', async () => {
    for (const command of visible) {
      const examples = EXAMPLES[command.name()] ?? [];
      expect(examples.length, command.name()).toBeGreaterThan(1);
      const help = await helpOf(command.name(), '--help');
      for (const { line, does } of examples) expect(help).toContain(`  ${does}:\n    ${line}\n`);
      expect(help).toContain('streamfs help options');
      expect(help).not.toContain('--token-file');
    }
  });

  it('has the options of every command, the values and the exit codes in one place', async () => {
    const help = await helpOf('help', 'options');
    expect(await helpOf('options')).toBe(help);
    for (const option of program.options) expect(help).toContain(option.flags);
    for (const { name } of VALUES) expect(help).toContain(`<${name}>`);
    for (const { meaning } of Object.values(EXIT)) expect(help).toContain(meaning);
  });

  it('names each kind of value that an option or argument takes', () => {
    const named = new Set(VALUES.map(({ name }) => name));
    const options = [program, ...visible].flatMap((each) =>
      each.options.filter((option) => option.argChoices === undefined),
    );
    const values = options.flatMap(({ flags }) => /<([^>]+)>/.exec(flags)?.[1] ?? []);
    expect(values.length).toBeGreaterThan(8);
    const unknown = values.filter((value) => !named.has(value) && !['url', 'bits'].includes(value));
    expect(unknown).toEqual([]);
  });
});
