/** Sorting by a column. The sort is stable, so that equal rows of a live table do not change places. */

export interface Sort {
  column: string;
  descending: boolean;
}

export type SortKey = string | number | undefined;

export function sorted<Row>(rows: readonly Row[], keyOf: (row: Row) => SortKey, descending: boolean): Row[] {
  const sign = descending ? -1 : 1;
  return rows
    .map((row) => ({ row, key: keyOf(row) }))
    .sort((a, b) => compare(a.key, b.key, sign))
    .map(({ row }) => row);
}

/** Unknown values come last in both directions. */
function compare(a: SortKey, b: SortKey, sign: number): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -sign : sign;
}
