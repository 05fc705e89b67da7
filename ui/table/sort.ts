/** Sorting by a column. Rows that are equal in it stay as they were, so that a live table does not jump about. */

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

/** What is not known comes last, whichever way. */
function compare(a: SortKey, b: SortKey, sign: number): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -sign : sign;
}
