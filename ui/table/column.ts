/** A column of a table: its header, its width, and the cell of a row. */
import type { ComponentChildren } from 'preact';
import type { SortKey } from './sort.ts';

export interface Column<Row> {
  id: string;
  title: string;
  /** A track of the grid, such as `minmax(0, 2fr)` or `90px`. */
  width: string;
  isNumber?: boolean | undefined;
  /** Hidden if the table is narrower than this, in pixels. */
  from?: number | undefined;
  /** Also shown on narrow screens, with this text before the value. */
  narrow?: string | undefined;
  /** The sort key; a column without it is not sortable. */
  sortBy?: ((row: Row) => SortKey) | undefined;
  /** A value that changes while the row does not, such as an age, is a separate component that reads a signal. */
  render(row: Row): ComponentChildren;
}
