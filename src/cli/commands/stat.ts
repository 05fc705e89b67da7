import type { CommandContext } from '../context.ts';
import { printable } from '../io.ts';
import { modeText } from './ls.ts';

/** `streamfs stat PATH`: one fact a line, those of the file system under their own names. */
export async function stat(context: CommandContext, path: string): Promise<undefined> {
  const client = await context.client();
  const info = await client.stat(path);
  if (context.global.json) {
    await context.printJson(info);
    return;
  }
  const facts: [string, string][] = [
    ['name', info.name],
    ['type', info.meta.Type || (info.isDir ? 'directory' : 'file')],
    ['plugin', info.meta.Name],
    ['size', String(info.size)],
    ['mode', `${modeText(info)} (${info.mode.toString(8).padStart(4, '0')})`],
    ['modified', info.modTime],
    ...Object.entries(info.meta.Content ?? {}),
  ];
  for (const [name, text] of facts) await context.print(printable(`${name}: ${text}`));
}
