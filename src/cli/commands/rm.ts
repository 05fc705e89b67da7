import type { CommandContext } from '../context.ts';
import { eachPath } from './each-path.ts';

/** `streamfs rm [-r] PATH...` */
export async function rm(
  context: CommandContext,
  paths: readonly string[],
  options: { recursive?: boolean | undefined },
): Promise<number> {
  const client = await context.client();
  const recursive = options.recursive === true;
  return eachPath(context, paths, (path) => client.remove(path, { recursive }));
}
