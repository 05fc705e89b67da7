/** A row of a table. It is rendered again only if its data has changed: rows are immutable values. */
import { Component } from 'preact';
import type { Column } from './column.ts';

export interface RowProps<Row> {
  row: Row;
  rowKey: string;
  /** Its index among all rows, from 0. */
  index: number;
  isActive: boolean;
  columns: readonly Column<Row>[];
  /** The grid tracks; undefined on a narrow screen. */
  tracks: string | undefined;
  height: number;
  onFocus: (key: string) => void;
  onOpen: ((row: Row) => void) | undefined;
  onDetails: ((row: Row) => void) | undefined;
}

/** The properties that affect rendering. Handlers are looked up when called. */
const LOOKS = ['row', 'index', 'isActive', 'columns', 'tracks', 'height'] as const;

export class Row<T> extends Component<RowProps<T>> {
  override shouldComponentUpdate(next: RowProps<T>): boolean {
    return LOOKS.some((name) => next[name] !== this.props[name]);
  }

  override render() {
    const { row, rowKey, index, isActive, columns, tracks, height } = this.props;
    return (
      <div
        class="table-row"
        role="row"
        aria-rowindex={index + 2}
        style={{ gridTemplateColumns: tracks, height: `${height}px`, top: `${index * height}px` }}
        tabIndex={isActive ? 0 : -1}
        data-active={isActive ? '' : undefined}
        onFocus={() => this.props.onFocus(rowKey)}
        onKeyDown={this.#onKeyDown}
        onClick={this.#onClick}
      >
        {columns.map((column) => (
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
  }

  readonly #onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    const { row, onOpen, onDetails } = this.props;
    if (event.key === 'Enter') onOpen?.(row);
    if (event.key === 'i') onDetails?.(row);
  };

  readonly #onClick = (event: MouseEvent) => {
    if ((event.target as Element).closest('a, button') || getSelection()?.type === 'Range') return;
    this.props.onOpen?.(this.props.row);
  };
}
