/**
 * Applies an operation to several paths: all are tried, each failure is reported, the first one decides the exit code.
 */
import type { CommandContext } from '../context.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { explained } from '../explain.ts';

export async function eachPath(
  context: CommandContext,
  paths: readonly string[],
  work: (path: string) => Promise<void>,
): Promise<number> {
  if (paths.length === 1) {
    for (const path of paths) await work(path);
    return 0;
  }
  let code = 0;
  for (const path of paths) {
    try {
      await work(path);
    } catch (error) {
      context.signal.throwIfAborted();
      const explainedError = await explained(error, context, path);
      context.messages.error(
        `${path}: ${explainedError instanceof Error ? explainedError.message : String(explainedError)}`,
      );
      code ||= exitCodeOf(error);
    }
  }
  return code;
}
