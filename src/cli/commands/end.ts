import type { CommandContext } from '../context.ts';
import { eachPath } from './each-path.ts';

/** `streamfs end PATH...` */
export async function end(context: CommandContext, paths: readonly string[]): Promise<number> {
  const client = await context.client();
  return eachPath(context, paths, (path) => client.end(path));
}
