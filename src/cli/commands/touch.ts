import type { CommandContext } from '../context.ts';
import { eachPath } from './each-path.ts';

/** `streamfs touch PATH...` */
export async function touch(context: CommandContext, paths: readonly string[]): Promise<number> {
  const client = await context.client();
  return eachPath(context, paths, (path) => client.touch(path));
}
