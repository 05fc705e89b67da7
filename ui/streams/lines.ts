/** The lines of the list of streams: flat and sorted by a column, or as a tree of the directories in their names. */
import type { StreamRow } from '../feed/stream-row.ts';
import { hasWords } from '../filter/words.ts';
import { type SortKey, sorted } from '../table/sort.ts';

/** A line of the table: a stream, or a directory with the totals of its contents. */
export interface Line extends StreamRow {
  /** The displayed name. */
  name: string;
  depth: number;
  directory: { count: number; isOpen: boolean } | undefined;
}

export interface Order {
  keyOf: (row: StreamRow) => SortKey;
  descending: boolean;
}

/** The rows that contain all words in their path, type or state. */
export function filtered(rows: readonly StreamRow[], text: string): readonly StreamRow[] {
  if (text.trim() === '') return rows;
  const isAsked = hasWords(text);
  return rows.filter(({ path, type, state }) => isAsked(`${path}\n${type}\n${state}`));
}

/** Cached lines: the same row gives the same line, which is not rendered again. */
const inList = new WeakMap<StreamRow, Line>();
const inTree = new WeakMap<StreamRow, Line>();

function lineOf(row: StreamRow, known: WeakMap<StreamRow, Line>, name: string, depth: number): Line {
  let line = known.get(row);
  if (line === undefined) {
    line = { ...row, name, depth, directory: undefined };
    known.set(row, line);
  }
  return line;
}

export function listLines(rows: readonly StreamRow[], { keyOf, descending }: Order): Line[] {
  return sorted(rows, keyOf, descending).map((row) => lineOf(row, inList, row.path, 0));
}

/** @param closed paths of folded directories */
export function treeLines(rows: readonly StreamRow[], order: Order, closed: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  unfold(rows, '', 0, order, closed, lines);
  return lines;
}

function unfold(
  rows: readonly StreamRow[],
  directory: string,
  depth: number,
  order: Order,
  closed: ReadonlySet<string>,
  lines: Line[],
): void {
  const groups = new Map<string, StreamRow[]>();
  const here: StreamRow[] = [];
  for (const row of rows) {
    const slash = row.path.indexOf('/', directory.length + 1);
    if (slash < 0) here.push(row);
    else {
      const path = row.path.slice(0, slash);
      const group = groups.get(path);
      if (group === undefined) groups.set(path, [row]);
      else group.push(row);
    }
  }
  // A directory that contains only another directory shares one line with it.
  const sums = [...groups].map(([path, group]) => ({ sum: total(commonDirectory(group, path), group), group }));
  for (const { row, group } of sorted(
    [...sums.map(({ sum, group }) => ({ row: sum, group })), ...here.map((row) => ({ row, group: undefined }))],
    (each) => order.keyOf(each.row),
    order.descending,
  )) {
    const isOpen = group !== undefined && !closed.has(row.path);
    const name = row.path.slice(directory.length + 1);
    if (group === undefined) lines.push(lineOf(row, inTree, name, depth));
    else lines.push({ ...row, name, depth, directory: { count: group.length, isOpen } });
    if (group !== undefined && isOpen) unfold(group, row.path, depth + 1, order, closed, lines);
  }
}

/** The deepest common directory of all rows, which are in the same directory. */
function commonDirectory(rows: readonly StreamRow[], directory: string): string {
  const [first, ...others] = rows as [StreamRow, ...StreamRow[]];
  let common = directory;
  for (;;) {
    const slash = first.path.indexOf('/', common.length + 1);
    if (slash < 0) return common;
    const next = first.path.slice(0, slash + 1);
    if (!others.every(({ path }) => path.startsWith(next))) return common;
    common = next.slice(0, -1);
  }
}

/** The totals of everything below a directory. */
function total(path: string, rows: readonly StreamRow[]): StreamRow {
  const sum: StreamRow = {
    path,
    size: 0,
    retained: 0,
    memory: 0,
    readers: 0,
    lag: 0,
    lost: 0,
    incoming: undefined,
    outgoing: undefined,
    writtenAt: 0,
    type: '',
    generation: '',
    state: '',
    endStatus: undefined,
    facts: {},
  };
  for (const row of rows) {
    sum.size += row.size;
    sum.retained += row.retained;
    sum.memory += row.memory;
    sum.readers += row.readers;
    sum.lost += row.lost;
    sum.lag = Math.max(sum.lag, row.lag);
    sum.writtenAt = Math.max(sum.writtenAt, row.writtenAt);
    if (row.incoming !== undefined) sum.incoming = (sum.incoming ?? 0) + row.incoming;
    if (row.outgoing !== undefined) sum.outgoing = (sum.outgoing ?? 0) + row.outgoing;
  }
  return sum;
}
