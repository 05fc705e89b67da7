import { type FileInfo, isClientError } from '../../client/index.ts';
import { OCTET_STREAM } from '../../protocol/index.ts';
import { formatSize } from '../../units/index.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../io.ts';
import { formatAge, streamFacts } from '../stream-facts.ts';
import { table } from '../table.ts';

/** `streamfs ls [-l] [PATH]`: lists the entries of a directory, or the file itself. */
export async function ls(
  context: CommandContext,
  path: string,
  options: { long?: boolean | undefined },
): Promise<undefined> {
  const client = await context.client();
  let entries: FileInfo[];
  try {
    entries = await client.list(path);
  } catch (error) {
    if (!isClientError(error, 'NOT_A_DIRECTORY')) throw error;
    entries = [await client.stat(path)];
  }
  if (context.global.json) {
    await context.printJson(entries);
    return;
  }
  const lines = options.long ? longLines(entries) : entries.map(nameOf);
  for (const line of lines) await context.print(line);
}

/** The name, with a slash at the end for a directory. */
function nameOf(entry: FileInfo): string {
  return printable(entry.name) + (entry.isDir && entry.name !== '/' ? '/' : '');
}

const HEADINGS = ['MODE', 'SIZE', 'STATE', 'READERS', 'RETAINED', 'DISK', 'LOST', 'AGE', 'TYPE', 'NAME'];
const NUMBERS = ['SIZE', 'READERS', 'RETAINED', 'DISK', 'LOST', 'AGE'];
/** Shown only if some stream is kept on disk. */
const DISK = HEADINGS.indexOf('DISK');

/** Columns of streams if there are any, else those of files. */
function longLines(entries: readonly FileInfo[]): string[] {
  const now = Date.now();
  const rows = entries.map((entry) => ({ entry, facts: streamFacts(entry, now) }));
  if (rows.every(({ facts }) => facts === undefined)) {
    return table(
      entries.map((entry) => [
        modeText(entry),
        formatSize(entry.size),
        entry.modTime.replace(/\.\d+/, ''),
        nameOf(entry),
      ]),
      [1],
    );
  }
  const cells = [
    HEADINGS,
    ...rows.map(({ entry, facts }) => [
      modeText(entry),
      formatSize(entry.size),
      ...(facts === undefined
        ? ['-', '-', '-', '-', '-', '-', '-']
        : [
            printable(facts.state),
            String(facts.readers),
            formatSize(facts.retained),
            facts.disk === undefined ? '-' : formatSize(facts.disk),
            formatSize(facts.lost),
            formatAge(facts.age),
            facts.contentType === OCTET_STREAM ? '-' : printable(facts.contentType),
          ]),
      nameOf(entry),
    ]),
  ];
  const isOnDisk = rows.some(({ facts }) => facts?.disk !== undefined);
  const shown = isOnDisk ? cells : cells.map((row) => row.toSpliced(DISK, 1));
  return table(
    shown,
    NUMBERS.map((heading) => shown[0]!.indexOf(heading)),
  );
}

/** `drwxr-xr-x` */
export function modeText(entry: Pick<FileInfo, 'mode' | 'isDir'>): string {
  const bits = [...'rwxrwxrwx'].map((letter, index) => (entry.mode & (1 << (8 - index)) ? letter : '-'));
  return (entry.isDir ? 'd' : '-') + bits.join('');
}
