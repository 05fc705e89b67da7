/**
 * Completion scripts, made from the tree of commands, so that they cannot differ from what the commands take. They
 * complete commands, options and fixed choices, and files where an option names one; paths on the server they leave
 * alone, since completing must never wait for a network.
 */
import type { Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';

type Shell = 'bash' | 'zsh' | 'fish';

interface Flag {
  names: string[];
  description: string;
  /** What follows the option: nothing, a file, one of several words, or anything. */
  value: 'none' | 'file' | 'any' | readonly string[];
}

interface Node {
  name: string;
  description: string;
  flags: Flag[];
  /** Words its first argument may be. */
  choices: readonly string[];
}

/** `streamfs completion bash|zsh|fish` */
export function completion(program: Command): (context: CommandContext, shell: Shell) => Promise<undefined> {
  const scripts = { bash, zsh, fish };
  return async (context, shell) => {
    await context.output.write(scripts[shell](nodeOf(program), program.commands.map(nodeOf)), context.signal);
  };
}

function nodeOf(command: Command): Node {
  return {
    name: command.name(),
    description: command.description(),
    flags: [...command.options.map(flagOf), { names: ['-h', '--help'], description: 'print help', value: 'none' }],
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
}

function flagOf(option: Option): Flag {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const takesValue = option.required || option.optional;
  const value = option.argChoices ?? (!takesValue ? 'none' : /<file>/.test(option.flags) ? 'file' : 'any');
  return { names, description: option.description, value };
}

function words(nodes: readonly Node[]): string {
  return nodes.map((node) => node.name).join(' ');
}

function flagNames(flags: readonly Flag[]): string {
  return flags.flatMap((flag) => flag.names).join(' ');
}

/** Options after which the next word is theirs, as a case pattern. */
function valued(flags: readonly Flag[], wanted: (value: Flag['value']) => boolean): string {
  return flags.flatMap((flag) => (wanted(flag.value) ? flag.names : [])).join('|');
}

function bash(root: Node, nodes: readonly Node[]): string {
  const all = [root, ...nodes].flatMap((node) => node.flags);
  const choices = nodes.flatMap((node) =>
    node.flags.flatMap((flag) =>
      typeof flag.value === 'string'
        ? []
        : [`    ${flag.names.map((name) => `${node.name}:${name}`).join('|')}) words='${flag.value.join(' ')}' ;;`],
    ),
  );
  const commands = nodes.map((node) => {
    const offered = [...node.choices, flagNames(node.flags), flagNames(root.flags)].join(' ');
    return `      ${node.name}) words='${offered}' ;;`;
  });
  return `# Completion of streamfs for bash: source <(streamfs completion bash)
_streamfs() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${valued(root.flags, (value) => value !== 'none')}) ((i++)) ;;
      -*) ;;
      *) command="\${COMP_WORDS[i]}"; break ;;
    esac
  done
  case "$previous" in
    ${valued(all, (value) => value === 'file')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${valued(all, (value) => value === 'any')}) COMPREPLY=(); return ;;
  esac
  case "$command:$previous" in
${choices.join('\n')}
  esac
  if [[ -z $words ]]; then
    case "$command" in
      '') words='${words(nodes)} ${flagNames(root.flags)}' ;;
${commands.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _streamfs streamfs
`;
}

/** A text within single quotes of any of the shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function zsh(root: Node, nodes: readonly Node[]): string {
  const commands = nodes.map((node) => `    ${quoted(`${node.name}:${escapedColons(node.description)}`)}`);
  const cases = nodes.map((node) => {
    const specs = [...node.flags, ...root.flags].flatMap((flag) => zshFlag(flag));
    const argument = node.choices.length > 0 ? [quoted(`1:word:(${node.choices.join(' ')})`)] : [];
    return `    ${node.name})\n      _arguments ${[...specs, ...argument].join(' \\\n        ')}\n      ;;`;
  });
  return `#compdef streamfs
# Completion of streamfs for zsh: source <(streamfs completion zsh)
_streamfs() {
  local curcontext="$curcontext" state line
  local -a commands
  commands=(
${commands.join('\n')}
  )
  _arguments -C \\
    ${root.flags.flatMap((flag) => zshFlag(flag)).join(' \\\n    ')} \\
    '1: :->command' '*:: :->arguments'
  case "$state" in
    command) _describe command commands; return ;;
  esac
  case "$line[1]" in
${cases.join('\n')}
  esac
}
compdef _streamfs streamfs
`;
}

function escapedColons(text: string): string {
  return text.replaceAll(':', '\\:');
}

function zshFlag(flag: Flag): string[] {
  const description = flag.description.replace(/[[\]\\]/g, '\\$&').replaceAll(':', '\\:');
  const value = {
    none: '',
    file: ':file:_files',
    any: ':value: ',
  };
  const suffix = typeof flag.value === 'string' ? value[flag.value] : `:word:(${flag.value.join(' ')})`;
  return flag.names.map((name) => quoted(`${name}[${description}]${suffix}`));
}

function fish(root: Node, nodes: readonly Node[]): string {
  const lines = ['# Completion of streamfs for fish: streamfs completion fish | source', 'complete -c streamfs -f'];
  for (const flag of root.flags) lines.push(`complete -c streamfs ${fishFlag(flag)}`);
  for (const node of nodes) {
    lines.push(`complete -c streamfs -n __fish_use_subcommand -a ${node.name} -d ${fishQuoted(node.description)}`);
    const when = fishQuoted(`__fish_seen_subcommand_from ${node.name}`);
    if (node.choices.length > 0) lines.push(`complete -c streamfs -n ${when} -a ${fishQuoted(node.choices.join(' '))}`);
    for (const flag of node.flags) lines.push(`complete -c streamfs -n ${when} ${fishFlag(flag)}`);
  }
  return `${lines.join('\n')}\n`;
}

function fishFlag(flag: Flag): string {
  const names = flag.names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const values = { none: '', file: ' -rF', any: ' -x' };
  const value = typeof flag.value === 'string' ? values[flag.value] : ` -xa ${fishQuoted(flag.value.join(' '))}`;
  return `${names.join(' ')}${value} -d ${fishQuoted(flag.description)}`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
