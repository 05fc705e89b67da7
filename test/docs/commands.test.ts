import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { codeSpans } from './markdown.ts';
import { allPages, page } from './pages.ts';
import { commands } from './reference.ts';
import { callsOf } from './shell.ts';

/** Parses without executing anything; throws if the command line would refuse. */
async function parse(words: readonly string[]): Promise<void> {
  const program = commands();
  for (const each of [program, ...program.commands]) each.exitOverride().configureOutput({ writeErr: () => {} });
  for (const each of program.commands) each.action(() => {});
  await program.parseAsync([...words], { from: 'user' });
}

/** Long options of all commands. */
const flags = new Set([
  ...[commands(), ...commands().commands].flatMap((each) => each.options.map((option) => option.long)),
  '--help',
]);

describe('commands in the pages', () => {
  it.each(allPages())('$path calls streamfs in ways that it takes', async ({ text }) => {
    for (const [, ...words] of callsOf('streamfs', text)) {
      await expect(parse(words), `streamfs ${words.join(' ')}`).resolves.toBeUndefined();
    }
  });

  it('are distinguished from those that it does not take', async () => {
    await expect(parse(['cat', '--steam', '/x'])).rejects.toThrow(CommanderError);
    await expect(parse(['write'])).rejects.toThrow(CommanderError);
    expect(callsOf('streamfs', page('README.md').text).length).toBeGreaterThan(8);
  });

  it.each(allPages())('$path names only options that there are', ({ text }) => {
    const named = codeSpans(text).flatMap((span) => (/^(?:streamfs [\w ]+ )?(--[a-z-]+)/.exec(span) ?? []).slice(1));
    expect(named.filter((flag) => !flags.has(flag))).toEqual([]);
  });
});
