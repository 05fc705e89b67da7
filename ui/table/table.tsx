/**
 * A virtualised table of any length: only visible rows exist. All rows have the same height; on a narrow screen a row
 * is its first column and, below it, the most important ones. Rows are positioned absolutely, so that scrolling draws
 * only the rows that become visible.
 */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import './table.css';
import { isNarrow } from '../narrow.ts';
import type { Column } from './column.ts';
import { Row } from './row.tsx';
import type { Sort } from './sort.ts';
import { rowWindow, scrollTo } from './window.ts';

export interface TableProps<Row> {
  label: string;
  /** A row is rendered again only if the row or the columns have changed. */
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  sort: Sort;
  onSort: (sort: Sort) => void;
  /** Called for Enter on a row, and for a click on it. */
  onOpen?: ((row: Row) => void) | undefined;
  /** Called for `i` on a row. */
  onDetails?: ((row: Row) => void) | undefined;
  /** Shown instead of rows if there are none. */
  empty?: ComponentChildren;
}

const ROW = 38;
const NARROW_ROW = 64;

export function Table<Row>({ label, columns, rows, keyOf, sort, onSort, onOpen, onDetails, empty }: TableProps<Row>) {
  const box = useRef<HTMLDivElement>(null);
  const narrow = isNarrow.value;
  const rowHeight = narrow ? NARROW_ROW : ROW;
  const count = rows.length;
  const [view, setView] = useState<View>({ first: 0, end: 0, width: 1200 });
  /** The key of the row that has the focus, or would get it. */
  const [active, setActive] = useState<string | undefined>(undefined);
  const wantsFocus = useRef(false);
  const { width } = view;
  const shown = useMemo(
    () =>
      columns.filter((column, index) =>
        narrow ? index === 0 || column.narrow !== undefined : width >= (column.from ?? 0),
      ),
    [columns, narrow, width],
  );
  const tracks = narrow ? undefined : shown.map((column) => column.width).join(' ');

  const updateView = () => {
    const { scrollTop, clientHeight, clientWidth } = box.current!;
    const next = { ...rowWindow(scrollTop, clientHeight, rowHeight, count), width: clientWidth };
    setView((before) => (isSame(before, next) ? before : next));
  };
  const latestUpdate = useRef(updateView);
  latestUpdate.current = updateView;
  useLayoutEffect(updateView, [rowHeight, count]);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => latestUpdate.current());
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  const end = Math.min(view.end, count);
  const first = Math.min(view.first, end);
  const activeIndex = Math.max(0, active === undefined ? 0 : rows.findIndex((row) => keyOf(row) === active));

  // A layout effect: with a later effect, the effect of the previous render would consume the wish while the old row is
  // still active.
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    box.current?.querySelector<HTMLElement>('[data-active]')?.focus({ preventScroll: true });
  });

  const move = (to: number) => {
    const index = Math.max(0, Math.min(count - 1, to));
    const row = rows[index];
    if (row === undefined) return;
    const element = box.current!;
    element.scrollTop = scrollTo(index, element.scrollTop, element.clientHeight, rowHeight);
    wantsFocus.current = true;
    updateView();
    setActive(keyOf(row));
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(box.current!.clientHeight / rowHeight) - 1);
    const to = destination(event.key, activeIndex, page, count);
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };

  return (
    <div class={narrow ? 'table narrow' : 'table'} role="table" aria-label={label} aria-rowcount={count + 1}>
      {narrow ? (
        // On a narrow screen the cells of a row are below each other, and headings are for screen readers only.
        <div class="visually-hidden" role="rowgroup">
          <div role="row" aria-rowindex={1}>
            {shown.map(({ id, title }) => (
              <span key={id} role="columnheader">
                {title || 'Actions'}
              </span>
            ))}
          </div>
        </div>
      ) : (
        <div class="table-head" role="rowgroup">
          <div class="table-row" role="row" aria-rowindex={1} style={{ gridTemplateColumns: tracks }}>
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
        // If the active row was scrolled out of view, the box itself receives the keys.
        tabIndex={activeIndex >= first && activeIndex < end ? undefined : 0}
        onScroll={updateView}
        onKeyDown={onKeyDown}
      >
        {count === 0 ? empty : null}
        <div class="table-space" role="presentation" style={{ height: `${count * rowHeight}px` }}>
          {rows.slice(first, end).map((row, at) => (
            <Row
              key={keyOf(row)}
              row={row}
              rowKey={keyOf(row)}
              index={first + at}
              isActive={first + at === activeIndex}
              columns={shown}
              tracks={tracks}
              height={rowHeight}
              onFocus={setActive}
              onOpen={onOpen}
              onDetails={onDetails}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

interface View {
  first: number;
  end: number;
  width: number;
}

function isSame(a: View, b: View): boolean {
  return a.first === b.first && a.end === b.end && a.width === b.width;
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
        // The first click sorts a figure in descending order, a name in ascending order.
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
