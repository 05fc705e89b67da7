import type { CommandContext } from '../context.ts';
import { printable } from '../io.ts';
import { table } from '../table.ts';

/** `streamfs mounts`: prints path, plugin and state of each mount, and why a mount failed. */
export async function mounts(context: CommandContext): Promise<undefined> {
  const client = await context.client();
  const list = await client.mounts();
  if (context.global.json) {
    await context.printJson(list);
    return;
  }
  const rows = list.map((mount) =>
    [mount.path, mount.pluginName, mount.status ?? '', mount.error?.replaceAll('\n', '; ') ?? ''].map(printable),
  );
  for (const line of table(rows)) await context.print(line);
}
