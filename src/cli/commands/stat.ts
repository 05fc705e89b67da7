import type { FileInfo } from '../../client/index.ts';
import { formatSize } from '../../units/index.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../io.ts';
import { formatAge, streamFacts } from '../stream-facts.ts';
import { modeText } from './ls.ts';

type Facts = [name: string, text: string][];

/** Groups of related fields of a stream, by their wire names. Fields in no group are printed last. */
const GROUPS = [
  ['state', 'end_status', 'generation'],
  ['total_written', 'total_chunks', 'start_offset', 'end_offset', 'retained', 'memory', 'disk_bytes'],
  ['active_readers', 'delivered_bytes', 'max_lag', 'skipped_bytes', 'skipped_chunks'],
] as const;

/** Sizes in bytes, also printed in a larger unit. */
const SIZES: ReadonlySet<string> = new Set([
  ...['size', 'total_written', 'retained', 'memory', 'disk_bytes', 'delivered_bytes', 'max_lag', 'skipped_bytes'],
  ...['ring_buffer_size', 'channel_buffer_size'],
]);
const READABLE_FROM_BYTES = 1024;

/** `streamfs stat PATH`: prints one field per line, in groups; fields of the file system keep their names. */
export async function stat(context: CommandContext, path: string): Promise<undefined> {
  const client = await context.client();
  const info = await client.stat(path);
  if (context.global.json) {
    await context.printJson(info);
    return;
  }
  const groups = [fileFacts(info), ...contentGroups(info)].filter((group) => group.length > 0);
  const lines = groups.map((group) => group.map(([name, text]) => printable(`${name}: ${readable(name, text)}`)));
  await context.print(lines.map((group) => group.join('\n')).join('\n\n'));
}

function fileFacts(info: FileInfo): Facts {
  const age = formatAge(Math.max(0, Date.now() - Date.parse(info.modTime)));
  return [
    ['name', info.name],
    ['type', info.meta.Type || (info.isDir ? 'directory' : 'file')],
    ['plugin', info.meta.Name],
    ['size', String(info.size)],
    ['mode', `${modeText(info)} (${info.mode.toString(8).padStart(4, '0')})`],
    ['modified', `${info.modTime} (${age} ago)`],
  ];
}

function contentGroups(info: FileInfo): Facts[] {
  const facts = streamFacts(info);
  const content: Record<string, string> = {
    ...info.meta.Content,
    ...(facts === undefined ? {} : { retained: String(facts.retained) }),
  };
  const grouped = new Set<string>(GROUPS.flat());
  const named = GROUPS.map((names) =>
    names.flatMap((name): Facts => (content[name] === undefined ? [] : [[name, content[name]]])),
  );
  // The content type of a stream is printed under its setting name.
  return [...named, Object.entries(content).filter(([name]) => !grouped.has(name))];
}

function readable(name: string, text: string): string {
  const bytes = Number(text);
  return SIZES.has(name) && bytes >= READABLE_FROM_BYTES ? `${text} (${formatSize(bytes)})` : text;
}
