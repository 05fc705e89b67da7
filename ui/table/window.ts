/** Determines which rows of a long list exist, so that only visible rows are rendered. */

/** Extra rows beyond each edge, so that scrolling a little shows no gap. */
const OVERSCAN = 6;
/** Rows are added and removed in groups of this size, so that not every scroll step changes them. */
const STEP = 4;

export interface RowWindow {
  first: number;
  /** The index after the last one. */
  end: number;
}

export function rowWindow(scrollTop: number, height: number, rowHeight: number, count: number): RowWindow {
  const above = Math.floor(scrollTop / rowHeight) - OVERSCAN;
  const below = Math.ceil((scrollTop + height) / rowHeight) + OVERSCAN;
  const first = Math.max(0, Math.floor(above / STEP) * STEP);
  const end = Math.min(count, Math.ceil(below / STEP) * STEP);
  return { first: Math.min(first, Math.max(0, end)), end };
}

/** The scroll position at which a row is fully visible, with the least movement. */
export function scrollTo(index: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return top + rowHeight > scrollTop + height ? top + rowHeight - height : scrollTop;
}
