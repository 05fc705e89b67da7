/** Which rows of a long list are to be there, so that only those that can be seen are. */

/** Rows beyond each edge, so that scrolling a little shows no hole. */
const OVERSCAN = 6;
/** Rows that come and go together, so that not each step of scrolling changes which are there. */
const STEP = 4;

export interface RowWindow {
  first: number;
  /** The one behind the last. */
  end: number;
}

export function rowWindow(scrollTop: number, height: number, rowHeight: number, count: number): RowWindow {
  const above = Math.floor(scrollTop / rowHeight) - OVERSCAN;
  const below = Math.ceil((scrollTop + height) / rowHeight) + OVERSCAN;
  const first = Math.max(0, Math.floor(above / STEP) * STEP);
  const end = Math.min(count, Math.ceil(below / STEP) * STEP);
  return { first: Math.min(first, Math.max(0, end)), end };
}

/** Where to scroll so that a row can be seen whole, moving as little as possible. */
export function scrollTo(index: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return top + rowHeight > scrollTop + height ? top + rowHeight - height : scrollTop;
}
