/**
 * One run of the command line, from arguments to exit code, independent of the process. Every failure of a command is
 * handled here: one line on standard error, and a code from the table.
 */
import type { Command } from 'commander';
import { version } from '../app/version.ts';
import { BrokenPipeError, EXIT, exitCodeOf, InterruptedError } from './exit-codes.ts';
import { type CliIo, Messages, Output } from './io.ts';
import { legacyArguments } from './legacy-arguments.ts';

/** Runs `argv` (without node and script) and gives the exit code. Never throws. */
export async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const given = legacyArguments(argv);
  if (given.length === 1 && (given[0] === '--version' || given[0] === '-V')) {
    // Scripts call `--version` each time they start, so it is answered before anything is loaded.
    return await print(`${version.version}\n`, io);
  }
  const messages = new Messages(io);
  let help = '';
  const [{ CommanderError }, { buildProgram }] = await Promise.all([import('commander'), import('./program.ts')]);
  const { command, exitCode } = buildProgram(io, messages);
  const commands = [command, ...command.commands];
  for (const each of commands) {
    each.exitOverride();
    each.configureOutput({
      writeOut: (text) => {
        help += text;
      },
      // Help printed because of an error: the error itself arrives through outputError.
      writeErr: (text) => io.stderr.write(text),
      outputError: (text) => messages.error(text.replace(/^error: /, '')),
    });
  }
  try {
    await command.parseAsync(withoutUnknownTopic(given, command), { from: 'user' });
    return exitCode();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? await print(help, io) : EXIT.usage.code;
    return report(error, io);
  }
}

/** Prints help or the version, which no command does. */
async function print(text: string, io: CliIo): Promise<number> {
  try {
    const output = new Output(io.stdout);
    await output.write(text, io.signal);
    await output.flush(io.signal);
    return EXIT.ok.code;
  } catch (error) {
    return report(error, io);
  }
}

/** Prints why the run failed, and gives the exit code. */
function report(error: unknown, io: CliIo): number {
  // An aborted operation may fail with any error; the signal decides the exit code.
  const failure = io.signal.aborted ? io.signal.reason : error;
  const quiet = failure instanceof BrokenPipeError || failure instanceof InterruptedError;
  if (!quiet) new Messages(io).error(failure instanceof Error ? failure.message : String(failure));
  return exitCodeOf(failure);
}

/**
 * Commander answers `help` of an unknown command with the whole help and no error. Without the word `help` it reports
 * the unknown command, with a suggestion. `help help` is the whole help.
 */
function withoutUnknownTopic(given: readonly string[], { commands }: Command): readonly string[] {
  const [help, topic] = given;
  const isUnknown =
    help === 'help' &&
    topic !== undefined &&
    !topic.startsWith('-') &&
    commands.every((command) => command.name() !== topic);
  return isUnknown ? given.slice(1) : given;
}
