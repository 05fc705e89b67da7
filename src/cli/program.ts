/**
 * The tree of commands: their names, arguments and options, from which help and completion are generated. Each command
 * is implemented in its own file under commands/, which is loaded only when the command runs.
 */

import { Argument, Command, Option } from 'commander';
import { version } from '../app/version.ts';
import { LOG_FORMATS } from '../config/defaults.ts';
import { LAG_POLICIES } from '../protocol/index.ts';
import * as value from './arguments.ts';
import { END_WATCH } from './child/constants.ts';
import { SHELLS } from './completion/scripts.ts';
import { CommandContext, type GlobalOptions } from './context.ts';
import { EXAMPLES, type Example } from './examples.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { explained } from './explain.ts';
import type { CliIo, Messages } from './io.ts';
import { addSettingOptions } from './setting-options.ts';
import { SORT_NAMES } from './top/view.ts';
import { VALUES } from './values.ts';

/** The implementation of a command. Returns its exit code, or undefined for 0; throws on failure. */
type Work<Args extends unknown[]> = (context: CommandContext, ...args: Args) => Promise<number | undefined>;

export interface Program {
  command: Command;
  /** The exit code of the command that ran. */
  exitCode(): number;
}

export function buildProgram(io: CliIo, messages: Messages): Program {
  let exitCode: number = EXIT.ok.code;
  const program = new Command('streamfs');

  // Commander passes an action its arguments, then its options and the command.
  const run =
    <Args extends unknown[]>(load: () => Promise<Work<Args>>) =>
    async (...given: unknown[]) => {
      const context = new CommandContext(io, messages, program.opts<GlobalOptions>());
      try {
        const work = await load();
        exitCode = (await work(context, ...(given.slice(0, -1) as Args))) ?? EXIT.ok.code;
        await context.flush();
      } catch (error) {
        throw await explained(error, context, onlyPath(given));
      } finally {
        context.close();
      }
    };

  program
    .description('Byte streams as files, broadcast: anyone appends to a path, any number of readers follow it live.')
    .version(version.version, '-V, --version', 'print the version')
    .option('--url <url>', 'the server (default: $STREAMFS_URL, else http://127.0.0.1:8080)')
    .option('--token-file <file>', 'read the token from a file (default: $STREAMFS_TOKEN)', value.file)
    .option('--ca-file <file>', 'trust only the certificates in this file (default: $STREAMFS_CA_FILE)', value.file)
    .option('--json', 'print JSON, if the command has output for programs')
    .option('-q, --quiet', 'no progress and no notes; errors and losses are still reported')
    .helpCommand(true)
    .showSuggestionAfterError(true)
    .addHelpText('after', exitCodeHelp());

  program
    .command('serve')
    .description('run a server until SIGTERM or SIGINT')
    .option(
      '-c, --config <file>',
      'configuration, YAML or TOML (default: $STREAMFS_CONFIG, else ./config.yaml, else built-in)',
      value.file,
    )
    .option(
      '--addr <host:port>',
      'the address to listen on; a port alone means loopback (default: as configured, else 127.0.0.1:8080)',
      value.address,
    )
    .option(
      '--max-memory <size>',
      'memory that streams, files and bodies may use together, such as 1GB or 50% of the machine (default: as configured, else 50%)',
      value.memory,
    )
    .addOption(
      new Option('--log-format <format>', 'format of the log (default: as configured, else auto)').choices(LOG_FORMATS),
    )
    .option('--no-auth', 'listen on addresses other than loopback without requiring tokens')
    .option('--print-sample-config', 'print a commented configuration and exit')
    .action(run(async () => (await import('./commands/serve.ts')).serve));

  addSettingOptions(program.command('write'))
    .description('write standard input to a path')
    .argument('<path>', 'such as /streamfs/live')
    .option('--stream', 'append to a stream: every piece is sent as soon as it arrives')
    .option('--lossless', 'write to a stream that waits for its readers, so that they get every byte')
    .option('--readers <n>', 'write to a stream, but wait until it has this many readers', value.count)
    .option('--end', 'end the stream after the last byte')
    .option('--no-create', 'fail if the stream does not exist')
    .option('--no-retry', 'fail when the connection is cut, instead of continuing without losing or duplicating a byte')
    .option('--no-recreate', 'fail when the server was restarted, instead of continuing with a new stream')
    .option('--retry-for <duration>', 'give up after failing for this long (default: 30s)', value.duration)
    .option('--tee', 'also print the input')
    .action(run(async () => (await import('./commands/write.ts')).write));

  addSettingOptions(program.command('exec'))
    .description('run a command and stream its output; exits with its status')
    .argument('<path>', 'the stream; it ends with the status of the command')
    .argument('<command>', 'after --')
    .argument('[args...]')
    .option('--lines', 'keep lines whole, across its two outputs and other writers')
    .option('--split', 'two streams, PATH.out and PATH.err')
    .option('--tee', 'also print the output')
    .option('--tty', 'run the command in a terminal, using the program `script` of util-linux')
    .option('--replace', 'if the stream has ended, remove it and create a new one')
    .option('--retry-for <duration>', 'give up streaming after failing for this long (default: 30s)', value.duration)
    .showHelpAfterError('Put the command and its options after --, as in: streamfs exec PATH -- COMMAND -x')
    .action(run(async () => (await import('./commands/exec.ts')).exec));

  program
    .command(END_WATCH, { hidden: true })
    .description('started by exec: ends its streams if exec is killed')
    .action(run(async () => (await import('./commands/end-watch.ts')).endWatch));

  program
    .command('cat')
    .description('print a file, or with --stream follow a stream live until it ends')
    .argument('<path>')
    .option('--stream', 'follow a stream: first the retained bytes, then live')
    .option('--snapshot', 'print the retained bytes of a stream, and stop')
    .option('--from-start', 'start with the first byte ever written, and fail if it is no longer retained')
    .addOption(new Option('--from <where>', 'where to start').choices(['earliest', 'live']))
    .option('--offset <n>', 'start at an absolute offset', value.offset)
    .option('--last <size>', 'start with the last bytes, such as 64KB', value.size)
    .option('--last-lines <n>', 'start with the last lines', value.count)
    .addOption(
      new Option(
        '--join <where>',
        'for audio and video: boundary begins where a player can start (default), any at the exact byte',
      ).choices(['boundary', 'any']),
    )
    .addOption(new Option('--on-lag <policy>', 'what happens if this reader is too slow').choices(LAG_POLICIES))
    .option('--no-create', 'fail if the stream does not exist')
    .option('--no-reconnect', 'fail when the connection is cut, instead of resuming')
    .option(
      '--retry-for <duration>',
      'give up after failing for this long (default: 30s before the first connection, then never)',
      value.duration,
    )
    .option(
      '--timeout <duration>',
      'give up after this long without data, such as 30s; 0: print the available data, and stop',
      value.patience,
    )
    .action(run(async () => (await import('./commands/cat.ts')).cat));

  program
    .command('tail')
    .description('print the last lines of streams or files, and with --follow new data')
    .argument('<path...>')
    .option('-n, --lines <n>', 'number of lines (default: 10)', value.offset)
    .option('-c, --bytes <size>', 'number of bytes instead, such as 64KB', value.size)
    .option('-f, --follow', 'continue with new data, until the streams end')
    .option('--prefix', 'print the path before each line, instead of headings')
    .option('--timestamps', 'print the time of arrival before each line')
    .option('--no-color', 'no colours, even on a terminal')
    .option('--no-create', 'with --follow: fail if a stream does not exist')
    .option('--no-reconnect', 'with --follow: fail when the connection is cut')
    .option(
      '--retry-for <duration>',
      'with --follow: give up after failing for this long (default: as for cat)',
      value.duration,
    )
    .action(run(async () => (await import('./commands/tail.ts')).tail));

  program
    .command('ls')
    .description('list a directory')
    .argument('[path]', 'default: /', '/')
    .option('-l, --long', 'also print mode, size and time')
    .action(run(async () => (await import('./commands/ls.ts')).ls));

  program
    .command('stat')
    .description('print the properties of a path')
    .argument('<path>')
    .action(run(async () => (await import('./commands/stat.ts')).stat));

  addSettingOptions(program.command('create'))
    .description('create streams, optionally with settings, or empty files')
    .argument('<path...>')
    .action(run(async () => (await import('./commands/create.ts')).create));

  program
    .command('touch')
    .description('create files, or set their time to now')
    .argument('<path...>')
    .action(run(async () => (await import('./commands/touch.ts')).touch));

  program
    .command('rm')
    .description('remove files; a stream is ended first')
    .argument('<path...>')
    .option('-r, --recursive', 'remove directories with their contents')
    .action(run(async () => (await import('./commands/rm.ts')).rm));

  program
    .command('end')
    .description('end streams: no more appends; retained bytes stay readable')
    .argument('<path...>')
    .action(run(async () => (await import('./commands/end.ts')).end));

  program
    .command('mkdir')
    .description('create directories, if the file system supports them')
    .argument('<path...>')
    .option('-m, --mode <bits>', 'permission bits in octal, such as 755, or in decimal', value.mode)
    .action(run(async () => (await import('./commands/mkdir.ts')).mkdir));

  program
    .command('link')
    .description('print an address that can read or write one path for a limited time, without a token')
    .argument('<path>')
    .addOption(new Option('--right <right>', 'right that it grants (default: read)').choices(['read', 'write']))
    .option(
      '--for <duration>',
      'how long it is valid, such as 5m (default: as the server says, usually 1h)',
      value.lifetime,
    )
    .action(run(async () => (await import('./commands/link.ts')).link));

  program
    .command('readers')
    .description('list readers, the lag of each, and the bytes it has lost')
    .argument('[path]', 'a stream, or a directory or mount; default: all')
    .action(run(async () => (await import('./commands/readers.ts')).readers));

  program
    .command('top')
    .description('watch streams and slow readers, redrawn in place; q quits. On a pipe: one table')
    .argument('[path]', 'a stream, or a directory or mount; default: all')
    .addOption(new Option('--sort <by>', 'the column to sort by').choices(SORT_NAMES).default('rate'))
    .addOption(
      new Option('--interval <duration>', 'time between two samples').argParser(value.duration).default(2000, '2s'),
    )
    .action(run(async () => (await import('./commands/top.ts')).top));

  program
    .command('kick')
    .description('disconnect readers, by the ids that `readers` prints')
    .argument('<id...>')
    .option('--node <name>', 'the NODE that `readers` printed, if several servers share a log: others refuse')
    .action(run(async () => (await import('./commands/kick.ts')).kick));

  program
    .command('mounts')
    .description('list the mounts')
    .action(run(async () => (await import('./commands/mounts.ts')).mounts));

  program
    .command('mount')
    .description('mount a file system')
    .argument('<fstype>', 'such as streamfs or memfs')
    .argument('<path>')
    .argument('[config...]', 'parameters as key=value, such as ring_buffer_size=1MB')
    .action(run(async () => (await import('./commands/mount.ts')).mount));

  program
    .command('unmount')
    .description('unmount a file system; its streams end')
    .argument('<path>')
    .action(run(async () => (await import('./commands/unmount.ts')).unmount));

  program
    .command('health')
    .description('print the health of the server; fails if it is not ready')
    .action(run(async () => (await import('./commands/health.ts')).health));

  program
    .command('log')
    .description('check or print the log in a directory that no server uses; changes nothing')
    .addArgument(
      new Argument('<action>', 'check: integrity and contents; dump: its records').choices(['check', 'dump']),
    )
    .argument('<dir>', 'the `persist` directory of a mount, or a copy of it')
    .argument('[stream]', 'with dump: only this stream, by its path in the mount, such as /live')
    .option('--raw', 'with dump and a stream: only its retained bytes')
    .action(run(async () => (await import('./commands/log.ts')).log));

  program
    .command('completion')
    .description('print or install completion for a shell: source <(streamfs completion bash)')
    .addArgument(new Argument('[shell]', 'default: the shell in $SHELL').choices(SHELLS))
    .option('--install', 'install it where the shell looks for it')
    .action(run(async () => (await import('./commands/completion.ts')).completion));

  program
    .command('complete', { hidden: true })
    .description('used by the completion scripts: prints possible values of the last word')
    .argument('[word...]')
    .action(run(async () => (await import('./commands/complete.ts')).complete(program)));

  program
    .command('options', { hidden: true })
    .description('options of every command, the values they take, and the exit codes')
    .helpOption(false)
    .configureHelp({ formatHelp: () => `${optionsHelp(program)}\n` })
    .action(run(async () => async (context) => context.print(optionsHelp(program)) as Promise<undefined>));

  program.hook('preAction', (_, command) => requireArguments(command));
  for (const command of program.commands) {
    const examples = EXAMPLES[command.name()];
    if (examples !== undefined) command.addHelpText('after', examplesHelp(examples));
  }
  return { command: program, exitCode: () => exitCode };
}

