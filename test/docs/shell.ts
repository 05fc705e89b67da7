/** Parses the shell in the pages just far enough to find our own commands in it. */
import { blocksOf } from './markdown.ts';

/** The words of every call of `program` in a page's shell blocks. */
export function callsOf(program: string, markdown: string): string[][] {
  return blocksOf(markdown)
    .filter((block) => block.language === 'sh')
    .flatMap((block) => block.text.split('\n'))
    .flatMap(commandsOf)
    .filter((words) => words[0] === program);
}

const TOKEN =
  /(?<comment>#.*)|\d*>&\d|(?<redirect>\d*[<>]+)|(?<between>[|&;()]+)|"(?<double>[^"]*)"|'(?<single>[^']*)'|(?<word>[^\s|&;()<>"'#]+)/g;

/** The commands of a line, as words without quotes; redirections and comments are omitted. */
function commandsOf(line: string): string[][] {
  const commands: string[][] = [[]];
  let isTarget = false;
  for (const { groups = {} } of line.matchAll(TOKEN)) {
    const text = groups.double ?? groups.single ?? groups.word;
    if (groups.between !== undefined) commands.push([]);
    else if (text !== undefined && !isTarget) commands.at(-1)!.push(text);
    isTarget = groups.redirect !== undefined;
  }
  // A function's name and parentheses are not a call of it.
  return commands.filter((command, index) => command.length > 0 && !(index === 0 && line.includes(`${command[0]}()`)));
}
