import type { CommandContext } from '../context.ts';
import { eachPath } from './each-path.ts';

/** `streamfs mkdir [-m BITS] PATH...` */
export async function mkdir(
  context: CommandContext,
  paths: readonly string[],
  options: { mode?: number | undefined },
): Promise<number> {
  const client = await context.client();
  return eachPath(context, paths, (path) => client.mkdir(path, options.mode));
}