/** The first argument of a command, if it has no others of its kind: of commands that take a path, that is the path. */
function onlyPath([first]: readonly unknown[]): string | undefined {
  const [path, ...others] = Array.isArray(first) ? (first as unknown[]) : [first];
  return typeof path === 'string' && others.length === 0 ? path : undefined;
}

/** Arguments that may be empty: those of another command, and words that are still being typed. */
const MAY_BE_EMPTY = new Set(['args', 'word']);

/** An empty argument is usually an unset variable of a script. @throws UsageError */
function requireArguments(command: Command): void {
  for (const [index, argument] of command.registeredArguments.entries()) {
    const given: unknown = command.processedArgs[index];
    const name = argument.name();
    if (MAY_BE_EMPTY.has(name) || ![given].flat().includes('')) continue;
    throw new UsageError(`the argument '${name}' is empty`);
  }
}

/** The commands in help, manual and reference: without the hidden ones and `help` itself. */
export function documentedCommands(program: Command): Command[] {
  const visible = program.createHelp().visibleCommands(program);
  return visible.filter((command) => command.name() !== 'help');
}

function examplesHelp(examples: readonly Example[]): string {
  const lines = examples.map(({ line, does }) => `  ${does}:\n    ${line}`);
  return `\nExamples:\n${lines.join('\n')}\n\nOptions of every command, and what the values mean: streamfs help options`;
}

function optionsHelp(program: Command): string {
  const help = program.createHelp();
  const options = help.visibleOptions(program).map((option) => [option.flags, help.optionDescription(option)] as const);
  const values = VALUES.map(({ name, meaning }) => [`<${name}>`, meaning] as const);
  const width = Math.max(...[...options, ...values].map(([term]) => term.length));
  const lines = (rows: readonly (readonly [string, string])[]) =>
    rows.map(([term, meaning]) => `  ${term.padEnd(width)}  ${meaning}`).join('\n');
  return `Options of every command:\n${lines(options)}\n\nValues:\n${lines(values)}\n${exitCodeHelp()}`;
}

function exitCodeHelp(): string {
  const lines = Object.values(EXIT).map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`);
  return `\nExit codes:\n${lines.join('\n')}`;
}
