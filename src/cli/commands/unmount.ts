import type { CommandContext } from '../context.ts';

/** `streamfs unmount PATH` */
export async function unmount(context: CommandContext, path: string): Promise<undefined> {
  const client = await context.client();
  await client.unmount(path);
}
