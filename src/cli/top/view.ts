/** Formats a sample as lines of text for a width and height, or at full length. */
import type { ReaderInfo } from '../../client/index.ts';
import { formatSize } from '../../units/index.ts';
import { printable } from '../io.ts';
import { formatAge } from '../stream-facts.ts';
import type { Sample, StreamRow } from './sample.ts';

/** The sort orders; each has a key. */
export const SORTS = {
  rate: { key: 'r', of: (row: StreamRow) => row.rate },
  written: { key: 'w', of: (row: StreamRow) => row.written },
  readers: { key: 'n', of: (row: StreamRow) => row.readers },
  lag: { key: 'l', of: (row: StreamRow) => row.lag },
  lost: { key: 'x', of: (row: StreamRow) => row.lost },
  age: { key: 'a', of: (row: StreamRow) => -row.age },
  path: { key: 'p', of: undefined },
} as const;
export type Sort = keyof typeof SORTS;
export const SORT_NAMES = Object.keys(SORTS) as Sort[];

export interface View {
  url: string;
  sort: Sort;
  /** The other way round. */
  isReversed: boolean;
  /** Number of stream rows above the first one shown. */
  scroll: number;
  /** The current problem, if any. */
  problem?: string | undefined;
}

export interface Size {
  width: number;
  /** Infinity: all rows. */
  height: number;
}

/** Maximum number of slow readers shown if the height is limited. */
const MAX_SLOW = 5;
const WIDE_FROM_COLUMNS = 100;

interface Column {
  heading: string;
  width: number;
  text: (row: StreamRow) => string;
}

const COLUMNS: readonly Column[] = [
  { heading: 'STATE', width: 7, text: ({ state }) => state.split(':')[0]! },
  { heading: 'READERS', width: 7, text: ({ readers }) => String(readers) },
  { heading: 'RATE/s', width: 8, text: ({ rate }) => formatSize(rate) },
  { heading: 'WRITTEN', width: 8, text: ({ written }) => formatSize(written) },
  { heading: 'LAG', width: 8, text: ({ lag }) => formatSize(lag) },
  { heading: 'LOST', width: 8, text: ({ lost }) => formatSize(lost) },
  { heading: 'AGE', width: 4, text: ({ age }) => formatAge(age) },
];
const RETAINED: Column = { heading: 'RETAINED', width: 8, text: ({ retained }) => formatSize(retained) };

export function sorted(
  streams: readonly StreamRow[],
  { isReversed, sort }: Pick<View, 'sort' | 'isReversed'>,
): StreamRow[] {
  const { of } = SORTS[sort];
  const byPath = (a: StreamRow, b: StreamRow) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  const by = of === undefined ? byPath : (a: StreamRow, b: StreamRow) => of(b) - of(a) || byPath(a, b);
  return [...streams].sort(isReversed ? (a, b) => by(b, a) : by);
}

/** The lines, none wider than the width, and the scroll position limited to the possible range. */
export function render(sample: Sample, view: View, { width, height }: Size): { lines: string[]; scroll: number } {
  const rows = sorted(sample.streams, view);
  const slow = slowLines(
    sample.slow,
    width,
    Number.isFinite(height) ? Math.min(MAX_SLOW, Math.floor(height / 4)) : height,
  );
  const head = [summary(sample, view), keys(view, width), ''];
  const room = Math.max(1, height - head.length - 1 - slow.length);
  const scroll = Math.max(0, Math.min(view.scroll, rows.length - room));
  // If not all fit, the last line gives their number.
  const isCut = rows.length > room;
  const shown = isCut ? rows.slice(scroll, scroll + room - 1) : rows;
  const columns = width >= WIDE_FROM_COLUMNS ? [...COLUMNS.slice(0, 4), RETAINED, ...COLUMNS.slice(4)] : COLUMNS;
  const lines = [
    ...head,
    line(
      'STREAM',
      columns.map(({ heading }) => heading),
      columns,
      width,
    ),
    ...shown.map((row) =>
      line(
        row.path,
        columns.map(({ text }) => text(row)),
        columns,
        width,
      ),
    ),
    ...(isCut ? [`${scroll + 1} to ${scroll + shown.length} of ${rows.length} streams; arrows and space scroll`] : []),
    ...(rows.length === 0 ? ['no streams'] : []),
    ...slow,
  ];
  return { lines: lines.slice(0, Math.max(1, height)).map((text) => fitted(text, width)), scroll };
}

function summary({ readers, streams }: Sample, { problem, url }: View): string {
  if (problem !== undefined) return `streamfs top: ${printable(problem)}`;
  const open = streams.filter(({ state }) => state === 'open').length;
  const rate = streams.reduce((sum, row) => sum + row.rate, 0);
  const server = url.replace(/\/api\/v1$/, '');
  return `${server}: ${counted(streams.length, 'stream')}, ${open} open; ${counted(readers, 'reader')}; ${formatSize(rate)}/s`;
}

function counted(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

function keys({ isReversed, sort }: View, width: number): string {
  const all = SORT_NAMES.map((name) => `${SORTS[name].key} ${name}${name === sort ? (isReversed ? '^' : '*') : ''}`);
  return fitted(`sort by: ${all.join('  ')}   q quits`, width);
}

function line(path: string, cells: readonly string[], columns: readonly Column[], width: number): string {
  const right = cells.map((cell, n) => cell.padStart(columns[n]!.width)).join(' ');
  const room = Math.max(8, width - right.length - 1);
  return `${shortened(printable(path), room).padEnd(room)} ${right}`;
}

/** Shortens a path at its beginning, because its end is more specific. */
function shortened(path: string, room: number): string {
  return path.length <= room ? path : `…${path.slice(path.length - room + 1)}`;
}

function slowLines(slow: readonly ReaderInfo[], width: number, most: number): string[] {
  if (slow.length === 0) return [];
  const widths = [6, 12, 8, 8, 21];
  const cells = (...[id, state, lag, lost, address]: string[]) =>
    [
      id!.padStart(widths[0]!),
      state!.padEnd(widths[1]!),
      lag!.padStart(widths[2]!),
      lost!.padStart(widths[3]!),
      address!.padEnd(widths[4]!),
    ].join(' ');
  const heading = `${cells('READER', 'STATE', 'LAG', 'LOST', 'ADDRESS')} STREAM`;
  const room = Math.max(8, width - heading.length + 'STREAM'.length);
  const rows = slow.slice(0, most).map(({ address, id, lag, path, skipped_bytes, state }) => {
    const facts = cells(
      String(id),
      printable(state),
      formatSize(lag),
      formatSize(skipped_bytes),
      printable(address ?? '-'),
    );
    return `${facts} ${shortened(printable(path), room)}`;
  });
  const more = slow.length > rows.length ? `, the first ${rows.length} of ${slow.length}` : '';
  return ['', `slow readers${more}:`, heading, ...rows];
}

function fitted(text: string, width: number): string {
  return text.length <= width ? text.trimEnd() : text.slice(0, width);
}
