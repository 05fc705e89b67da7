/** A column of a table: its head, its width, and what stands in it of a row. */
import type { ComponentChildren } from 'preact';
import type { SortKey } from './sort.ts';

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
  /** What changes while the row does not, such as by the time, is a component of its own, which reads a signal. */
  render(row: Row): ComponentChildren;
}
