/**
 * The tree of commands: their names, arguments and options, from which help and completion are made. What a command
 * does is in its own file under commands/, loaded only when it is the one that was asked for.
 */

import { Argument, Command, Option } from 'commander';
import { version } from '../app/version.ts';
import { LOG_FORMATS } from '../config/defaults.ts';
import { LAG_POLICIES } from '../protocol/index.ts';
import * as value from './arguments.ts';
import { END_WATCH } from './child/words.ts';
import { SHELLS } from './completion/scripts.ts';
import { CommandContext, type GlobalOptions } from './context.ts';
import { EXAMPLES, type Example } from './examples.ts';
import { EXIT } from './exit-codes.ts';
import { explained } from './explain.ts';
import type { CliIo, Messages } from './io.ts';
import { addSettingOptions } from './setting-options.ts';
import { SORT_NAMES } from './top/view.ts';
import { VALUES } from './values.ts';

/** A command's work. Gives its exit code, or nothing for 0; a failure is thrown. */
type Work<Args extends unknown[]> = (context: CommandContext, ...args: Args) => Promise<number | undefined>;

export interface Program {
  command: Command;
  /** The exit code of the command that ran. */
  exitCode(): number;
}

export function buildProgram(io: CliIo, messages: Messages): Program {
  let exitCode: number = EXIT.ok.code;
  const program = new Command('streamfs');

  // Commander hands an action its arguments, then its options and itself.
  const run =
    <Args extends unknown[]>(load: () => Promise<Work<Args>>) =>
    async (...given: unknown[]) => {
      const context = new CommandContext(io, messages, program.opts<GlobalOptions>());
      try {
        const work = await load();
        exitCode = (await work(context, ...(given.slice(0, -1) as Args))) ?? EXIT.ok.code;
        await context.flush();
      } catch (error) {
        throw await explained(error, context);
      } finally {
        context.close();
      }
    };

  program
    .description('Byte streams as files, broadcast: anyone appends to a path, any number of readers follow it live.')
    .version(version.version, '-V, --version', 'print the version')
    .option('--url <url>', 'the server (default: $STREAMFS_URL, else http://127.0.0.1:8080)')
    .option('--token-file <file>', 'read the token from a file (default: $STREAMFS_TOKEN)')
    .option('--ca-file <file>', 'trust servers by the certificates in this file alone (default: $STREAMFS_CA_FILE)')
    .option('--json', 'answer in JSON, where a program would read it')
    .option('-q, --quiet', 'no progress and no notes; errors and losses are told all the same')
    .helpCommand(true)
    .showSuggestionAfterError(true)
    .addHelpText('after', exitCodeHelp());

  program
    .command('serve')
    .description('run a server until SIGTERM or SIGINT')
    .option(
      '-c, --config <file>',
      'configuration, YAML or TOML (default: $STREAMFS_CONFIG, else ./config.yaml, else built-in)',
    )
    .option(
      '--addr <host:port>',
      'listen there instead; a port alone is on loopback (default: as configured, else 127.0.0.1:8080)',
    )
    .option(
      '--max-memory <size>',
      'what streams, files and bodies may take together, such as 1GB or 50% of the machine (default: as configured, else 50%)',
      value.memory,
    )
    .addOption(
      new Option('--log-format <format>', 'how the log looks (default: as configured, else auto)').choices(LOG_FORMATS),
    )
    .option('--no-auth', 'listen off loopback although no token is asked for')
    .option('--print-sample-config', 'print a commented configuration and exit')
    .action(run(async () => (await import('./commands/serve.ts')).serve));

  addSettingOptions(program.command('write'))
    .description('write standard input to a path')
    .argument('<path>', 'such as /streamfs/live')
    .option('--stream', 'append to a stream: every piece is sent as soon as it is there')
    .option('--lossless', 'to a stream that waits for its readers, so that they get every byte')
    .option('--readers <n>', 'to a stream, once so many readers are there', value.count)
    .option('--end', 'end the stream after the last byte')
    .option('--no-create', 'fail where the stream does not exist')
    .option('--no-retry', 'fail when the connection is cut, instead of going on without losing or doubling a byte')
    .option('--no-recreate', 'fail when the server was started anew, instead of going on with a new stream')
    .option('--retry-for <duration>', 'give up when it has failed for so long (default: 30s)', value.duration)
    .option('--tee', 'print it here too')
    .action(run(async () => (await import('./commands/write.ts')).write));

  addSettingOptions(program.command('exec'))
    .description('run a command and stream what it prints; ends as the command does')
    .argument('<path>', 'the stream; it ends with the status of the command')
    .argument('<command>', 'behind --')
    .argument('[args...]')
    .option('--lines', 'keep lines whole: those of its two outputs, and those of other writers')
    .option('--split', 'two streams, PATH.out and PATH.err')
    .option('--tee', 'print it here too')
    .option('--tty', 'give the command a terminal, by the program `script` of util-linux')
    .option('--replace', 'where the stream has ended, remove it and begin another')
    .option('--retry-for <duration>', 'give up streaming when it has failed for so long (default: 30s)', value.duration)
    .showHelpAfterError('Options of the command stand behind --, as in: streamfs exec PATH -- COMMAND -x')
    .action(run(async () => (await import('./commands/exec.ts')).exec));

  program
    .command(END_WATCH, { hidden: true })
    .description('started by exec: ends its streams when it was killed')
    .action(run(async () => (await import('./commands/end-watch.ts')).endWatch));

  program
    .command('cat')
    .description('print a file, or with --stream follow a stream live until it ends')
    .argument('<path>')
    .option('--stream', 'follow a stream: what is retained first, then live')
    .option('--snapshot', 'print what a stream retains now, and stop')
    .option('--from-start', 'start with the first byte there ever was, and fail where it is gone')
    .addOption(new Option('--from <where>', 'where to start').choices(['earliest', 'live']))
    .option('--offset <n>', 'start at an absolute offset', value.offset)
    .option('--last <size>', 'start with the last bytes, such as 64KB', value.size)
    .option('--last-lines <n>', 'start with the last lines', value.count)
    .addOption(
      new Option(
        '--join <where>',
        'of sound and video: boundary begins where a player can (default), any at the byte that is meant',
      ).choices(['boundary', 'any']),
    )
    .addOption(new Option('--on-lag <policy>', 'what happens when we read too slowly').choices(LAG_POLICIES))
    .option('--no-create', 'fail where the stream does not exist')
    .option('--no-reconnect', 'fail when the connection is cut, instead of going on where it was')
    .option(
      '--retry-for <duration>',
      'give up when it has failed for so long (default: 30s before the first connection, then never)',
      value.duration,
    )
    .option(
      '--timeout <duration>',
      'give up when nothing has come for so long, such as 30s; 0: print what is there, and stop',
      value.patience,
    )
    .action(run(async () => (await import('./commands/cat.ts')).cat));

  program
    .command('tail')
    .description('print the last lines of streams or files, and with --follow what comes then')
    .argument('<path...>')
    .option('-n, --lines <n>', 'so many lines (default: 10)', value.offset)
    .option('-c, --bytes <size>', 'so many bytes instead, such as 64KB', value.size)
    .option('-f, --follow', 'go on with what comes, until the streams end')
    .option('--prefix', 'put the path before each line, instead of headings')
    .option('--timestamps', 'put the time of its arrival before each line')
    .option('--no-color', 'no colours on a terminal either')
    .option('--no-create', 'with --follow: fail where a stream does not exist')
    .option('--no-reconnect', 'with --follow: fail when the connection is cut')
    .option(
      '--retry-for <duration>',
      'with --follow: give up when it has failed for so long (default: as for cat)',
      value.duration,
    )
    .action(run(async () => (await import('./commands/tail.ts')).tail));

  program
    .command('ls')
    .description('list a directory')
    .argument('[path]', 'default: /', '/')
    .option('-l, --long', 'mode, size and time as well')
    .action(run(async () => (await import('./commands/ls.ts')).ls));

  program
    .command('stat')
    .description('print the facts of a path')
    .argument('<path>')
    .action(run(async () => (await import('./commands/stat.ts')).stat));

  addSettingOptions(program.command('create'))
    .description('create streams with settings of their own, or empty files')
    .argument('<path...>')
    .action(run(async () => (await import('./commands/create.ts')).create));

  program
    .command('touch')
    .description('create files, or move their time to now')
    .argument('<path...>')
    .action(run(async () => (await import('./commands/touch.ts')).touch));

  program
    .command('rm')
    .description('remove files; a stream is ended first')
    .argument('<path...>')
    .option('-r, --recursive', 'directories with all that is in them')
    .action(run(async () => (await import('./commands/rm.ts')).rm));

  program
    .command('end')
    .description('end streams: no more appends; what is retained stays readable')
    .argument('<path...>')
    .action(run(async () => (await import('./commands/end.ts')).end));

  program
    .command('mkdir')
    .description('make directories, where the file system has them')
    .argument('<path...>')
    .option('-m, --mode <bits>', 'permission bits in octal, such as 755, or in decimal', value.mode)
    .action(run(async () => (await import('./commands/mkdir.ts')).mkdir));

  program
    .command('link')
    .description('print an address that reads or writes one path for a while, without a token')
    .argument('<path>')
    .addOption(new Option('--right <right>', 'what it is good for (default: read)').choices(['read', 'write']))
    .option(
      '--for <duration>',
      'how long it is good, such as 5m (default: as the server says, usually 1h)',
      value.lifetime,
    )
    .action(run(async () => (await import('./commands/link.ts')).link));

  program
    .command('readers')
    .description('list who reads, how far behind each is, and what it has lost')
    .argument('[path]', 'a stream, or a directory or mount; default: all')
    .action(run(async () => (await import('./commands/readers.ts')).readers));

  program
    .command('top')
    .description('watch streams and slow readers, redrawn in place; q leaves. On a pipe: one table')
    .argument('[path]', 'a stream, or a directory or mount; default: all')
    .addOption(new Option('--sort <by>', 'what comes first').choices(SORT_NAMES).default('rate'))
    .addOption(
      new Option('--interval <duration>', 'time between two looks').argParser(value.duration).default(2000, '2s'),
    )
    .action(run(async () => (await import('./commands/top.ts')).top));

  program
    .command('kick')
    .description('disconnect readers, by the numbers that `readers` gives')
    .argument('<id...>')
    .action(run(async () => (await import('./commands/kick.ts')).kick));

  program
    .command('mounts')
    .description('list what is mounted')
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
    .description('ask the server how it is; fails while it is not ready')
    .action(run(async () => (await import('./commands/health.ts')).health));

  program
    .command('log')
    .description('check or print the log in a directory that no server uses; changes nothing')
    .addArgument(
      new Argument('<action>', 'check: is it whole, what is in it; dump: its records').choices(['check', 'dump']),
    )
    .argument('<dir>', 'what `persist` of a mount names, or a copy of it')
    .argument('[stream]', 'with dump: of this stream alone, by its path in the mount, such as /live')
    .option('--raw', 'with dump and a stream: the bytes that are kept of it, and nothing else')
    .action(run(async () => (await import('./commands/log.ts')).log));

  program
    .command('completion')
    .description('print or install completion for a shell: source <(streamfs completion bash)')
    .addArgument(new Argument('[shell]', 'default: what $SHELL names').choices(SHELLS))
    .option('--install', 'write it where the shell finds it')
    .action(run(async () => (await import('./commands/completion.ts')).completion));

  program
    .command('complete', { hidden: true })
    .description('asked by the completion scripts: what may stand in place of the last word')
    .argument('[word...]')
    .action(run(async () => (await import('./commands/complete.ts')).complete(program)));

  program
    .command('options', { hidden: true })
    .description('options that every command takes, what values may be given, and the exit codes')
    .helpOption(false)
    .configureHelp({ formatHelp: () => `${optionsHelp(program)}\n` })
    .action(run(async () => async (context) => context.print(optionsHelp(program)) as Promise<undefined>));

  for (const command of program.commands) {
    const examples = EXAMPLES[command.name()];
    if (examples !== undefined) command.addHelpText('after', examplesHelp(examples));
  }
  return { command: program, exitCode: () => exitCode };
}

/** The commands that help, manual and reference are about: not the hidden ones, and not `help` itself. */
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
