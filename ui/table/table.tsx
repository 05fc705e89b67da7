/**
 * A table of any length, of which only the rows that can be seen are there. Rows are as high as each other; on a narrow
 * screen a row is its first column and, below it, the few that matter most.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import './table.css';
import { isNarrow } from '../narrow.ts';
import type { Sort, SortKey } from './sort.ts';
import { rowWindow, scrollTo } from './window.ts';

export interface Column<Row> {
  id: string;
  title: string;
  /** A track of the grid, such as `minmax(0, 2fr)` or `90px`. */
  width: string;
  isNumber?: boolean | undefined;
  /** Left out where the table is narrower than this, in pixels. */
  from?: number | undefined;
  /** Shown on narrow screens too, with this before it. */
  narrow?: string | undefined;
  /** What it is sorted by; without it, it is not. */
  sortBy?: ((row: Row) => SortKey) | undefined;
  render(row: Row): ComponentChildren;
}

export interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  sort: Sort;
  onSort: (sort: Sort) => void;
  /** Enter on a row, and a click on it. */
  onOpen?: ((row: Row) => void) | undefined;
  /** `i` on a row. */
  onDetails?: ((row: Row) => void) | undefined;
  /** Shown in place of rows where there are none. */
  empty?: ComponentChildren;
}

const ROW = 38;
const NARROW_ROW = 64;

export function Table<Row>({ label, columns, rows, keyOf, sort, onSort, onOpen, onDetails, empty }: TableProps<Row>) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600, width: 1200 });
  /** The key of the row that has the focus, or would have it. */
  const [active, setActive] = useState<string | undefined>(undefined);
  const wantsFocus = useRef(false);
  const narrow = isNarrow.value;
  const rowHeight = narrow ? NARROW_ROW : ROW;
  const shown = columns.filter((column, index) =>
    narrow ? index === 0 || column.narrow !== undefined : view.width >= (column.from ?? 0),
  );

  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => setView(viewOf(element));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const { first, end } = rowWindow(view.top, view.height, rowHeight, rows.length);
  const activeIndex = Math.max(0, active === undefined ? 0 : rows.findIndex((row) => keyOf(row) === active));

  useEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    box.current?.querySelector<HTMLElement>('[data-active]')?.focus({ preventScroll: true });
  });

  const move = (to: number) => {
    const index = Math.max(0, Math.min(rows.length - 1, to));
    const row = rows[index];
    if (row === undefined) return;
    const element = box.current!;
    element.scrollTop = scrollTo(index, element.scrollTop, element.clientHeight, rowHeight);
    wantsFocus.current = true;
    setView(viewOf(element));
    setActive(keyOf(row));
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
    const to = destination(event.key, activeIndex, page, rows.length);
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };

  const tracks = narrow ? undefined : { gridTemplateColumns: shown.map(({ width }) => width).join(' ') };
  return (
    <div class={narrow ? 'table narrow' : 'table'} role="table" aria-label={label} aria-rowcount={rows.length + 1}>
      {narrow ? null : (
        <div class="table-head" role="rowgroup">
          <div class="table-row" role="row" aria-rowindex={1} style={tracks}>
            {shown.map((column) => (
              <Heading key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </div>
        </div>
      )}
      <div
        class="table-body"
        ref={box}
        role="rowgroup"
        onScroll={(event) => setView(viewOf(event.currentTarget))}
        onKeyDown={onKeyDown}
      >
        {rows.length === 0 ? empty : null}
        <div class="table-space" style={{ height: `${rows.length * rowHeight}px` }}>
          <div class="table-window" style={{ transform: `translateY(${first * rowHeight}px)` }}>
            {rows.slice(first, end).map((row, at) => {
              const index = first + at;
              const isActive = index === activeIndex;
              return (
                <div
                  class="table-row"
                  role="row"
                  key={keyOf(row)}
                  aria-rowindex={index + 2}
                  style={{ ...tracks, height: `${rowHeight}px` }}
                  tabIndex={isActive ? 0 : -1}
                  data-active={isActive ? '' : undefined}
                  onFocus={() => setActive(keyOf(row))}
                  onKeyDown={(event) => {
                    if (event.target !== event.currentTarget) return;
                    if (event.key === 'Enter') onOpen?.(row);
                    if (event.key === 'i') onDetails?.(row);
                  }}
                  onClick={(event) => {
                    if (!(event.target as Element).closest('a, button') && getSelection()?.type !== 'Range')
                      onOpen?.(row);
                  }}
                >
                  {shown.map((column) => (
                    <div
                      key={column.id}
                      role="cell"
                      class={column.isNumber ? 'number' : ''}
                      data-column={column.id}
                      data-title={column.narrow}
                    >
                      {column.render(row)}
                    </div>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </div>
  );
}

function viewOf({ scrollTop, clientHeight, clientWidth }: HTMLElement) {
  return { top: scrollTop, height: clientHeight, width: clientWidth };
}

function Heading<Row>({ column, sort, onSort }: { column: Column<Row>; sort: Sort; onSort: (sort: Sort) => void }) {
  const { id, title, sortBy, isNumber } = column;
  const isSorted = sort.column === id;
  const order = isSorted ? (sort.descending ? 'descending' : 'ascending') : undefined;
  return (
    <div role="columnheader" aria-sort={order} class={isNumber ? 'number' : ''}>
      {sortBy === undefined ? (
        <span class={title === '' ? 'visually-hidden' : ''}>{title || 'Actions'}</span>
      ) : (
        // The first click on a figure shows the largest; on a name, the first.
        <button
          type="button"
          class="quiet"
          onClick={() => onSort({ column: id, descending: isSorted ? !sort.descending : isNumber === true })}
        >
          {title}
          <span aria-hidden="true">{order === undefined ? '' : sort.descending ? ' ↓' : ' ↑'}</span>
        </button>
      )}
    </div>
  );
}

function destination(key: string, from: number, page: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowDown':
    case 'j':
      return from + 1;
    case 'ArrowUp':
    case 'k':
      return from - 1;
    case 'PageDown':
      return from + page;
    case 'PageUp':
      return from - page;
    case 'Home':
    case 'g':
      return 0;
    case 'End':
    case 'G':
      return count - 1;
    default:
      return undefined;
  }
}
