import type { CommandContext } from '../context.ts';
import { UsageError } from '../exit-codes.ts';
import { eachPath } from './each-path.ts';

/** `streamfs kick ID…`: disconnects readers, by the ids that `streamfs readers` prints. */
export async function kick(
  context: CommandContext,
  ids: readonly string[],
  { node }: { node?: string | undefined },
): Promise<number> {
  const wrong = ids.find((id) => !/^\d{1,15}$/.test(id));
  if (wrong !== undefined)
    throw new UsageError(`${JSON.stringify(wrong)} is not the id of a reader: see streamfs readers`);
  const client = await context.client();
  return await eachPath(context, ids, (id) => client.kick(Number(id), { node }));
}
