/**
 * The manual pages, generated from the tree of commands: `man streamfs` and `man streamfs-cat`. The build writes them
 * next to the program (scripts/build.mjs).
 */
import { PassThrough } from 'node:stream';
import type { Argument, Command, Option } from 'commander';
import { version } from '../app/version.ts';
import { EXAMPLES } from './examples.ts';
import { EXIT } from './exit-codes.ts';
import { type CliIo, Messages } from './io.ts';
import { buildProgram, documentedCommands } from './program.ts';
import { VALUES } from './values.ts';
import { VARIABLES } from './variables.ts';

/**
 * All pages: the name of each file, such as `streamfs-cat.1`, and its text in man(7) format.
 *
 * @param date of the build, as YYYY-MM-DD
 */
export function manualPages(date: string): Map<string, string> {
  const program = programTree();
  const commands = documentedCommands(program);
  const pages = new Map([['streamfs.1', mainPage(program, commands, date)]]);
  for (const command of commands) pages.set(`streamfs-${command.name()}.1`, commandPage(command, date));
  return pages;
}

function programTree(): Command {
  const stdout = new PassThrough();
  const io: CliIo = { stdin: new PassThrough(), stdout, stderr: stdout, env: {}, signal: new AbortController().signal };
  return buildProgram(io, new Messages(io)).command;
}

function mainPage(program: Command, commands: readonly Command[], date: string): string {
  return page('streamfs', program.description(), date, [
    section('SYNOPSIS', [`.B streamfs\n[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]`]),
    section('DESCRIPTION', [
      escaped(program.description()),
      'Each command has its own page: \\fBman streamfs\\-cat\\fR.',
    ]),
    section(
      'COMMANDS',
      commands.map((command) => entry(`\\fB${escaped(command.name())}\\fR`, command.description())),
    ),
    section('OPTIONS', ['All commands take these:', ...program.options.map(optionEntry)]),
    section(
      'VALUES',
      VALUES.map(({ name, meaning }) => entry(`\\fI${name}\\fR`, meaning)),
    ),
    section(
      'ENVIRONMENT',
      VARIABLES.map(({ names, meaning }) => entry(names.map((name) => `\\fB${name}\\fR`).join(', '), meaning)),
    ),
    exitStatus(),
    section('SEE ALSO', [commands.map((command) => `.BR streamfs\\-${escaped(command.name())} (1)`).join(' ,\n')]),
  ]);
}

function commandPage(command: Command, date: string): string {
  const name = command.name();
  const { registeredArguments: args, options } = command;
  const described = args.filter((argument) => argument.description !== '');
  return page(`streamfs-${name}`, command.description(), date, [
    section('SYNOPSIS', [
      `.B streamfs ${escaped(name)}\n${options.length > 0 ? '[\\fIoptions\\fR] ' : ''}${args.map(synopsis).join(' ')}`,
    ]),
    section('DESCRIPTION', [`${escaped(capital(command.description()))}.`]),
    ...(described.length === 0
      ? []
      : [
          section(
            'ARGUMENTS',
            described.map((argument) => entry(synopsis(argument), argument.description)),
          ),
        ]),
    section('OPTIONS', [
      ...options.filter((option) => !option.hidden).map(optionEntry),
      'Options of every command, and what the values mean, are in \\fBstreamfs\\fR(1).',
    ]),
    section(
      'EXAMPLES',
      (EXAMPLES[name] ?? []).map(({ line, does }) => `${escaped(does)}:\n.PP\n.RS 4\n.nf\n${escaped(line)}\n.fi\n.RE`),
    ),
    exitStatus(),
    section('SEE ALSO', ['.BR streamfs (1)']),
  ]);
}

function page(name: string, description: string, date: string, sections: readonly string[]): string {
  const title = `.TH ${escaped(name.toUpperCase())} 1 "${date}" "streamfsd ${version.version}" "StreamFS"`;
  const what = section('NAME', [`${escaped(name)} \\- ${escaped(description)}`]);
  return `${[title, what, ...sections].join('\n')}\n`;
}

/** Paragraphs with a heading. */
function section(heading: string, paragraphs: readonly string[]): string {
  const first = paragraphs[0] ?? '';
  const others = paragraphs.slice(1).map((text) => (text.startsWith('.TP') ? text : `.PP\n${text}`));
  return [`.SH ${heading}`, first, ...others].join('\n');
}

/** A term and its meaning. */
function entry(term: string, meaning: string): string {
  return `.TP\n${term}\n${escaped(capital(meaning))}`;
}

function optionEntry(option: Option): string {
  const names = option.flags
    .split(/, /)
    .map((flag) => {
      const [name, ...value] = flag.split(' ');
      return `\\fB${escaped(name!)}\\fR${value.map((each) => ` \\fI${escaped(each.replace(/[<>]/g, ''))}\\fR`).join('')}`;
    })
    .join(', ');
  const choices = option.argChoices === undefined ? '' : `: ${option.argChoices.join(', ')}`;
  return entry(names, option.description + choices);
}

function synopsis(argument: Argument): string {
  const text = `\\fI${escaped(argument.argChoices?.join('|') ?? argument.name())}\\fR${argument.variadic ? ' ...' : ''}`;
  return argument.required ? text : `[${text}]`;
}

function exitStatus(): string {
  return section(
    'EXIT STATUS',
    Object.values(EXIT).map(({ code, meaning }) => entry(`\\fB${code}\\fR`, meaning)),
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Escapes a text for man(7): nothing in it is interpreted as a request or an escape. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&');
}
