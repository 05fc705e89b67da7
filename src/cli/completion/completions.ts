/** Determines the possible words at a position of a command line being typed, from the tree of commands. */
import type { Command, Option } from 'commander';

/** A possible word, and its description. */
export interface Candidate {
  word: string;
  description: string;
}

/** Names on the server. */
export type Remote = 'path' | 'mount' | 'reader' | 'plugin';

export interface Completions {
  candidates: readonly Candidate[];
  /** Kind of server names that are also possible. */
  remote?: Remote | undefined;
  /** Whether local files are also possible. */
  files: boolean;
  /** Values of the global options before the position, by their attribute names. */
  globals: Readonly<Record<string, string>>;
}

/** The kind of each argument, by command and argument name. Other arguments are paths if their name says so. */
const ARGUMENTS: Readonly<Record<string, Remote | 'files' | 'nothing'>> = {
  'kick id': 'reader',
  'log dir': 'files',
  'mount fstype': 'plugin',
  'mount path': 'nothing',
  'unmount path': 'mount',
};

/** Placeholders of options whose values are files. */
const FILE_VALUE = /<(file|dir)>/;

/** Commands that run other commands: any words may follow their own arguments. */
const RUNS_OTHERS = new Set(['exec']);

/** @param words the words after the program name; the last is being typed, and may be empty */
export function completionsAt(program: Command, words: readonly string[]): Completions {
  const globals: Record<string, string> = {};
  const visible = program.createHelp().visibleCommands(program);
  let command: Command | undefined;
  /** Number of arguments so far. */
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
    // The value is being typed.
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

function argumentAt(program: Command, command: Command, position: number): Omit<Completions, 'globals'> {
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

/** Splits `--name=value`; the value of a short option is the next word. */
function splitOption(word: string): [name: string, value: string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function valuesOf(option: Option, prefix: string, globals: Record<string, string>): Completions {
  const choices = option.argChoices ?? [];
  const candidates = choices.map((value) => ({ word: `${prefix}${value}`, description: option.description }));
  return { candidates, files: FILE_VALUE.test(option.flags), globals };
}
