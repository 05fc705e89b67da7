/** What may stand at a place of a command line that is being typed: found out from the tree of commands. */
import type { Command, Option } from 'commander';

/** A word that may stand there, and what it is. */
export interface Candidate {
  word: string;
  description: string;
}

/** Names on the server. */
export type Remote = 'path' | 'mount' | 'reader' | 'plugin';

export interface Wanted {
  candidates: readonly Candidate[];
  /** Names of the server that may stand there as well. */
  remote?: Remote | undefined;
  /** Files of this machine may stand there as well. */
  files: boolean;
  /** Values of the global options before the place, by their attribute names. */
  globals: Readonly<Record<string, string>>;
}

/** What each argument is, by command and the name of the argument. Others are paths, where they are called so. */
const ARGUMENTS: Readonly<Record<string, Remote | 'files' | 'nothing'>> = {
  'kick id': 'reader',
  'log dir': 'files',
  'mount fstype': 'plugin',
  'mount path': 'nothing',
  'unmount path': 'mount',
};

/** Placeholders of options whose values are files. */
const FILE_VALUE = /<(file|dir)>/;

/** Commands that run others: behind their arguments stands anything. */
const RUNS_OTHERS = new Set(['exec']);

/** @param words those behind the name of the program; the last is being typed, and may be empty */
export function wantedAt(program: Command, words: readonly string[]): Wanted {
  const globals: Record<string, string> = {};
  const visible = program.createHelp().visibleCommands(program);
  let command: Command | undefined;
  /** Arguments of the command so far. */
  let position = 0;
  let onlyArguments = false;
  const current = words.at(-1) ?? '';
  for (let index = 0; index < words.length - 1; index++) {
    const word = words[index]!;
    if (onlyArguments || !word.startsWith('-') || word === '-') {
      if (command === undefined) command = visible.find((each) => namesOf(each).includes(word)) ?? program;
      else position += 1;
      continue;
    }
    if (word === '--') {
      onlyArguments = true;
      continue;
    }
    const [name, inline] = splitOption(word);
    const option = optionOf(program, command, name);
    if (option === undefined || !takesValue(option)) continue;
    // The value is what is being typed.
    if (inline === undefined && index === words.length - 2) return valuesOf(option, '', globals);
    const value = inline ?? words[++index]!;
    if (program.options.includes(option)) globals[option.attributeName()] = value;
  }
  if (!onlyArguments && current.startsWith('-')) {
    const [name, inline] = splitOption(current);
    const option = inline === undefined ? undefined : optionOf(program, command, name);
    if (option !== undefined) return valuesOf(option, `${name}=`, globals);
    const options = [...(command ?? program).options, ...(command === undefined ? [] : program.options)];
    return { candidates: [...options.flatMap(wordsOf), HELP], files: false, globals };
  }
  if (command === undefined) return { candidates: commandsOf(program), files: false, globals };
  return { ...argumentAt(program, command, position), globals };
}

const HELP: Candidate = { word: '--help', description: 'print help' };

function argumentAt(program: Command, command: Command, position: number): Omit<Wanted, 'globals'> {
  if (command.name() === 'help') {
    return { candidates: position === 0 ? commandsOf(program) : [], files: false };
  }
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[position] ?? (last?.variadic === true ? last : undefined);
  if (argument === undefined) return { candidates: [], files: false };
  if (argument.argChoices !== undefined) {
    const candidates = argument.argChoices.map((word) => ({ word, description: argument.description }));
    return { candidates, files: false };
  }
  const name = argument.name();
  const remote = ARGUMENTS[`${command.name()} ${name}`] ?? (name === 'path' ? 'path' : 'nothing');
  const files = remote === 'files' || (RUNS_OTHERS.has(command.name()) && remote === 'nothing');
  return { candidates: [], files, remote: remote === 'nothing' || remote === 'files' ? undefined : remote };
}

function commandsOf(program: Command): Candidate[] {
  const visible = program.createHelp().visibleCommands(program);
  return visible.map((command) => ({ word: command.name(), description: command.description() }));
}

function namesOf(command: Command): string[] {
  return [command.name(), ...command.aliases()];
}

function wordsOf(option: Option): Candidate[] {
  if (option.hidden) return [];
  const names = [option.short, option.long].filter((name) => name !== undefined);
  return names.map((word) => ({ word, description: option.description }));
}

function optionOf(program: Command, command: Command | undefined, name: string): Option | undefined {
  const all = [...(command?.options ?? []), ...program.options];
  return all.find((option) => option.long === name || option.short === name);
}

/** `--name=value` in two; a short option has its value in the next word. */
function splitOption(word: string): [name: string, value: string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function valuesOf(option: Option, prefix: string, globals: Record<string, string>): Wanted {
  const choices = option.argChoices ?? [];
  const candidates = choices.map((value) => ({ word: `${prefix}${value}`, description: option.description }));
  return { candidates, files: FILE_VALUE.test(option.flags), globals };
}
