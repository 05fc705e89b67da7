import type { ReaderInfo } from '../../client/index.ts';
import { formatSize } from '../../units/index.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../io.ts';
import { table } from '../table.ts';

const HEADINGS = ['ID', 'PATH', 'ADDRESS', 'KIND', 'STATE', 'LAG', 'SENT', 'LOST', 'POLICY', 'SINCE'];
const NUMBERS = ['ID', 'LAG', 'SENT', 'LOST'].map((heading) => HEADINGS.indexOf(heading));

/** `streamfs readers [PATH]`: prints who reads, each reader's lag, and the bytes it has lost. */
export async function readers(context: CommandContext, path?: string): Promise<undefined> {
  const client = await context.client();
  const found: ReaderInfo[] = [];
  const rows = [HEADINGS];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const { node, readers, next } = await client.readers({ after, path });
    found.push(...readers);
    const nodes = node === undefined ? [] : [printable(node)];
    rows.push(...readers.map((reader) => [...rowOf(reader), ...nodes]));
    if (nodes.length > 0) rows[0] = [...HEADINGS, 'NODE'];
    after = next;
  }
  if (context.global.json) {
    await context.printJson(found);
    return;
  }
  if (found.length === 0) {
    if (context.chatty) context.messages.note('no readers');
    return;
  }
  for (const line of table(rows, NUMBERS)) await context.print(line);
}

function rowOf(reader: ReaderInfo): string[] {
  const { id, path, address, kind, handle, state, lag, bytes, policy, since } = reader;
  const way = handle === undefined ? kind : kind === 'handle' ? `handle ${handle}` : `${kind}, handle ${handle}`;
  return [
    String(id),
    ...[path, address ?? '-', way, state].map(printable),
    ...[lag, bytes, reader.skipped_bytes].map((size) => formatSize(size)),
    policy,
    since.replace(/\.\d+/, ''),
  ];
}
