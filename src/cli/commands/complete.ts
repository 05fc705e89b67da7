import type { Command } from 'commander';
import { type Candidate, type Completions, completionsAt } from '../completion/completions.ts';
import { DEADLINE_MS, remoteCandidates } from '../completion/remote.ts';
import { FILES } from '../completion/scripts.ts';
import { CommandContext, type GlobalOptions } from '../context.ts';

/**
 * `streamfs complete -- WORD…`: possible values of the last word, for the completion scripts. Prints nothing on
 * failure, because its output would appear in the line being typed.
 */
export function complete(program: Command): (context: CommandContext, words: readonly string[]) => Promise<undefined> {
  return async (context, words) => {
    const plain = words.map(unquoted);
    const typed = plain.at(-1) ?? '';
    const completions = completionsAt(program, plain);
    const local = completions.candidates.filter(({ word }) => word.startsWith(typed));
    const candidates = [...local, ...(await ofServer(context, completions, typed))];
    for (const { word, description } of candidates) await context.print(`${word}\t${description}`);
    if (completions.files) await context.print(FILES);
  };
}

async function ofServer(context: CommandContext, completions: Completions, typed: string): Promise<Candidate[]> {
  if (completions.remote === undefined) return [];
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(DEADLINE_MS)]);
  const global: GlobalOptions = { ...context.global, ...completions.globals };
  const asking = new CommandContext({ ...context.io, signal }, context.messages, global);
  try {
    return await remoteCandidates(await asking.client(), completions.remote, typed);
  } catch {
    return [];
  } finally {
    asking.close();
  }
}

/** The value of a word being typed, as the shell would pass it to a program; a quote may still be open. */
function unquoted(word: string): string {
  const quote = /^['"]/.exec(word)?.[0];
  if (quote !== undefined) return word.slice(1).replace(new RegExp(`${quote}$`), '');
  return word.replace(/\\(.)/g, '$1');
}
